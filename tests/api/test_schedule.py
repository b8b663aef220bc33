"""Scheduled deletion and stop, on a clock on which ten minutes pass in a second."""

from __future__ import annotations

import time

import pytest

SCALE = 600.0


@pytest.fixture(scope="module")
def fast(module_dataproc):
    """An emulator on which ten minutes pass in a second."""
    return module_dataproc("--clock-scale", str(SCALE))


def test_a_cluster_is_deleted_at_the_end_of_its_ttl_and_no_process_lives(fast, until, runs):
    cluster = fast.create(fast.single(lifecycle_config={"auto_delete_ttl": {"seconds": 1800}}))
    processes = fast.processes(cluster.cluster_name)
    assert len(processes) == 1
    until(lambda: cluster.cluster_name not in fast.names())
    until(lambda: not any(map(runs, processes.values())))


def test_a_life_that_is_moved_on_goes_on(fast, until):
    name = fast.create(fast.single(lifecycle_config={"auto_delete_ttl": {"seconds": 1800}})).cluster_name
    clock = fast.announcement()["clock"]
    now = clock["origin"] + (time.time() - clock["origin"]) * clock["scale"]
    end = now + 3600
    life = {"config": {"lifecycle_config": {"auto_delete_time": {"seconds": int(end)}}}}
    fast.update(name, "config.lifecycle_config.auto_delete_time", life)
    until(lambda: name not in fast.names())
    assert clock["origin"] + (time.time() - clock["origin"]) * clock["scale"] >= int(end)


def test_an_idle_cluster_is_deleted_and_its_renewals_do_not_count_as_work(fast, until):
    cluster = fast.create(fast.single(lifecycle_config={"idle_delete_ttl": {"seconds": 900}}))
    since = cluster.config.lifecycle_config.idle_start_time
    renewed = fast.update(cluster.cluster_name, "labels", {"labels": {"a": "1"}})
    assert renewed.config.lifecycle_config.idle_start_time == since
    until(lambda: cluster.cluster_name not in fast.names())


def test_a_cluster_with_a_job_is_not_idle(fast, until, tmp_path):
    main = tmp_path / "main.py"
    main.write_text("import time; time.sleep(2)")
    name = fast.create(fast.single(lifecycle_config={"idle_delete_ttl": {"seconds": 600}})).cluster_name
    job = {"placement": {"cluster_name": name}, "pyspark_job": {"main_python_file_uri": str(main)}}
    job_id = fast.jobs.submit_job(request={**fast.place, "job": job}).reference.job_id
    until(lambda: fast.jobs.get_job(job_id=job_id, **fast.place).done)
    assert fast.jobs.get_job(job_id=job_id, **fast.place).status.state.name == "DONE"
    until(lambda: name not in fast.names())


def test_a_scheduled_stop_keeps_the_definition(fast, until):
    name = fast.create(fast.single(lifecycle_config={"auto_stop_ttl": {"seconds": 900}})).cluster_name
    until(lambda: fast.get(name).status.state.name == "STOPPED")
    assert fast.processes(name) == {}
    started = fast.clusters.start_cluster(request={**fast.place, "cluster_name": name}).result(timeout=60)
    assert started.status.state.name == "RUNNING"
    assert not started.config.lifecycle_config.auto_stop_ttl


def test_a_stopped_cluster_is_deleted_at_the_end_of_its_ttl_too(fast, until):
    name = fast.create(fast.single(lifecycle_config={"auto_delete_ttl": {"seconds": 6000}})).cluster_name
    fast.clusters.stop_cluster(request={**fast.place, "cluster_name": name})
    until(lambda: fast.get(name).status.state.name == "STOPPED")  # the operation's own polls are seconds apart
    until(lambda: name not in fast.names())


def test_a_ttl_goes_on_through_a_restart_of_the_server(fast, until):
    name = fast.create(fast.single(lifecycle_config={"auto_delete_ttl": {"seconds": 3600}})).cluster_name
    before = fast.announcement()["clock"]
    fast.stop()
    fast.start()
    assert fast.announcement()["clock"] == before
    assert name in fast.names()
    until(lambda: name not in fast.names())
