"""Scale and adapt: workers come and go, results stay."""

from __future__ import annotations

import contextlib
import os
import random
from signal import SIGKILL

import pytest
from distributed import Event

from dask_dataproc import DataprocCluster
from dask_dataproc.clusters import adaptive
from dask_dataproc.clusters.errors import ClusterBusy, QuotaExceeded, SpecError, Stockout
from dask_dataproc.clusters.prices import groups_of, price_per_hour
from dask_dataproc.clusters.sync import run
from dask_dataproc.clusters.tenure import EXPIRY


@pytest.fixture
def cluster(laptop):
    with DataprocCluster(n_workers=2, max_workers=6) as running:
        yield running


def workers(cluster) -> dict[str, str]:
    """The registered workers: the address of each by its machine's name."""
    return {info["name"]: address for address, info in cluster.scheduler_info["workers"].items()}


def names(cluster, *groups: str) -> set[str]:
    return {f"{cluster.name}-{group}" for group in groups}


def test_what_only_leaving_workers_held_survives_their_leaving(laptop, cluster):
    with cluster.get_client() as client:
        cluster.scale(4)
        assert set(workers(cluster)) == names(cluster, "w-0", "w-1", "sw-0", "sw-1")
        leaving = {name: address for name, address in workers(cluster).items() if "-sw-" in name}
        source = {name: random.Random(name).randbytes(5_000_000) for name in leaving}
        scattered = {name: client.scatter(source[name], workers=[leaving[name]]) for name in leaving}
        computed = [client.submit(random.random, workers=[address], pure=False) for address in leaving.values()]
        before = client.gather(computed)
        assert {name: client.who_has(future)[future.key] for name, future in scattered.items()} == {
            name: (address,) for name, address in leaving.items()
        }
        cluster.scale(2)
        assert set(workers(cluster)) == names(cluster, "w-0", "w-1")
        assert client.gather(scattered) == source
        assert client.gather(computed) == before, "computed again, with other random numbers"
    assert set(laptop.machines(cluster.name).values()) == names(cluster, "m", "w-0", "w-1")


def test_the_record_the_price_and_the_service_know_the_new_size_at_once(laptop, cluster):
    before = cluster.price_per_hour
    cluster.scale(3)
    assert cluster.price_per_hour == price_per_hour(groups_of(cluster.spec, secondary=1), cluster.spec.region).total
    assert cluster.price_per_hour > before
    assert (cluster.record.workers, cluster.record.secondary_workers) == (2, 1)
    assert laptop.clusters()[cluster.name].total_workers == 3
    cluster.scale(2)
    assert cluster.price_per_hour == before


def test_scaling_to_the_present_size_changes_nothing(cluster):
    phases = cluster.phases
    cluster.scale(2)
    assert cluster.phases == phases


@pytest.mark.parametrize("n", [-1, 0, 1, 7, 10**9, 2.5, "3", True, None])
def test_a_scale_out_of_bounds_is_refused_before_any_call(cluster, monkeypatch, n):
    calls = _calls_of(cluster, monkeypatch)
    with pytest.raises(SpecError, match=r"scale: .* given, allowed is .*2 to 6 \(max_workers\)"):
        cluster.scale(n)
    assert calls == []


@pytest.mark.parametrize("bounds", [(1, 4), (2, 7), (5, 3), (-1, 2), (2.5, 4), ("2", 4)])
def test_adapt_out_of_bounds_is_refused_before_any_call(cluster, monkeypatch, bounds):
    calls = _calls_of(cluster, monkeypatch)
    with pytest.raises(SpecError, match=r"adapt: .* given, allowed is .*2 to 6 \(max_workers\)"):
        cluster.adapt(minimum=bounds[0], maximum=bounds[1])
    assert calls == []


def test_a_single_node_cannot_be_scaled(laptop):
    with DataprocCluster(workers=0) as cluster, pytest.raises(SpecError, match="single-node"):
        cluster.scale(3)


def test_adapt_grows_with_the_work_and_shrinks_without(laptop, cluster):
    with cluster.get_client() as client:
        cluster.adapt(minimum=2, maximum=4, interval="100ms", wait_count=2)
        release = Event("release")
        blocked = client.map(lambda i: (Event("release").wait("30s"), i)[1], range(40))
        laptop.until(lambda: len(workers(cluster)) == 4)
        release.set()
        assert client.gather(blocked) == list(range(40))
        laptop.until(lambda: len(workers(cluster)) == 2)
        laptop.until(lambda: laptop.clusters()[cluster.name].total_workers == 2)
        assert client.submit(sum, [1, 2]).result() == 3


def test_a_scale_ends_adapting_and_one_that_is_refused_does_not(cluster):
    adaptive = cluster.adapt(minimum=2, maximum=4, interval="100ms", wait_count=2)
    with pytest.raises(SpecError):
        cluster.scale(7)
    assert adaptive.state != "stopped"
    cluster.scale(3)
    assert adaptive.state == "stopped"
    assert len(workers(cluster)) == 3


def test_adapt_outlives_a_machine_that_was_taken_and_a_resize_that_failed(laptop, cluster, monkeypatch, caplog):
    monkeypatch.setattr(adaptive, "PAUSE", 0.2)
    with cluster.get_client() as client:
        update, failures = cluster._service.update, [Stockout("no such machines"), QuotaExceeded("0 CPUS left")]

        async def fails(*arguments, **keywords):
            if failures:
                raise failures.pop()
            return await update(*arguments, **keywords)

        monkeypatch.setattr(cluster._service, "update", fails)
        cluster.adapt(minimum=2, maximum=4, interval="100ms", wait_count=2)
        for _ in range(2):
            release = Event(client=client)
            blocked = client.map(lambda i, name: (Event(name).wait("30s"), i)[1], range(40), name=release.name)
            laptop.until(lambda: len(workers(cluster)) == 4)
            os.killpg({name: pid for pid, name in leaders(laptop, cluster).items()}[f"{cluster.name}-sw-1"], SIGKILL)
            release.set()
            assert client.gather(blocked) == list(range(40))
            laptop.until(lambda: laptop.clusters()[cluster.name].total_workers == 2)
    assert "is not adapted, the next try is in 0 s: no such machines" in caplog.text
    assert "Traceback" not in caplog.text


def test_who_attaches_goes_on_adapting_until_somebody_chooses_a_size(laptop, cluster):
    cluster.adapt(minimum=2, maximum=3, interval="100ms")
    laptop.until(lambda: laptop.clusters()[cluster.name].labels.get("dask-adapt") == "2-3")
    cluster._adaptive.stop()  # as the end of its kernel does
    with DataprocCluster.from_name(cluster.name) as found, found.get_client() as client:
        assert (found._adaptive.minimum, found._adaptive.maximum) == (2, 3)
        release = Event(client=client)
        blocked = client.map(lambda i, name: (Event(name).wait("30s"), i)[1], range(40), name=release.name)
        laptop.until(lambda: len(workers(found)) == 3)
        release.set()
        assert client.gather(blocked) == list(range(40))
        found.scale(4)
        assert found._adaptive.state == "stopped"
        assert "dask-adapt" not in laptop.clusters()[cluster.name].labels
    with DataprocCluster.from_name(cluster.name) as again:
        assert again._adaptive is None


def test_a_scale_waits_for_another_change_instead_of_failing(laptop, cluster):
    """As when a renewal of the lease, here somebody else's, has just made the cluster UPDATING."""
    service, expires = cluster._service, {"seconds": round(cluster.lease.expires)}
    changes = {"config": {"lifecycle_config": {"auto_delete_time": expires}}}

    async def change_and_scale() -> None:
        await service.update(cluster.name, changes, [EXPIRY])
        with contextlib.suppress(ClusterBusy):
            await service.update(cluster.name, changes, [EXPIRY])
        await cluster._scale(3)

    cluster.sync(change_and_scale)
    assert len(workers(cluster)) == 3


def test_scales_asked_for_at_once_are_done_one_after_the_other(laptop):
    async def scales() -> int:
        async with DataprocCluster(n_workers=2, asynchronous=True) as cluster:
            await cluster.scale(4)
            first, last = cluster.scale(2), cluster.scale(3)
            await first
            await last
            return len(cluster.scheduler_info["workers"])

    assert run(scales()) == 3


def leaders(laptop, cluster) -> dict[int, str]:
    """The first processes of the machines of a cluster, which lead their groups."""
    return {pid: name for pid, name in laptop.machines(cluster.name).items() if os.getpgid(pid) == pid}


def _calls_of(cluster, monkeypatch) -> list[str]:
    """Keep a list of the calls that the cluster makes from now on; each is still made."""
    calls: list[str] = []
    for name in ("get_cluster", "update_cluster"):
        method = getattr(cluster._service._client, name)

        def noted(*args, name=name, method=method, **keywords):
            calls.append(name)
            return method(*args, **keywords)

        monkeypatch.setattr(cluster._service._client, name, noted)
    return calls
