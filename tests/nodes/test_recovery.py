"""What is killed comes back: a worker, a machine, the head, YARN's ResourceManager. Debian nodes, both runtimes."""

from __future__ import annotations

import contextlib
from collections.abc import Iterator
from urllib.parse import urlsplit

import psutil
import pytest
from distributed import Client

from dask_dataproc import DataprocCluster

from .online import living

STANDALONE = pytest.mark.parametrize("shared_cluster", ["standalone"], indirect=True)
YARN = pytest.mark.parametrize("shared_cluster", ["yarn"], indirect=True)


@pytest.fixture
def client(online, shared_cluster) -> Iterator[Client]:
    with shared_cluster.get_client() as client:
        yield client


def kill(lab, node: str, program: str) -> None:
    """Kill the processes of a node that run a program."""
    found = [
        process for process in lab.processes(node) if any(program in word for word in process.info["cmdline"] or ())
    ]
    assert found
    for process in found:
        with contextlib.suppress(psutil.NoSuchProcess):  # one may end because another was killed
            process.kill()


def workers(cluster: DataprocCluster) -> set[str]:
    """The addresses of the workers, as the cluster's object has them."""
    return set(cluster.scheduler_info["workers"])


def hosts(cluster: DataprocCluster) -> set[str | None]:
    """The addresses of their machines."""
    return {urlsplit(worker).hostname for worker in workers(cluster)}


def works(client: Client) -> bool:
    return client.submit(sum, [1, 2], pure=False).result(timeout=30) == 3


def test_a_worker_that_is_killed_is_replaced(online, shared_cluster, client):
    node, before = living(online, shared_cluster)[1], workers(shared_cluster)
    kill(online, node, "worker")
    online.until(lambda: len(workers(shared_cluster) & before) < len(before), 60)
    online.until(lambda: len(workers(shared_cluster)) == len(before), 60)
    assert works(client)


@STANDALONE
def test_a_machine_that_boots_again_is_a_worker_again(online, shared_cluster, client):
    node = living(online, shared_cluster)[1]
    online.reboot(node)
    online.until(lambda: online.run(node, "systemctl is-active dask-worker", check=False) == "active", 60)
    assert client.submit(lambda: 1, workers=[node], pure=False).result(timeout=30) == 1


def test_a_head_that_is_killed_is_back_with_its_workers_its_clients_and_its_dashboard(online, shared_cluster, client):
    before = workers(shared_cluster)
    lost = client.submit(sum, [1, 2])
    assert lost.result() == 3
    kill(online, living(online, shared_cluster)[0], "dask_dataproc_node.head")
    online.until(lambda: len(workers(shared_cluster) - before) == len(before), 90)
    online.until(lambda: client.status == "running")
    assert works(client)
    assert lost.status == "cancelled", "what was computed goes with the head: it is asked for again"
    assert online.run(living(online, shared_cluster)[0], "curl -sf http://127.0.0.1:8787/health") == "ok"


@YARN
def test_a_resource_manager_that_is_killed_stops_nobody_and_gives_containers_again(online, shared_cluster, client):
    """It forgets the application, for want of a store of its state: the head asks for another."""
    before = workers(shared_cluster)
    kill(online, living(online, shared_cluster)[0], "resourcemanager.ResourceManager")
    assert works(client)
    online.until(lambda: len(workers(shared_cluster) - before) == len(before), 180)
    assert works(client)


def test_a_machine_without_power_costs_time_not_results(online, shared_cluster, client):
    node = living(online, shared_cluster)[-1]
    squares = client.map(lambda x: x * x, range(50), pure=False)
    assert client.gather(squares) == [x * x for x in range(50)]
    address = online.address(node)
    online.cut_power(node)
    online.until(lambda: (left := hosts(shared_cluster)) and address not in left, 120)
    assert client.gather(squares) == [x * x for x in range(50)]
    assert online.status(shared_cluster.name) == "RUNNING"
