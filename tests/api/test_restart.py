"""The server killed at any moment and started again: what lives is adopted, the rest in ERROR, nothing is lost."""

from __future__ import annotations

import os
import signal
import stat
import subprocess
import sys
import time
import uuid

import psutil
import pytest
from google.api_core import exceptions

KILLS = [signal.SIGTERM, signal.SIGKILL]


@pytest.mark.parametrize("number", KILLS)
def test_a_cluster_whose_processes_live_is_adopted_and_can_be_used(own_dataproc, number, runs):
    dataproc = own_dataproc()
    before = dataproc.create(dataproc.definition())
    name, processes = before.cluster_name, dataproc.processes()
    dataproc.stop(number)
    assert dataproc.processes().keys() == processes.keys()
    dataproc.start()
    assert dataproc.get(name) == before
    workers = {"config": {"worker_config": {"num_instances": 3}}}
    dataproc.update(name, "config.worker_config.num_instances", workers)
    assert set(dataproc.processes()) == {*processes, f"{name}-w-2"}
    dataproc.delete(name)
    assert not any(map(runs, processes.values()))


def test_a_cluster_whose_head_died_meanwhile_is_in_error_and_listed(own_dataproc):
    dataproc = own_dataproc()
    name = dataproc.create(dataproc.single()).cluster_name
    dataproc.stop(signal.SIGKILL)
    head = dataproc.processes()[f"{name}-m"]
    os.killpg(head.pid, signal.SIGKILL)
    dataproc.start()
    assert dataproc.names(filter="status.state = ERROR") == [name]
    assert dataproc.get(name).status.detail == f"{name}-m, the master, is not running any more"
    dataproc.delete(name)
    assert dataproc.names() == []


def test_a_request_id_is_known_after_a_restart(own_dataproc):
    dataproc = own_dataproc()
    request = {**dataproc.place, "cluster": dataproc.single(), "request_id": str(uuid.uuid4())}
    first = dataproc.clusters.create_cluster(request=request)
    created = first.result(timeout=60)
    dataproc.stop(signal.SIGKILL)
    dataproc.start()
    second = dataproc.clusters.create_cluster(request=request)
    assert second.operation.name == first.operation.name
    assert second.result(timeout=60) == created


def test_a_creation_that_a_kill_interrupts_ends_in_an_error_and_its_cluster_can_be_deleted(own_dataproc, runs):
    dataproc = own_dataproc()
    definition = dataproc.definition()
    creation = dataproc.clusters.create_cluster(request={**dataproc.place, "cluster": definition})
    dataproc.stop(signal.SIGKILL)
    dataproc.start()
    operation = dataproc.operations.get_operation(creation.operation.name)
    assert operation.done
    assert "restarted" in operation.error.message
    cluster = dataproc.get(definition["cluster_name"])
    assert cluster.status.state.name == "ERROR"
    processes = dataproc.processes()
    dataproc.delete(cluster.cluster_name)
    assert not any(map(runs, processes.values()))


@pytest.mark.parametrize("moment", [0.0, 0.05, 0.15, 0.3, 0.6])
def test_no_moment_of_a_creation_is_one_at_which_a_kill_leaves_processes_behind(own_dataproc, moment):
    dataproc = own_dataproc()
    definition = dataproc.definition()
    creation = dataproc.clusters.create_cluster(request={**dataproc.place, "cluster": definition})
    time.sleep(moment)  # not to wait for something: the moment is what is tried
    dataproc.stop(signal.SIGKILL)
    dataproc.start()
    dataproc.create(dataproc.single())  # by then the zygote of the server before has ended
    assert definition["cluster_name"] in dataproc.names()
    dataproc.delete(definition["cluster_name"])
    folder = f"{dataproc.state}/emulator/machines/{creation.metadata.cluster_uuid}/"
    living = [process for process in psutil.process_iter(["cwd", "status"]) if process.info["status"] != "zombie"]
    assert [process for process in living if (process.info["cwd"] or "").startswith(folder)] == []


def test_a_resize_that_a_kill_interrupts_leaves_a_running_cluster_that_can_be_resized(own_dataproc):
    dataproc = own_dataproc()
    name = dataproc.create(dataproc.definition()).cluster_name
    mask, workers = "config.worker_config.num_instances", {"config": {"worker_config": {"num_instances": 4}}}
    request = {**dataproc.place, "cluster_name": name, "cluster": workers, "update_mask": {"paths": [mask]}}
    dataproc.clusters.update_cluster(request=request)
    dataproc.stop(signal.SIGKILL)
    dataproc.start()
    assert dataproc.get(name).status.state.name == "RUNNING"
    assert dataproc.update(name, mask, workers).config.worker_config.num_instances == 4
    assert len(dataproc.processes()) == 5


def test_a_deletion_that_a_kill_interrupts_is_finished(own_dataproc, until, runs):
    dataproc = own_dataproc()
    name = dataproc.create(dataproc.definition()).cluster_name
    processes = dataproc.processes()
    deletion = dataproc.clusters.delete_cluster(cluster_name=name, **dataproc.place)
    dataproc.stop(signal.SIGKILL)
    dataproc.start()
    until(lambda: dataproc.operations.get_operation(deletion.operation.name).done)
    assert dataproc.names() == []
    assert not any(map(runs, processes.values()))


@pytest.mark.parametrize("number", KILLS)
def test_a_job_lives_through_a_restart_and_its_result_is_known(own_dataproc, until, tmp_path, number):
    dataproc = own_dataproc()
    name = dataproc.create(dataproc.single()).cluster_name
    go = tmp_path / "go"
    main = tmp_path / "main.py"
    main.write_text(
        f"import os, sys, time\nwhile not os.path.exists({str(go)!r}): time.sleep(.01)\nsys.exit(int(sys.argv[1]))"
    )
    ids = []
    for status in ("0", "3"):
        job = {
            "placement": {"cluster_name": name},
            "pyspark_job": {"main_python_file_uri": str(main), "args": [status]},
        }
        ids.append(dataproc.jobs.submit_job(request={**dataproc.place, "job": job}).reference.job_id)
    jobs = lambda: [dataproc.jobs.get_job(job_id=job_id, **dataproc.place) for job_id in ids]  # noqa: E731
    until(lambda: all(job.status.state.name == "RUNNING" for job in jobs()))
    dataproc.stop(number)
    dataproc.start()
    assert [job.status.state.name for job in jobs()] == ["RUNNING", "RUNNING"]
    go.touch()
    until(lambda: all(job.done for job in jobs()))
    assert [job.status.state.name for job in jobs()] == ["DONE", "ERROR"]
    assert "exited with status 3" in jobs()[1].status.details


def test_a_policy_outlives_the_server(own_dataproc):
    dataproc = own_dataproc()
    yarn = {"graceful_decommission_timeout": {"seconds": 0}, "scale_up_factor": 1, "scale_down_factor": 1}
    policy = {"id": "kept", "basic_algorithm": {"yarn_config": yarn}, "worker_config": {"max_instances": 2}}
    parent = "projects/test-project/regions/us-central1"
    created = dataproc.policies.create_autoscaling_policy(parent=parent, policy=policy)
    dataproc.stop(signal.SIGKILL)
    dataproc.start()
    assert dataproc.policies.get_autoscaling_policy(name=created.name) == created


def test_a_second_server_on_the_same_folder_ends_at_once_and_quietly(own_dataproc):
    dataproc = own_dataproc()
    command = [sys.executable, "-m", "dask_dataproc.emulator", "--runtime", dataproc.runtime, "--state", dataproc.state]
    second = subprocess.run(command, capture_output=True, timeout=30, check=False)
    assert (second.returncode, second.stdout, second.stderr) == (0, b"", b"")
    assert dataproc.names() == []


def test_its_files_are_for_its_user_alone(own_dataproc):
    dataproc = own_dataproc()
    mode = lambda path: stat.S_IMODE(path.stat().st_mode)  # noqa: E731
    assert mode(dataproc.runtime) == 0o700
    assert {mode(dataproc.runtime / name) for name in ("dataproc.sock", "emulator.json")} == {0o600}
    assert mode(dataproc.state / "emulator" / "clusters") == 0o700


def test_it_ends_when_there_are_no_clusters_and_no_calls(own_dataproc):
    dataproc = own_dataproc("--idle", "1")
    assert dataproc.process.wait(30) == 0
    assert not (dataproc.runtime / "dataproc.sock").exists()
    assert dataproc.announcement() == {}


def test_it_does_not_end_while_there_is_a_cluster(own_dataproc):
    dataproc = own_dataproc("--idle", "1")
    name = dataproc.create(dataproc.single()).cluster_name
    with pytest.raises(subprocess.TimeoutExpired):
        dataproc.process.wait(2.5)
    dataproc.delete(name)
    assert dataproc.process.wait(30) == 0


def test_a_call_to_a_server_that_is_gone_is_unavailable(own_dataproc):
    dataproc = own_dataproc()
    dataproc.process.terminate()
    dataproc.process.wait(30)
    began = time.monotonic()
    with pytest.raises(exceptions.ServiceUnavailable):
        dataproc.clusters.get_cluster(cluster_name="c", **dataproc.place, retry=None)
    assert time.monotonic() - began < 10
