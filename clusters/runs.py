"""What the runs of each workload came to, kept beside the ledger: sizing and estimates learn from them."""

from __future__ import annotations

import asyncio
import json
from collections.abc import Mapping
from statistics import median
from typing import Any

from . import store
from .errors import ConfigError
from .history import Run, kept, of_workload
from .record import ClusterRecord
from .spec import ClusterSpec

FEW = 3
"""Runs that an estimate takes at least."""


async def read_runs(ledger: str, workload: str) -> tuple[Run, ...]:
    """Return the runs of ``workload`` that are kept beside the ledger at that URL, oldest first.

    Raises
    ------
    ConfigError, WaitTimeout
        As of `store.read`; what is there is no history of ours.
    """
    url = _place(ledger, workload)
    found, _ = await asyncio.to_thread(store.read, url)
    return of_workload(_runs(url, found), workload)


async def all_runs(ledger: str) -> dict[str, tuple[Run, ...]]:
    """Return the runs of every workload that are kept beside the ledger at that URL, by workload.

    Raises
    ------
    ConfigError, WaitTimeout
        As of `read_runs`.
    """
    names = await asyncio.to_thread(store.names, f"{ledger.rstrip('/')}/history")
    workloads = [name.removesuffix(".json") for name in names if name.endswith(".json")]
    runs = await asyncio.gather(*(read_runs(ledger, each) for each in workloads))
    return dict(zip(workloads, runs, strict=True))


async def keep_run(ledger: str, run: Run) -> None:
    """Add ``run`` to those that are kept.

    Raises
    ------
    ConfigError, WaitTimeout
        As of `store.update`.
    """
    url = _place(ledger, run.workload)

    def added(found: bytes | None) -> bytes:
        return json.dumps([each.to_dict() for each in kept(_runs(url, found), run)]).encode()

    await asyncio.to_thread(store.update, url, added)


def run_of(
    spec: ClusterSpec, record: ClusterRecord, used: Mapping[str, Any], cost: float | None, now: float
) -> Run | None:
    """Return what a cluster has done as a run of its workload; None if that was nothing.

    Parameters
    ----------
    spec : ClusterSpec
    record : ClusterRecord
    used : mapping
        What `dask_dataproc.init_actions.usage` counted.
    cost : float or None
        USD, None where there is no price.
    now : float
        Unix seconds.
    """
    if not used.get("tasks_done"):
        return None
    return Run(
        workload=spec.workload,
        at=now,
        workers=record.total_workers,
        machine=spec.worker_machine if spec.workers else spec.master_machine,
        input_bytes=spec.input_bytes,
        seconds=used["seconds_of_work"],
        peak_memory=max(used["peak_memory"], used["peak_worker_memory"]),  # all together are looked at more rarely
        worker_peak=used["peak_worker_memory"],
        cpu_efficiency=used["efficiency"],
        cost=cost or 0.0,
        ok=not used["tasks_erred"],
    )


def usual_hours(runs: tuple[Run, ...]) -> float | None:
    """Return the hours of work that the runs took on average (median), None if they are too few to say."""
    worked = [run.seconds for run in runs if run.ok]
    return median(worked) / 3600 if len(worked) >= FEW else None


def _place(ledger: str, workload: str) -> str:
    return f"{ledger.rstrip('/')}/history/{workload}.json"


def _runs(url: str, found: bytes | None) -> list[Run]:
    try:
        return [Run.from_dict(said) for said in json.loads(found or b"[]")]
    except (ValueError, KeyError, TypeError, AttributeError) as error:
        raise ConfigError(f"{url} is no history of ours: {error}", f"remove {url}") from None
