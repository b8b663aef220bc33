"""How used clusters are: asked of their heads, all at once and not for long; else their last metrics say so."""

from __future__ import annotations

import asyncio
import random
from collections.abc import Iterable
from typing import Any

from .connection import find
from .errors import DaskDataprocError
from .fleet_rows import Use
from .left_metrics import snapshot_of
from .record import ClusterRecord

AT_ONCE = 32
"""Heads that are asked at the same time."""
REACHABLE = ("RUNNING", "UPDATING")
"""States in which a head answers."""
UTILIZATION = "dask_dataproc_utilization"


async def uses(records: Iterable[ClusterRecord], patience: float, scale: float) -> dict[str, Use]:
    """Return how used each cluster is, by uuid, within about ``patience`` seconds.

    Parameters
    ----------
    records : iterable of ClusterRecord
    patience : float
        Real seconds for all of them together.
    scale : float
        Seconds of the service's clock in a real one.
    """
    some = asyncio.Semaphore(AT_ONCE)
    end = asyncio.get_running_loop().time() + patience

    async def one(record: ClusterRecord) -> tuple[str, Use]:
        async with some:
            return record.uuid, await _use(record, end, scale)

    every = list(records)
    random.shuffle(every)  # whoever is out of reach is not always the same one's reason to be left out
    return dict(await asyncio.gather(*map(one, every)))


async def _use(record: ClusterRecord, end: float, scale: float) -> Use:
    if record.status not in REACHABLE:
        return Use(why=record.status.lower())
    why = "its head does not answer from here"
    try:
        async with asyncio.timeout_at(end):
            return await _asked(record, scale)
    except (TimeoutError, OSError, DaskDataprocError):
        pass
    except Exception as error:  # a bucket that may not be read, a head of another version
        why = " ".join(str(error).split())[:80] or type(error).__name__
    try:
        async with asyncio.timeout(max(0.2, (end - asyncio.get_running_loop().time()) / 2)):
            return await asyncio.to_thread(_last, record, why)
    except (TimeoutError, DaskDataprocError):
        return Use(why=why)


async def _asked(record: ClusterRecord, scale: float) -> Use:
    """Return what the head says: the CPU of its workers' last heartbeats, and for how long nothing has run."""
    from distributed.core import rpc

    connection = await find(record.staging, record.uuid)
    arguments = connection.security().get_connection_args("client")
    head: Any = rpc(connection.scheduler, connection_args=arguments)
    async with head:
        said, idle = await asyncio.gather(head.identity(n_workers=-1), head.idle_seconds())
    return Use(_share(said["workers"].values()), idle * scale)


def _share(workers: Iterable[dict[str, Any]]) -> float | None:
    every = list(workers)
    threads = sum(worker["nthreads"] for worker in every)
    used = sum(worker.get("metrics", {}).get("cpu", 0.0) for worker in every) / 100
    return min(1.0, used / threads) if threads else None


def _last(record: ClusterRecord, why: str) -> Use:
    """Return what the snapshot says that the head left in staging, a few minutes ago at most if it lives."""
    try:
        said = snapshot_of(record.staging, record.name, record.uuid)
        values = {each["name"]: float(each["value"]) for each in said.get("samples", [])}
        return Use(values[UTILIZATION], at=float(said["at"]))
    except (ValueError, KeyError, TypeError):
        return Use(why=why)
