"""A hundred workers and more on one computer: ours from 2 to 128 and back, beside plain Dask's, in one process.

``python benchmarks/many_workers.py [--workers 128] [--rounds 3] [--json FILE]``. Ours are light machines of the
emulator (``dataproc.emulator.light``): a process each, on TLS, resized through Dataproc's API. Plain Dask's workers are
threads of the calling process, which share one interpreter: so many processes with nannies would keep this machine busy
by being idle. Both have the settings of emulator/light.py, without which such a process comes to nothing else but its
ticks. Each measurement is a process of its own; rounds go through both in turn.
"""

from __future__ import annotations

import argparse
import json
import os
import subprocess
import sys
import time
from collections.abc import Mapping
from pathlib import Path
from typing import Any

from processes import is_tracker, load, memory, tree
from summary import ratio, spread, table
from surroundings import own_folders

ROWS = {"LocalCluster(processes=False)": "plain", "dask-dataproc, light machines": "ours"}
REFERENCE, OURS = ROWS
MEASURES = {
    "grown": "2→N",
    "task": "ms a task",
    "wide": "ms a task, N at a time",
    "shrunk": "N→2",
    "close": "close",
    "pss": "PSS MB with N",
    "idle": "cores while idle",
    "others": "others' cores",
}
TASKS = 2000
"""Tiny tasks that are timed; the first hundred before them are not."""
REST = 5.0
"""Seconds over which idleness is measured, after a pause of as long."""
LIMIT = 900.0
"""Seconds that one measurement may take."""
LOOK = 0.5


def main() -> None:
    """Measure, and print the table."""
    given = arguments()
    if given.once:
        print(json.dumps(measured(given.once, given.workers)), flush=True)
        return
    with own_folders() as environment:
        environment |= {"DASK_DATAPROC__EMULATOR__LIGHT": "true", "GOOGLE_CLOUD_PROJECT": ""}
        runs: dict[str, list[dict[str, Any]]] = {name: [] for name in ROWS}
        try:
            for number in range(given.rounds):
                for name, row in ROWS.items():
                    print(f"round {number + 1}: {name}", file=sys.stderr)
                    runs[name].append(child(row, given.workers, environment))
        finally:
            child("stop", given.workers, environment)
    print(report(runs, given.workers))
    if given.json:
        given.json.write_text(json.dumps(runs, indent=1))


def child(row: str, workers: int, environment: Mapping[str, str]) -> dict[str, Any]:
    """Return what a fresh process measured, with the cores that others kept busy just before."""
    others = load(LOOK)
    command = [sys.executable, __file__, "--once", row, "--workers", str(workers)]
    ran = subprocess.run(command, env=environment, capture_output=True, text=True, timeout=LIMIT)
    if ran.returncode:
        raise RuntimeError(f"{row}: status {ran.returncode}\n{ran.stderr}")
    return json.loads(ran.stdout.splitlines()[-1]) | {"others": others}


def measured(row: str, workers: int) -> dict[str, float]:
    """Bring a cluster of two to ``workers`` and back, and down; return seconds, milliseconds a task, MB and cores."""
    if row == "stop":
        from dask_dataproc.clusters.local import emulator_stop

        return {"stopped": emulator_stop()}
    found: dict[str, float] = {}
    cluster = ours(workers) if row == "ours" else plain()
    with cluster.get_client() as client:
        found["grown"] = resized(cluster, client, workers)
        found["idle"], found["pss"] = at_rest()
        found["task"] = per_task(client, TASKS)
        found["wide"] = per_task(client, TASKS, width=workers)
        found["shrunk"] = resized(cluster, client, 2)
    began = time.perf_counter()
    cluster.close()
    return found | {"close": time.perf_counter() - began}


def ours(most: int) -> Any:
    """Return a cluster of ours that may have ``most`` workers; the emulator stands already."""
    from dask_dataproc import DataprocCluster
    from dask_dataproc.clusters.local import emulator_start

    emulator_start()
    return DataprocCluster(n_workers=2, max_workers=most, worker_machine="n1-standard-1", local=True)


def plain() -> Any:
    """Return Dask's own cluster within this process."""
    import dask.config
    from distributed import LocalCluster

    from dask_dataproc.emulator.light import QUIET

    dask.config.set(QUIET)
    return LocalCluster(n_workers=2, processes=False, threads_per_worker=1, dashboard_address="127.0.0.1:0")


def resized(cluster: Any, client: Any, n: int) -> float:
    """Return the seconds from the call until ``n`` workers are there, and no others."""
    began = time.perf_counter()
    cluster.scale(n)
    while len(client.nthreads()) != n:
        time.sleep(0.01)
    return time.perf_counter() - began


def per_task(client: Any, tasks: int, width: int | None = None) -> float:
    """Return the milliseconds that each of ``tasks`` tiny tasks takes, with so many on their way at a time."""
    client.gather(client.map(identity, range(100), pure=False))
    began = time.perf_counter()
    for first in range(0, tasks, width or tasks):
        client.gather(client.map(identity, range(first, min(tasks, first + (width or tasks))), pure=False))
    return (time.perf_counter() - began) / tasks * 1000


def identity(value: int) -> int:
    """Return ``value``: the least that a task can do."""
    return value


def at_rest() -> tuple[float, float]:
    """Return the cores that the cluster takes while it does nothing, and its PSS in MB; the caller's are counted."""
    time.sleep(REST)
    alive = everything()
    before = {process: sum(process.cpu_times()[:2]) for process in alive}
    time.sleep(REST)
    return sum(sum(process.cpu_times()[:2]) - before[process] for process in alive) / REST, memory(alive)[0]


def everything() -> set[Any]:
    """Return this process, the emulator and its machines."""
    from dask_dataproc.clusters.local import emulator_status

    emulator = emulator_status()
    found = tree([os.getpid(), *([emulator["pid"]] if emulator else [])])
    return {process for process in found if not is_tracker(process)}


def report(runs: Mapping[str, list[dict[str, Any]]], workers: int) -> str:
    """Return the measures of both rows, and ours as a multiple of Dask's."""
    rows: dict[str, list[object]] = {
        title.replace("N", str(workers)): [
            *(spread(run[measure] for run in runs[name]) for name in ROWS),
            ratio(*([run[measure] for run in runs[name]] for name in (OURS, REFERENCE))),
        ]
        for measure, title in MEASURES.items()
    }
    return table([*ROWS, "ours / Dask's"], rows)


def arguments() -> argparse.Namespace:
    """Return what was given on the command line."""
    parser = argparse.ArgumentParser(description=__doc__.splitlines()[0])
    parser.add_argument("--workers", type=int, default=128)
    parser.add_argument("--rounds", type=int, default=3)
    parser.add_argument("--json", type=Path, help="write every measurement to this file")
    parser.add_argument("--once", default="", help=argparse.SUPPRESS)
    return parser.parse_args()


if __name__ == "__main__":
    main()
