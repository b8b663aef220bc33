"""``ledger_killed.py URL``: a cluster's life in the ledger at ``URL/0``, ``URL/1`` …, each killed one step later.

A step is a line of what writes to the folder, or the moment before or behind a request to the bucket. Prints where each
was killed, and at last ``done``.
"""

from __future__ import annotations

import asyncio
import itertools
import os
import signal
import sys
import threading
from types import FrameType
from typing import Any

from dask_dataproc.clusters import store_bucket, store_folder
from dask_dataproc.clusters.account import Account, Reservation
from dask_dataproc.clusters.clock import Clock
from dask_dataproc.clusters.ledger import Ledger

NOW, LEASE = 1_790_000_000.0, 1800.0
KEY = "request"
CLOCK = Clock(NOW, scale=0)
STEPS = {(store_folder.__file__, name): ("line",) for name in ("attempt", "_writing", "_replace")}
STEPS[store_bucket.__file__, "_answer"] = ("call", "return")


def main(url: str) -> None:
    if "://" in url:
        import gcsfs  # noqa: F401  # before the forks, so that it is imported once
    where = ""
    for step in itertools.count():
        if where == "done":
            return
        where = child(step, f"{url}/{step}")
        print(where, flush=True)


def child(step: int, url: str) -> str:
    """Live at ``url`` in a process that is killed at ``step``; return where that was."""
    reading, writing = os.pipe()
    process = os.fork()
    if not process:
        live_until(step, writing, url)
    os.close(writing)
    _, status = os.waitpid(process, 0)
    with os.fdopen(reading) as said:
        return said.read() if os.WIFSIGNALED(status) else "done" if not status else f"failed: {status}"


def live_until(step: int, told: int, url: str) -> None:
    """Live at ``url``; at ``step`` write where that is to ``told`` and be killed."""
    steps = itertools.count()

    def look(frame: FrameType, event: str, _: Any) -> Any:
        events = STEPS.get((frame.f_code.co_filename, frame.f_code.co_name))
        if events is None:
            return None
        if event in events and next(steps) == step:
            os.write(told, f"{frame.f_code.co_name}:{frame.f_lineno}:{event}".encode())
            os.kill(os.getpid(), signal.SIGKILL)
        return look

    threading.settrace(look)
    try:
        asyncio.run(live(Ledger(url, CLOCK)))
        os._exit(0)
    finally:
        os._exit(1)


async def live(ledger: Ledger) -> Account:
    """Be reserved, begin an hour ago, and end."""
    await ledger.reserve("ana", wanted(KEY), alone, alone)
    await ledger.begin("ana", KEY, "uuid", NOW - 3600, 1.0, NOW + LEASE)
    return await ledger.release("ana", KEY)


def wanted(key: str, now: float = NOW) -> Reservation:
    return Reservation(key, f"dask-{key}", "p/r", 2, 1, "etl", now + LEASE)


def alone(account: Account) -> None:
    """Admit one at a time."""
    if account.reservations:
        raise ValueError(f"in use: {list(account.reservations)}")


if __name__ == "__main__":
    main(sys.argv[1])
