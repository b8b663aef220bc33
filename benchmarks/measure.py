"""``measure.py CONTESTANT``: one measurement of one contestant in this fresh process, as a JSON line on stdout.

``measure.py CONTESTANT before`` does what must have happened before. Seconds are of the wall clock, memory is in MB.
"""

from __future__ import annotations

import importlib
import json
import os
import sys
import time
from typing import Any

import contestants
import processes

WORKERS, MORE = 2, 4
END = 60.0
"""Seconds that the processes of a closed cluster may take to go."""
PLOTS = 15.0
"""Seconds that the dashboard may take to show its plots."""


def main(name: str) -> dict[str, Any]:
    """Measure the contestant whose class is called ``name``."""
    contestant = getattr(contestants, name)()
    began = time.perf_counter()
    for module in contestant.imports:
        importlib.import_module(module)
    found: dict[str, Any] = {"imports": time.perf_counter() - began}
    contestant.prepare()
    try:
        measure(contestant, found)
    finally:
        contestant.finish()
    return found | {"all": found["imports"] + found["up"]}


def measure(contestant: Any, found: dict[str, Any]) -> None:
    """Bring the contestant's cluster up, from 2 to 4 workers and down; write what that took into ``found``."""
    before = everything(contestant)
    began = time.perf_counter()
    contestant.up(WORKERS)
    found["call"] = time.perf_counter() - began
    client = contestant.client
    client.wait_for_workers(WORKERS)
    assert client.submit(sum, [1, 2]).result() == 3
    found["up"] = time.perf_counter() - began
    found["plots"] = plots(client.dashboard_link, began)
    made = everything(contestant) - before - contestant.service()
    found["processes"] = len(made)
    found["pss"], found["rss"] = processes.memory(made)
    found["service_pss"], _ = processes.memory(contestant.service())
    scale(contestant, found)
    made = everything(contestant) - before - contestant.service()
    close(contestant, made, found)


def everything(contestant: Any) -> set[Any]:
    """Return the processes that descend from this one or from the contestant's service."""
    found = processes.tree([os.getpid(), *(process.pid for process in contestant.service())])
    return {process for process in found if not processes.is_tracker(process)}


def scale(contestant: Any, found: dict[str, Any]) -> None:
    """Measure from the call to the fourth worker's registration."""
    began = time.perf_counter()
    contestant.scale(MORE)
    contestant.client.wait_for_workers(MORE)
    found["scale"] = time.perf_counter() - began


def close(contestant: Any, made: set[Any], found: dict[str, Any]) -> None:
    """Measure to the return of the call, and until the processes of the cluster have gone."""
    began = time.perf_counter()
    contestant.close()
    found["close"] = time.perf_counter() - began
    found["left"] = processes.gone(made, END)
    found["gone"] = time.perf_counter() - began


def plots(dashboard: str | None, began: float) -> float | None:
    """Return the seconds from ``began`` until the dashboard had its plots; None without a dashboard."""
    deadline = time.perf_counter() + PLOTS
    while dashboard and time.perf_counter() < deadline:
        if contestants.has_plots(dashboard):
            return time.perf_counter() - began
        time.sleep(0.01)
    return None


if __name__ == "__main__":
    if sys.argv[2:] == ["before"]:
        getattr(contestants, sys.argv[1])().before()
    else:
        print(json.dumps(main(sys.argv[1])), flush=True)
