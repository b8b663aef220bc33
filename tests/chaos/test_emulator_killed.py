"""The local Dataproc killed while a cluster runs: the next call starts it again, and it adopts what lives."""

from __future__ import annotations

import os
import signal

import pytest

from dask_dataproc import DataprocCluster
from dask_dataproc.clusters.errors import DaskDataprocError
from dask_dataproc.clusters.local import emulator_status, emulator_stop


@pytest.fixture
def laptop(new_laptop):
    """One of this test's own: its emulator is going to die."""
    own = new_laptop()
    with own.here():
        yield own


def kill_emulator(laptop) -> int:
    pid = emulator_status()["pid"]
    os.kill(pid, signal.SIGKILL)
    laptop.until(lambda: emulator_status() is None)
    return pid


def test_the_cluster_is_adopted_and_can_be_scaled_and_closed(laptop):
    with DataprocCluster(n_workers=2) as cluster, cluster.get_client() as client:
        kept = client.scatter(b"kept", broadcast=True)
        killed = kill_emulator(laptop)
        assert client.submit(sum, [1, 2]).result() == 3, "the cluster does not need it to compute"
        cluster.scale(3)
        assert emulator_status()["pid"] != killed
        assert len(cluster.scheduler_info["workers"]) == 3
        kill_emulator(laptop)
        cluster.scale(2)
        assert len(cluster.scheduler_info["workers"]) == 2
        assert kept.result() == b"kept"
        kill_emulator(laptop)
    assert laptop.clusters() == {}
    assert not laptop.machines()
    assert not laptop.staged()


def test_a_cluster_whose_machines_went_with_it_is_listed_in_error_and_can_be_closed(laptop):
    with DataprocCluster(n_workers=2) as cluster:
        kill_emulator(laptop)
        for pid in laptop.machines():
            os.kill(pid, signal.SIGKILL)
        laptop.until(lambda: not laptop.machines())
        assert laptop.clusters()[cluster.name].status == "ERROR"
    assert laptop.clusters() == {}
    assert not laptop.staged()


def test_killed_in_the_middle_of_an_up_leaves_nothing(laptop):
    def kill(phase) -> None:
        if (phase.name, phase.seconds) == ("boot", None):
            kill_emulator(laptop)

    with pytest.raises(DaskDataprocError, match="unlucky"):
        DataprocCluster(name="unlucky", n_workers=2, on_phase=kill)
    assert laptop.clusters() == {}
    laptop.until(lambda: not laptop.machines())


def test_stopped_in_order_it_leaves_the_cluster_running(laptop):
    with DataprocCluster(workers=0) as cluster:
        assert emulator_stop()
        with DataprocCluster.from_name(cluster.name) as found, found.get_client() as client:
            assert client.submit(sum, [1, 2]).result() == 3
    assert laptop.clusters() == {}


def test_stopped_while_the_kernel_that_started_it_lives_it_has_stopped(laptop):
    kernel = laptop.start("""
        from dask_dataproc.clusters.local import emulator_start
        emulator_start()
        print("started", flush=True)
        input()
    """)
    assert kernel.stdout.readline() == "started\n"
    assert emulator_stop(timeout=10)
    assert emulator_status() is None
    kernel.communicate("\n", timeout=30)
