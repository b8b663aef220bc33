"""``audit_killed.py URL STATE``: an event's way to the trail, and a day's putting together, each killed one step later.

A step is a line of what writes on this disk, or the moment before or behind a request to the bucket. The trails are
``URL/told-0``, ``URL/told-1`` … and ``URL/days-0`` …, each with a state folder. Prints ``told-3 STEP``, last ``done``.
"""

from __future__ import annotations

import itertools
import os
import sys
from collections.abc import Callable

from dask_dataproc.clusters import outbox, store, store_bucket, store_folder, trail
from dask_dataproc.clusters.audit import Event

NOW = 1_790_000_000.0
OLD = [Event(NOW - 4 * 86400 + n, "created", f"c{n}", "p/r", "ana", "ana", "x", f"id{n}") for n in range(2)]
FOLDER = {(store_folder.__file__, name): ("line",) for name in ("put", "attempt", "drop", "_replace")}
STEPS = FOLDER | {(store_bucket.__file__, "_answer"): ("call", "return")}
TELLING = STEPS | {(outbox.__file__, name): ("line",) for name in ("add", "_deliver")}


def main(url: str, state: str) -> None:
    from stepwise import killed_at  # beside this program, where Python finds it when that is run

    if "://" in url:
        import gcsfs  # noqa: F401  # before the forks, so that it is imported once
    for kind, steps, act in (("told", TELLING, tell), ("days", STEPS, put_together)):
        where = ""
        for step in itertools.count():
            if where == "done":
                break
            here, told = f"{url}/{kind}-{step}", ready if kind == "days" else nothing
            os.environ["XDG_STATE_HOME"] = f"{state}/{kind}-{step}"
            where = killed_at(step, steps, with_url(act, here), with_url(told, here))
            print(f"{kind}-{step}", where, flush=True)
    print("done")


def with_url(act: Callable[[str], object], url: str) -> Callable[[], object]:
    return lambda: act(url)


def tell(url: str) -> None:
    """Say one event and wait until it has been sent."""
    trail.note(url, OLD[0])
    assert outbox.OUTBOX.drain(30)


def ready(url: str) -> None:
    """Have two events of a day that is over."""
    for event in OLD:
        store.put(f"{url}/new/{event.name}", event.line().encode())


def nothing(url: str) -> None:
    """Have a trail with nothing in it."""


def put_together(url: str) -> None:
    """Put the day together."""
    assert trail.put_together(url, NOW, 30) == len(OLD)


if __name__ == "__main__":
    main(*sys.argv[1:])
