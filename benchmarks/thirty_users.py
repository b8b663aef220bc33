"""Thirty people at once on one emulator: each process brings a cluster up, computes, scales it and takes it down.

``python benchmarks/thirty_users.py [--users 30] [--times 2] [--light] [--json FILE]``. First one user alone, then all
at once, with everything imported before the common start. A call that fails ends its user with its error, which is
counted and printed. Clusters have two workers, then three, on the smallest machines; ``--light`` has workers without
nannies.
"""

from __future__ import annotations

import argparse
import json
import subprocess
import sys
import tempfile
import threading
import time
from collections.abc import Mapping, Sequence
from pathlib import Path
from typing import Any

import psutil
from processes import load, memory, tree
from summary import spread, table
from surroundings import own_folders

STEPS = {"up": "up", "result": "first result", "scale": "2→3", "down": "down"}
LIMIT = 1800.0
"""Seconds that all users together may take."""
LOOK = 2.0
"""Seconds for which the others' load is looked at."""
SAMPLE, RARELY = 1.0, 10
"""Seconds between two looks at the emulator's memory; every so many of them also at the machines', which takes long."""


def main() -> None:
    """Measure, and print the table."""
    given = arguments()
    if given.user:
        print(json.dumps(user(given.user, given.times)), flush=True)
        return
    with own_folders() as environment:
        environment |= {"GOOGLE_CLOUD_PROJECT": "", "DASK_DATAPROC__EMULATOR__LIGHT": str(given.light).lower()}
        emulator = started(environment)
        others = load(LOOK)
        alone = together(1, given.times, environment, emulator)
        everybody = together(given.users, given.times, environment, emulator)
        everybody["left"] = left(environment)
        stop(environment)
    print(report(alone, everybody, others))
    if given.json:
        given.json.write_text(json.dumps({"alone": alone, "everybody": everybody, "others": others}, indent=1))


def user(name: str, times: int) -> dict[str, Any]:
    """Be one user: say that all is imported, wait for the start, and live through ``times`` clusters."""
    from dask_dataproc import DataprocCluster
    from dask_dataproc.clusters.service import _google

    _google()
    print("imported", flush=True)
    sys.stdin.readline()
    runs: list[dict[str, float]] = []
    try:
        for number in range(times):
            clock = Clock()
            with DataprocCluster(name=f"{name}-{number}", worker_machine="n1-standard-1", local=True) as cluster:
                clock.took("up")
                with cluster.get_client() as client:
                    assert client.submit(sum, [1, 2]).result() == 3
                    clock.took("result")
                    cluster.scale(3)
                    clock.took("scale")
            clock.took("down")
            runs.append(clock.steps)
    except Exception as error:
        return {"runs": runs, "failed": f"{type(error).__name__}: {error}"}
    return {"runs": runs, "failed": ""}


class Clock:
    """Takes the seconds of one step after the other."""

    def __init__(self) -> None:
        self.steps: dict[str, float] = {}
        self._last = time.perf_counter()

    def took(self, step: str) -> None:
        """Note that ``step`` has just ended."""
        now = time.perf_counter()
        self.steps[step], self._last = now - self._last, now


def together(users: int, times: int, environment: Mapping[str, str], emulator: int) -> dict[str, Any]:
    """Let ``users`` processes begin at once; return what they measured, and the most that the emulator held."""
    with tempfile.TemporaryFile("w+") as errors:
        command = [sys.executable, __file__, "--times", str(times), "--user"]
        pipes: dict[str, Any] = {"stdin": subprocess.PIPE, "stdout": subprocess.PIPE, "stderr": errors, "text": True}
        processes = [subprocess.Popen([*command, f"user{n}"], env=environment, **pipes) for n in range(users)]
        for process in processes:
            assert process.stdout is not None
            assert process.stdout.readline() == "imported\n"
        with Watch(emulator) as watch:
            began = time.perf_counter()
            for process in processes:
                assert process.stdin is not None
                process.stdin.write("\n")
                process.stdin.flush()
            said = [process.communicate(timeout=LIMIT)[0] for process in processes]
    results = [json.loads(text) if text else {"runs": [], "failed": "ended without a word"} for text in said]
    return {"users": results, "seconds": time.perf_counter() - began, "pss": watch.pss, "machines": watch.machines}


class Watch(threading.Thread):
    """Looks at the emulator's memory, that of its own two processes and that of its machines, and keeps the most."""

    def __init__(self, emulator: int) -> None:
        super().__init__(daemon=True)
        self.pss = self.machines = 0.0
        self._emulator, self._over = psutil.Process(emulator), threading.Event()

    def __enter__(self) -> Watch:
        self.start()
        return self

    def __exit__(self, *_: object) -> None:
        self._over.set()
        self.join()

    def run(self) -> None:
        looks = 0
        while not self._over.wait(SAMPLE):
            own = {self._emulator, *self._emulator.children()}
            self.pss = max(self.pss, memory(own)[0])
            looks += 1
            if looks % RARELY == 1:
                self.machines = max(self.machines, memory(tree([self._emulator.pid]) - own)[0])


def started(environment: Mapping[str, str]) -> int:
    """Start the emulator and return its pid; the plots are imported when it has been at rest for a while."""
    pid = int(run("emulator_start(); print(emulator_status()['pid'])", environment))
    time.sleep(5)
    return pid


def left(environment: Mapping[str, str]) -> list[str]:
    """Return the names of the clusters that there are still."""
    return json.loads(run("import json; print(json.dumps([each.name for each in list_clusters()]))", environment))


def stop(environment: Mapping[str, str]) -> None:
    """Stop the emulator."""
    run("emulator_stop()", environment)


def run(statements: str, environment: Mapping[str, str]) -> str:
    """Return what Python prints for ``statements``."""
    known = (
        "from dask_dataproc.clusters.local import emulator_start, emulator_status, emulator_stop\n"
        "from dask_dataproc.clusters.fleet import list_clusters\n"
    )
    command = [sys.executable, "-c", known + statements]
    return subprocess.run(command, env=environment, check=True, stdout=subprocess.PIPE, text=True).stdout


def report(alone: Mapping[str, Any], everybody: Mapping[str, Any], others: float) -> str:
    """Return the table, and what went wrong."""
    users = everybody["users"]
    failed = [user["failed"] for user in users if user["failed"]]
    rows: dict[str, list[object]] = {}
    for step, title in STEPS.items():
        one, all_of_them = seconds([alone["users"], users], step)
        late = percentile(all_of_them, 0.95)
        rows[title] = [spread(one), spread(all_of_them), f"{late:.2f}", f"{late / spread(one).median:.1f}"]
    for what, title in (("pss", "emulator's PSS MB"), ("machines", "machines' PSS MB")):
        rows[title] = [f"{alone[what]:.0f}", f"{everybody[what]:.0f}", "–", "–"]
    columns = ["one user", f"{len(users)} users", "their p95", "p95 / one user"]
    clusters = sum(len(user["runs"]) for user in users)
    end = (
        f"{clusters} clusters in {everybody['seconds']:.0f} s; {len(failed)} users failed; clusters left: "
        f"{len(everybody['left'])}; others kept {others:.2f} cores busy before"
    )
    return "\n".join([table(columns, rows), end, *failed])


def seconds(groups: Sequence[Sequence[Mapping[str, Any]]], step: str) -> list[list[float]]:
    """Return what ``step`` took each time, for each of ``groups`` of users."""
    return [[run[step] for user in users for run in user["runs"]] for users in groups]


def percentile(values: Sequence[float], share: float) -> float:
    """Return the least of ``values`` that ``share`` of them do not exceed."""
    return sorted(values)[max(0, -int(-share * len(values) // 1) - 1)]


def arguments() -> argparse.Namespace:
    """Return what was given on the command line."""
    parser = argparse.ArgumentParser(description=__doc__.splitlines()[0])
    parser.add_argument("--users", type=int, default=30)
    parser.add_argument("--times", type=int, default=2, help="clusters of each user, one after the other (2)")
    parser.add_argument("--light", action="store_true", help="workers without nannies")
    parser.add_argument("--json", type=Path, help="write every measurement to this file")
    parser.add_argument("--user", default="", help=argparse.SUPPRESS)
    return parser.parse_args()


if __name__ == "__main__":
    main()
