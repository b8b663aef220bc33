"""What ends a cluster, what does not, and what comes back."""

from __future__ import annotations

import asyncio
import logging
import os
import time

import dask.config
import psutil
import pytest
from distributed import Client
from distributed.core import Status

from dask_dataproc.init_actions import yarn_driver
from dask_dataproc.init_actions.yarn import YarnCluster

OWNER = """
import sys, time
from dask_dataproc.init_actions import yarn_driver
from dask_dataproc.init_actions.yarn import YarnCluster

cluster = YarnCluster(sys.argv[1], n_workers=1, worker_memory="512 MiB", deploy_mode="local", host="127.0.0.1")
print(cluster.app_id, flush=True)
time.sleep(300)
"""


def test_an_application_ends_when_its_owner_is_killed(yarn):
    owner = yarn.run(OWNER, yarn.python)
    app_id = owner.stdout.readline().strip()
    yarn.until(lambda: yarn.application(app_id)["runningContainers"] == 2)
    owner.kill()
    began = time.monotonic()
    owner.communicate(timeout=20)
    ended = yarn.until(lambda: (seen := yarn.application(app_id))["state"] == "FINISHED" and seen, 20)
    print(f"ended {time.monotonic() - began:.1f} s after its owner was killed")
    yarn.until(lambda: not yarn.processes(SKEIN_APPLICATION_ID=app_id))
    assert ended["queue"].startswith("root.batch.")  # where an application goes that names no queue


def test_adapting_from_one_to_many_and_back(yarn):
    asyncio.run(_adapting(yarn))


async def _adapting(yarn) -> None:
    options = {"worker_memory": "512 MiB", "deploy_mode": "local", "host": "127.0.0.1", "skein_client": yarn.client}
    async with YarnCluster(yarn.python, asynchronous=True, **options) as cluster:
        adaptive = cluster.adapt(minimum=1, maximum=3, interval="200ms", target_duration="1s", wait_count=3)
        assert (adaptive.minimum, adaptive.maximum) == (1, 3)
        async with Client(cluster, asynchronous=True) as client:
            await client.wait_for_workers(1, timeout=60)
            slow = client.map(lambda x: (time.sleep(0.5), x)[1], range(40))
            await client.wait_for_workers(3, timeout=60)
            assert await client.gather(slow) == list(range(40))
            del slow
            await _until(lambda: len(cluster.scheduler_info["workers"]) == 1)
            await _until(lambda: len(cluster.application.get_containers(["dask.worker"])) == 1)
            assert len(cluster.worker_spec) == 1
    assert cluster.status == Status.closed


def test_the_clusters_of_a_process_share_one_driver_which_ends_with_the_last(yarn):
    driver = yarn_driver.shared_client()
    assert yarn_driver.shared_client() is driver
    pid = driver._proc.pid
    cluster = yarn.cluster(skein_client=None)
    del driver
    assert psutil.pid_exists(pid)
    assert yarn_driver.shared_client()._proc.pid == pid
    cluster.close()
    yarn.until(lambda: not psutil.pid_exists(pid) or psutil.Process(pid).status() == psutil.STATUS_ZOMBIE)


async def _until(holds, timeout: float = 60.0) -> None:
    async with asyncio.timeout(timeout):
        while not holds():  # noqa: ASYNC110 - there is nobody who would set an event
            await asyncio.sleep(0.05)


def test_when_no_more_workers_are_replaced_the_application_and_the_cluster_end_and_say_why(yarn, caplog):
    cluster = yarn.cluster(n_workers=1, worker_restarts=0)
    with Client(cluster) as client:
        client.wait_for_workers(1, timeout=60)
    yarn.kill_container(cluster.app_id, "dask.worker_0")
    with caplog.at_level(logging.ERROR):
        yarn.until(lambda: cluster.status == Status.closed)
    assert yarn.application(cluster.app_id)["finalStatus"] == "FAILED"
    assert f"application {cluster.app_id} ended, FAILED: Failure in service dask.worker" in caplog.text


def test_a_killed_resource_manager_comes_back_and_the_cluster_never_stops(yarn):
    cluster = yarn.cluster(n_workers=1)
    with Client(cluster) as client:
        client.wait_for_workers(1, timeout=60)
        yarn.kill("resourcemanager")
        assert client.submit(sum, [1, 2]).result(20) == 3
        began = time.monotonic()
        yarn.start("resourcemanager")
        yarn.wait()
        print(f"the ResourceManager was back after {time.monotonic() - began:.1f} s")
        cluster.scale(2)
        client.wait_for_workers(2, timeout=90)
        print(f"and gave a second container after {time.monotonic() - began:.1f} s")
        assert client.submit(sum, [3, 4]).result(20) == 7
        assert yarn.application(cluster.app_id)["state"] == "RUNNING"
    cluster.shutdown("SUCCEEDED", "lived through it")
    ended = yarn.until(lambda: (seen := yarn.application(cluster.app_id)).get("state") == "FINISHED" and seen)
    assert ended["diagnostics"].endswith("lived through it")


def looked_at_meanwhile(application, yarn) -> None:
    """Have ``application`` take so long to end a container that the cluster sees it once more before."""
    end, look, looks = application.kill_container, application.get_containers, []

    def slow(container):
        after = len(looks) + 2  # the first may have begun before
        yarn.until(lambda: len(looks) >= after)
        end(container)

    def noted(*given, **said):
        found = look(*given, **said)
        looks.append(found)
        return found

    application.kill_container, application.get_containers = slow, noted


@pytest.mark.parametrize("slow", [False, True], ids=["at-once", "slowly"])
def test_a_worker_script_of_ones_own_gets_the_address_and_the_name_and_a_container_without_worker_is_replaced(
    yarn, slow
):
    script = (
        '"$PYTHON" -m distributed.cli.dask_worker "$DASK_SCHEDULER_ADDRESS" --name "$SKEIN_CONTAINER_ID" '
        "--nthreads 2 --no-nanny --no-dashboard\nsleep 300\n"  # so that YARN does not see its end
    )
    python = yarn.python.removeprefix("python://")
    with dask.config.set({"distributed.deploy.lost-worker-timeout": "500ms"}):
        cluster = yarn.cluster(n_workers=1, worker_script=script, worker_env={"PYTHON": python})
        with Client(cluster) as client:
            worker = psutil.Process(client.submit(os.getpid).result(60))
            (seen,) = client.scheduler_info()["workers"].values()
            assert (seen["name"], seen["nthreads"]) == ("dask.worker_0", 2)
            if slow:
                looked_at_meanwhile(cluster.application, yarn)
            worker.kill()
            yarn.until(lambda: [w["name"] for w in client.scheduler_info()["workers"].values()] == ["dask.worker_1"])
            assert [each.id for each in cluster.workers()] == list(cluster.worker_spec) == ["dask.worker_1"]
