"""The same cluster in a running event loop, as dask-labextension and services use it."""

from __future__ import annotations

import asyncio
import inspect

import pytest
from distributed import Client

from dask_dataproc import DataprocCluster
from dask_dataproc.clusters.errors import ClusterNotFound
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
