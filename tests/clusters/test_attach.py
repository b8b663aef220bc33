"""One name, one cluster: whoever comes second attaches, and leaves what it did not make."""

from __future__ import annotations

import asyncio

import pytest

from dask_dataproc import DataprocCluster
from dask_dataproc.clusters.errors import ClusterBusy, ClusterExists, DaskDataprocError
from dask_dataproc.clusters.service import Service, new_request_id
from dask_dataproc.clusters.sync import run


def test_a_second_up_of_the_name_attaches_and_closing_it_leaves_the_cluster(laptop, cluster):
    with DataprocCluster(name=cluster.name, n_workers=5) as second, second.get_client() as client:
        assert (cluster.created_here, second.created_here) == (True, False)
        assert second.record.uuid == cluster.record.uuid
        assert second.spec == cluster.spec
        assert client.submit(sum, [1, 2]).result() == 3
    assert laptop.clusters()[cluster.name].status == "RUNNING"


def test_a_cluster_is_found_by_its_name(laptop, cluster):
    with DataprocCluster.from_name(cluster.name) as found, found.get_client() as client:
        assert found.scheduler_address == cluster.scheduler_address
        assert found.dashboard_link == cluster.dashboard_link
        assert len(found.scheduler_info["workers"]) == 2
        assert client.submit(sum, [1, 2]).result() == 3
        assert found.price_per_hour == cluster.price_per_hour
    assert cluster.name in laptop.clusters()


def test_the_one_who_attached_may_delete(laptop):
    made = DataprocCluster(workers=0)
    DataprocCluster.from_name(made.name).delete()
    assert made.name not in laptop.clusters()
    made.close()
    assert made.record.uuid not in [folder.name for folder in laptop.staged()]


def test_a_detached_cluster_lives_to_its_lease_and_can_be_found_again(laptop):
    made = DataprocCluster(workers=0)
    made.detach()
    assert made.status.name == "closed"
    record = laptop.clusters()[made.name]
    assert record.lease_expires <= made.lease.expires + 1 < record.created + made.spec.lifetime
    DataprocCluster.from_name(made.name).delete()


def test_a_kept_cluster_lives_to_its_lifetime(laptop):
    with DataprocCluster(workers=0, keep=True, lifetime="3h") as made:
        pass
    record = laptop.clusters()[made.name]
    assert record.lease_expires == pytest.approx(record.created + 3 * 3600, abs=2)
    DataprocCluster.from_name(made.name).delete()


def test_without_holding_the_lease_the_cluster_lives_for_its_lifetime(laptop):
    with DataprocCluster(workers=0, hold_lease=False, lifetime="3h") as made:
        assert made.lease.expires == pytest.approx(made.record.created + 3 * 3600, abs=2)


def test_who_attaches_takes_the_lease_over(laptop):
    made = DataprocCluster(workers=0, hold_lease=False, lifetime="11m")
    made.detach()
    with DataprocCluster.from_name(made.name) as found:
        until = found.lease.expires
        assert until > made.lease.expires + 15 * 60
        assert laptop.clusters()[made.name].lease_expires == pytest.approx(until, abs=2)
        found.delete()


def test_a_lease_that_somebody_kept_ends_with_the_clusters_lifetime_whoever_goes_on_with_it(laptop):
    made = DataprocCluster(workers=0, lifetime="1h")
    made.detach()
    with DataprocCluster.from_name(made.name) as found:
        assert found.lease.ends == pytest.approx(made.record.created + 3600, abs=2)
        found.delete()


def test_who_did_not_resize_it_knows_the_new_price_with_the_next_word_to_the_head(laptop):
    with DataprocCluster(n_workers=2) as made, DataprocCluster.from_name(made.name) as found:
        before = made.price_per_hour
        found.scale(4)
        laptop.until(lambda: found.price_per_hour > before)
        laptop.until(lambda: len(made.scheduler_info["workers"]) == 4)
        laptop.until(lambda: made.sync(made._tell_once) or made.price_per_hour == found.price_per_hour)


def test_all_who_hold_a_cluster_see_its_workers_come_and_go(laptop):
    with DataprocCluster(n_workers=2) as made, DataprocCluster.from_name(made.name) as found:
        made.scale(4)
        laptop.until(lambda: len(found.scheduler_info["workers"]) == 4)
        found.scale(2)
        laptop.until(lambda: len(made.scheduler_info["workers"]) == 2)
        made.scale(3)
        assert len(made.scheduler_info["workers"]) == 3


def test_two_ups_of_one_name_at_once_make_one_cluster(laptop):
    async def up(cluster) -> tuple[bool, str, int]:
        await cluster
        return cluster.created_here, cluster.record.uuid, len(cluster.scheduler_info["workers"])

    async def both() -> list[tuple[bool, str, int]]:
        clusters = [DataprocCluster(name="twice", n_workers=2, asynchronous=True) for _ in range(2)]
        found = await asyncio.gather(*(up(cluster) for cluster in clusters))
        for cluster in clusters:
            await cluster.close()
        return found

    found = run(both())
    assert sorted(made for made, _, _ in found) == [False, True]
    assert len({uuid for _, uuid, _ in found}) == 1
    assert [workers for _, _, workers in found] == [2, 2]
    assert "twice" not in laptop.clusters()


def test_a_cluster_of_somebody_elses_making_is_left_alone(laptop):
    foreign = {"cluster_name": "foreign", "config": {"gce_cluster_config": {"metadata": {"dask-staging": "/tmp"}}}}

    async def ask(what: str) -> None:
        async with Service("local", "us-central1") as service:
            if what == "create":
                await service.create(foreign, new_request_id())
            else:
                await service.remove(await service.get("foreign"))

    run(ask("create"))
    try:
        with pytest.raises(ClusterExists, match=r"foreign .* was not made by dask-dataproc"):
            DataprocCluster(name="foreign")
        assert "foreign" in laptop.clusters()
    finally:
        run(ask("delete"))


def test_a_cluster_that_has_gone_says_so_and_closes(laptop):
    made = DataprocCluster(workers=0)
    DataprocCluster.from_name(made.name).delete()
    with pytest.raises(DaskDataprocError, match=made.name) as refused:
        made.scale(3)
    assert not isinstance(refused.value, ClusterBusy)
    made.close()
