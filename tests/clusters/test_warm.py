"""Warm start: a stopped cluster stands in for a new one of the same spec, and nothing is left of those nobody wants."""

from __future__ import annotations

import asyncio
import signal

import pytest

from dask_dataproc import DataprocCluster
from dask_dataproc.clusters.errors import ClusterFailed, SpecError
from dask_dataproc.clusters.fleet import delete_cluster, stop_cluster
from dask_dataproc.clusters.prices import groups_of, stopped_price_per_hour
from dask_dataproc.clusters.service import Service
from dask_dataproc.clusters.sync import run


@pytest.fixture
def stopped(laptop):
    """A cluster that was made, grown, used and stopped."""
    cluster = DataprocCluster(n_workers=2, idle_time="59m")
    with cluster.get_client() as client:
        cluster.scale(3)
        assert client.submit(sum, [1, 2]).result() == 3
    cluster.stop()
    yield cluster
    if cluster.name in laptop.clusters():
        delete_cluster(cluster.name)


def names(phases) -> list[str]:
    return [phase.name for phase in phases]


def test_a_stopped_cluster_has_no_machine_and_no_keys_and_a_lease_of_its_own(laptop, stopped):
    record = laptop.clusters()[stopped.name]
    assert (record.status, record.workers, record.secondary_workers) == ("STOPPED", 2, 0)
    assert not laptop.machines(stopped.name)
    assert record.uuid not in [folder.name for folder in laptop.staged()]
    assert 11.9 * 3600 < record.lease_expires - stopped.lease.clock.now() <= 12 * 3600 + 1  # whole seconds, rounded up
    assert stopped.status.name == "closed"


def test_an_up_of_the_same_spec_starts_it_with_a_lease_and_a_cost_of_its_own(laptop, stopped):
    with DataprocCluster(n_workers=2, idle_time="59m") as again, again.get_client() as client:
        assert (again.name, again.record.uuid) == (stopped.name, stopped.record.uuid)
        assert "start" in names(again.phases)
        assert "create" not in names(again.phases)
        assert client.submit(sum, [1, 2]).result() == 3
        assert len(again.scheduler_info["workers"]) == 2
        lease = laptop.clusters()[again.name].lease_expires
        assert lease <= again.lease.clock.now() + again.lease.length + 1
        assert again.record.created > stopped.record.created
    assert again.name not in laptop.clusters(), "what an up has started it also deletes"
    assert not laptop.machines(stopped.name)


def test_an_up_of_another_name_makes_a_cluster_of_its_own(laptop, stopped):
    with DataprocCluster(n_workers=2, idle_time="59m", name="of-my-own") as cluster:
        assert cluster.record.uuid != stopped.record.uuid
    assert laptop.clusters()[stopped.name].status == "STOPPED"


def test_one_that_does_not_start_is_deleted_and_another_made(laptop, stopped, monkeypatch):
    finish = Service.finish

    async def fails(service, operation, what, timeout):
        if what.startswith("start "):
            raise ClusterFailed("no such machines at present")
        await finish(service, operation, what, timeout)

    monkeypatch.setattr(Service, "finish", fails)
    with DataprocCluster(n_workers=2, idle_time="59m") as cluster:
        assert {"start", "create"} <= set(names(cluster.phases))
        assert cluster.record.uuid != stopped.record.uuid
        assert stopped.name not in laptop.clusters()


def test_two_ups_at_once_do_not_share_it(laptop, stopped):
    async def both() -> set[str]:
        clusters = [DataprocCluster(n_workers=2, idle_time="59m", asynchronous=True) for _ in range(2)]
        await asyncio.gather(*clusters)
        uuids = {cluster.record.uuid for cluster in clusters}
        await asyncio.gather(*(cluster.close() for cluster in clusters))
        return uuids

    uuids = run(both())
    assert len(uuids) == 2
    assert stopped.record.uuid in uuids


def test_ctrl_c_during_a_start_leaves_nothing_running(laptop, stopped):
    script = laptop.start("""
        import os, signal, threading
        from dask_dataproc import DataprocCluster

        def interrupt(phase):
            if phase.name == "start" and phase.seconds is None:
                signal.pthread_kill(threading.main_thread().ident, signal.SIGINT)

        DataprocCluster(n_workers=2, idle_time="59m", on_phase=interrupt)
    """)
    _, errors = script.communicate(timeout=60)
    assert script.returncode == -signal.SIGINT, errors
    assert not laptop.machines(stopped.name)
    assert stopped.name not in laptop.clusters()


def test_local_ssds_are_refused_before_anything_is_changed(laptop):
    with DataprocCluster(n_workers=2, local_ssds=1) as cluster:
        with pytest.raises(SpecError, match=r"stop: .* given, allowed is a cluster without local SSDs"):
            cluster.stop()
        with pytest.raises(SpecError, match="stop: "):
            stop_cluster(cluster.name)
        assert laptop.clusters()[cluster.name].status == "RUNNING"


def test_a_stopped_cluster_costs_its_disks(stopped):
    groups = groups_of(stopped.spec)
    price = stopped_price_per_hour(groups, stopped.spec.region)
    assert 0 < price.total == price.disks < stopped.price_per_hour / 5
