"""The lease, on a clock that makes twenty minutes of two and a half seconds."""

from __future__ import annotations

import pytest
from distributed import Event

from dask_dataproc import DataprocCluster

SCALE, LEASE = 480, 1200
MINUTE = 60 / SCALE
"""Real seconds of a minute of the service's time."""


@pytest.fixture(scope="module")
def fast_laptop(new_laptop):
    fast = new_laptop(emulator__clock_scale=str(SCALE), lease=f"{LEASE}s")
    with fast.here(), DataprocCluster(workers=0):
        yield fast  # the emulator and its zygote are warm: an up takes less than a lease


def test_a_living_kernels_cluster_outlives_many_leases_and_ends_with_its_lifetime(fast_laptop):
    with DataprocCluster(workers=0, lifetime="80m") as cluster, cluster.get_client() as client:
        created, now = cluster.record.created, cluster.lease.clock.now
        assert cluster.lease.expires <= now() + LEASE
        assert cluster.price_per_hour > 0
        fast_laptop.until(lambda: now() > created + 3 * LEASE)
        assert client.submit(sum, [1, 2]).result() == 3
        assert fast_laptop.clusters()[cluster.name].lease_expires > now()
        fast_laptop.until(lambda: cluster.name not in fast_laptop.clusters(), timeout=40 * MINUTE)
        assert created + 4 * LEASE <= now() <= created + 5 * LEASE
        assert not fast_laptop.machines(cluster.name)


def test_a_cluster_idle_beyond_its_idle_time_is_not_renewed(fast_laptop):
    with DataprocCluster(workers=0, idle_time="5m") as cluster:
        lease, now = cluster.lease, cluster.lease.clock.now
        fast_laptop.until(lambda: cluster.name not in fast_laptop.clusters(), timeout=60 * MINUTE)
        assert now() < cluster.record.created + 5 * 60 + 2 * LEASE
        assert lease.left == 0


def test_a_cluster_that_computes_is_not_idle_however_long_it_takes(fast_laptop):
    with DataprocCluster(workers=0, idle_time="5m") as cluster, cluster.get_client() as client:
        release = Event("release", client=client)
        long = client.submit(lambda: Event("release").wait("60s"))
        fast_laptop.until(lambda: cluster.lease.clock.now() > cluster.record.created + 2.5 * LEASE)
        assert cluster.name in fast_laptop.clusters()
        release.set()
        assert long.result() is True


def test_a_resize_renews_the_lease_by_the_way(fast_laptop):
    with DataprocCluster(n_workers=2) as cluster:
        before = cluster.lease.expires
        cluster.scale(3)
        assert cluster.lease.expires > before
        assert fast_laptop.clusters()[cluster.name].lease_expires == pytest.approx(cluster.lease.expires, abs=1)


def test_a_detached_cluster_goes_with_its_lease(fast_laptop):
    cluster = DataprocCluster(workers=0)
    cluster.detach()
    fast_laptop.until(lambda: cluster.name not in fast_laptop.clusters(), timeout=45 * MINUTE)
    assert not fast_laptop.machines(cluster.name)


def test_an_asynchronous_cluster_that_nobody_closes_goes_with_its_lease(fast_laptop):
    script = fast_laptop.start("""
        import asyncio
        from dask_dataproc import DataprocCluster

        async def forget():
            cluster = await DataprocCluster(workers=0, asynchronous=True)
            print(cluster.name)

        asyncio.run(forget())
    """)
    name, errors = script.communicate(timeout=60)
    assert script.returncode == 0
    assert "never awaited" not in errors
    fast_laptop.until(lambda: name.strip() not in fast_laptop.clusters(), timeout=45 * MINUTE)
    assert not fast_laptop.machines(name.strip())


def test_the_keys_of_a_cluster_that_went_with_its_lease_go_when_the_next_one_is_deleted(fast_laptop):
    gone = DataprocCluster(workers=0)
    gone.detach()
    fast_laptop.until(lambda: gone.name not in fast_laptop.clusters(), timeout=45 * MINUTE)
    assert gone.record.uuid in [folder.name for folder in fast_laptop.staged()]
    with DataprocCluster(workers=0) as living:
        DataprocCluster(workers=0).close()
        staged = [folder.name for folder in fast_laptop.staged()]
        assert living.record.uuid in staged
        assert gone.record.uuid not in staged
