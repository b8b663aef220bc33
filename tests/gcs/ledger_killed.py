"""``ledger_killed.py URL``: a cluster's life in the ledger at ``URL/0``, ``URL/1`` …, each killed one step later.

A step is a line of what writes to the folder, or the moment before or behind a request to the bucket. Prints where each
was killed, and at last ``done``.
"""

from __future__ import annotations

import asyncio
import itertools
import sys

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
    from stepwise import killed_at  # beside this program, where Python finds it when that is run

    if "://" in url:
        import gcsfs  # noqa: F401  # before the forks, so that it is imported once
    where = ""
    for step in itertools.count():
        if where == "done":
            return
        place = f"{url}/{step}"
        where = killed_at(step, STEPS, lambda place=place: asyncio.run(live(Ledger(place, CLOCK))))
        print(where, flush=True)


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
