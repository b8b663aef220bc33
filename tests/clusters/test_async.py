"""The same cluster in a running event loop, as dask-labextension and services use it."""

from __future__ import annotations

import asyncio
import inspect

import pytest
from distributed import Client

from dask_dataproc import DataprocCluster
from dask_dataproc.clusters.errors import ClusterFailed, ClusterNotFound
from dask_dataproc.clusters.phases import UP
from dask_dataproc.clusters.sync import run


def test_async_with_brings_it_up_and_down(laptop):
    async def use() -> str:
        async with (
            DataprocCluster(n_workers=2, asynchronous=True) as cluster,
            Client(cluster, asynchronous=True) as client,
        ):
            assert await client.submit(sum, [1, 2]) == 3
            assert [phase.name for phase in cluster.phases] == list(UP)
            await cluster.scale(3)
            assert len(cluster.scheduler_info["workers"]) == 3
            assert set(await cluster.get_logs()) >= {"Cluster", "Scheduler"}
            return cluster.name

    name = run(use())
    assert name not in laptop.clusters()


def test_awaiting_it_is_as_good_as_the_labextension_wants(laptop):
    async def use() -> str:
        cluster = await DataprocCluster(workers=0, asynchronous=True)
        (worker,) = cluster.scheduler_info["workers"].values()
        assert worker["nthreads"] >= 1
        assert worker["memory_limit"] > 0
        assert cluster.scheduler_address.startswith("tls://")
        assert cluster.dashboard_link.startswith("http://")
        closing = cluster.close()
        assert inspect.isawaitable(closing)
        await closing
        await cluster.close()
        return cluster.name

    assert run(use()) not in laptop.clusters()


def test_nothing_happens_before_it_is_awaited(laptop):
    async def make() -> str:
        cluster = DataprocCluster(workers=0, asynchronous=True)
        assert cluster.phases == []
        await cluster.close()
        return cluster.name

    assert run(make()) not in laptop.clusters()


def test_a_failed_start_raises_where_it_is_awaited(laptop):
    async def find() -> None:
        await DataprocCluster.from_name("nobody-has-this", asynchronous=True)

    with pytest.raises(ClusterNotFound, match="nobody-has-this"):
        run(find())


def test_a_cancelled_start_leaves_nothing(laptop):
    async def begin_and_cancel(phase: str) -> None:
        def cancel(now) -> None:
            if (now.name, now.seconds) == (phase, None):
                starting.cancel()

        async def start() -> None:
            await DataprocCluster(name=f"cancelled-{phase}", on_phase=cancel, asynchronous=True)

        starting = asyncio.ensure_future(start())
        with pytest.raises(asyncio.CancelledError):
            await starting

    for phase in UP:
        run(begin_and_cancel(phase))
        assert f"cancelled-{phase}" not in laptop.clusters()
        assert not laptop.machines(f"cancelled-{phase}")


def test_closed_in_any_phase_of_its_start_it_leaves_nothing_and_the_start_says_so(laptop):
    async def begin_and_close(phase: str) -> None:
        closing = []

        def close(now) -> None:
            if (now.name, now.seconds) == (phase, None):
                closing.append(asyncio.ensure_future(cluster.close()))

        cluster = DataprocCluster(name=f"closed-{phase}", on_phase=close, asynchronous=True)
        with pytest.raises(ClusterFailed, match=f"closed-{phase}: closed while it came up; nothing of it is left"):
            await cluster
        await closing[0]
        assert cluster.status.name == "closed"

    for phase in UP:
        run(begin_and_close(phase))
        assert f"closed-{phase}" not in laptop.clusters()
        assert not laptop.machines(f"closed-{phase}")


@pytest.mark.parametrize("end", ["close", "cancel"])
def test_a_resize_ends_with_its_cluster_and_can_be_cancelled_without_it(laptop, end):
    async def resize_and_end() -> str:
        scaling: list[asyncio.Task[None]] = []
        begun = asyncio.Event()

        def begins(now) -> None:
            if now.name == "scale":
                begun.set()

        async with DataprocCluster(n_workers=2, on_phase=begins, asynchronous=True) as cluster:
            scaling.append(asyncio.ensure_future(cluster.scale(4)))
            await begun.wait()
            if end == "close":
                await cluster.close()
                with pytest.raises(ClusterFailed, match=r"scale .* to 4 workers: the cluster was closed"):
                    await scaling[0]
            else:
                scaling[0].cancel()
                with pytest.raises(asyncio.CancelledError):
                    await scaling[0]
                await cluster.scale(3)
                assert len(cluster.scheduler_info["workers"]) == 3
            return cluster.name

    name = run(resize_and_end())
    assert name not in laptop.clusters()
    assert not laptop.machines(name)
