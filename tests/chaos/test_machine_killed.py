"""Power cuts: a worker process, a worker's machine, the head's machine."""

from __future__ import annotations

import os
import signal

import dask
import pytest
from distributed import Client, Event

from dask_dataproc import DataprocCluster
from dask_dataproc.clusters.errors import ClusterFailed


@pytest.fixture
def cluster(laptop):
    with DataprocCluster(n_workers=2) as running:
        yield running


def registered(cluster) -> dict[str, str]:
    """The address of each registered worker by its machine's name."""
    return {info["name"]: address for address, info in cluster.scheduler_info["workers"].items()}


def cut_power(laptop, machine: str) -> None:
    """Kill every process of ``machine`` at once."""
    pids = [pid for pid, name in laptop.machines(machine).items() if name == machine]
    assert pids
    os.killpg(os.getpgid(pids[0]), signal.SIGKILL)
    laptop.until(lambda: machine not in laptop.machines().values())


def test_a_killed_worker_comes_back_by_its_nanny_and_the_work_is_done(laptop, cluster):
    with cluster.get_client() as client:
        before, name = registered(cluster), f"{cluster.name}-w-0"
        pids = client.run(os.getpid)
        begun = Event("begun", client=client)
        blocked = client.submit(
            lambda: (Event("begun").set(), Event("go").wait("60s"))[1], workers=[before[name]],
            allow_other_workers=True,
        )  # fmt: skip
        begun.wait()
        os.kill(pids[before[name]], signal.SIGKILL)
        laptop.until(lambda: registered(cluster).get(name) not in (None, before[name]))
        Event("go", client=client).set()
        assert blocked.result() is True
        assert set(registered(cluster)) == set(before)
        assert laptop.clusters()[cluster.name].status == "RUNNING"


def test_a_worker_machine_without_power_costs_time_not_results(laptop, cluster):
    with cluster.get_client() as client:
        squares = client.map(lambda x: x * x, range(50))
        assert sum(client.gather(squares)) == sum(x * x for x in range(50))
        cut_power(laptop, f"{cluster.name}-w-0")
        laptop.until(lambda: len(registered(cluster)) == 1)
        assert client.gather(squares) == [x * x for x in range(50)]
        cluster.scale(3)
        assert set(registered(cluster)) == {f"{cluster.name}-{of}" for of in ("w-0", "w-1", "sw-0")}


def test_without_its_head_a_cluster_is_in_error_and_says_so(laptop, cluster):
    cut_power(laptop, f"{cluster.name}-m")
    laptop.until(lambda: cluster.refresh().status == "ERROR")
    assert f"{cluster.name}-m" in cluster.record.detail
    with pytest.raises(ClusterFailed, match=f"{cluster.name} .* ERROR: {cluster.name}-m, the master, is not running"):
        cluster.scale(3)
    with pytest.raises(ClusterFailed, match=f"{cluster.name} .* ERROR"):
        DataprocCluster.from_name(cluster.name)
    with pytest.raises(ClusterFailed, match=f"{cluster.name} .* ERROR"):
        DataprocCluster(name=cluster.name)
    with pytest.raises(OSError, match=cluster.scheduler_address.removeprefix("tls://")):
        Client(cluster.scheduler_address, security=cluster.security, timeout="1s")
    cluster.close()
    assert cluster.name not in laptop.clusters()
    assert not laptop.machines(cluster.name)
    assert cluster.record.uuid not in [folder.name for folder in laptop.staged()]


def test_a_head_that_dies_while_it_boots_is_an_error_with_its_log_and_nothing_is_left(laptop):
    def cut(phase) -> None:
        if (phase.name, phase.seconds) == ("connect", None):
            cut_power(laptop, "dies-young-m")

    patience = dask.config.set({"distributed.comm.timeouts.connect": "3s"})
    with patience, pytest.raises(ClusterFailed, match="dies-young"):
        DataprocCluster(name="dies-young", n_workers=2, on_phase=cut)
    assert "dies-young" not in laptop.clusters()
    assert not laptop.machines("dies-young")
