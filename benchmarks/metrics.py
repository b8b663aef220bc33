"""What our metrics take of a head's CPU: the same 10,000 tasks on a head with them and on one without, turn by turn.

``python benchmarks/metrics.py [--tasks 10000] [--rounds 15]``: two clusters of real node programs stand side by side,
two workers each. A round sends a batch of tiny tasks to either, the first of a round in turn, while both pages are
scraped once a second: thirty times as often as on a node. CPU seconds are those of the head's process alone.
"""

from __future__ import annotations

import argparse
import asyncio
import contextlib
import json
import os
import signal
import subprocess
import sys
import tempfile
import threading
import time
import timeit
import urllib.request
import uuid
from collections.abc import Iterator
from pathlib import Path
from typing import Any

import psutil
from distributed import Client
from summary import ratio, spread, table

from dask_dataproc.clusters import connection
from dask_dataproc.init_actions.histogram import Histogram
from dask_dataproc.init_actions.metric_names import DURATIONS

WORKERS = 2
SCRAPED_EVERY = 1.0
START = 60.0
WITHOUT = """
import asyncio, contextlib
from dask_dataproc.init_actions import head, snapshots, usage
from dask_dataproc.init_actions.metadata import read_metadata

class Before(usage.Usage):
    def transition(self, key, start, finish, *_, startstops=(), **__):
        if finish == "processing":
            self._tally.began(usage.time.monotonic())
        elif start == "processing":
            self._tally.ended(usage.time.monotonic())
            self.done += finish == "memory"
            self.erred += finish == "erred"
            self._busy += usage.busy(startstops or ())

async def kept(self):
    await asyncio.Event().wait()

head.Usage, head.exported, snapshots.Snapshots.keep = Before, lambda *_: contextlib.nullcontext(), kept
asyncio.run(head.main(read_metadata()))
"""
"""A head as it was before there were metrics; Dask's own page is there."""
WITH = """
import asyncio
from dask_dataproc.init_actions import head
from dask_dataproc.init_actions.metadata import read_metadata

asyncio.run(head.main(read_metadata()))
"""
WORKER = """
import asyncio
from dask_dataproc.init_actions import worker
from dask_dataproc.init_actions.metadata import read_metadata

asyncio.run(worker.main(read_metadata()))
"""


class Cluster:
    """A head and its workers as processes; batches of tasks, and the head's CPU seconds."""

    def __init__(self, folder: Path, head: str):
        self.folder, self.uuid = folder, str(uuid.uuid4())
        folder.mkdir()
        self.processes = [self._start(head, "bench-m")]
        self.processes += [self._start(WORKER, f"bench-w-{number}") for number in range(WORKERS)]
        self.head = psutil.Process(self.processes[0].pid)
        found = asyncio.run(asyncio.wait_for(connection.find(f"file://{folder}", self.uuid), START))
        self.page = f"{found.dashboard}/metrics"
        self.client = Client(found.scheduler, security=found.security(), set_as_default=False)
        self.client.wait_for_workers(WORKERS, timeout=START)

    def _start(self, program: str, name: str) -> subprocess.Popen[bytes]:
        metadata = {"name": name, "dask-staging": f"file://{self.folder}", "dataproc-cluster-uuid": self.uuid}
        metadata |= {"dataproc-cluster-name": "bench", "dask-workers": str(WORKERS), "dask-worker-port": "0"}
        metadata |= {"dask-scheduler-port": "0", "dask-dashboard-port": "0", "dask-vcpus": "2"}
        metadata |= {"dask-memory": str(4 << 30), "dask-local-directory": str(self.folder / f"scratch-{name}")}
        file = self.folder / f"{name}.json"
        file.write_text(json.dumps(metadata))
        with (self.folder / f"{name}.log").open("wb") as log:
            environment = os.environ | {"NODE_METADATA": str(file)}
            return subprocess.Popen([sys.executable, "-c", program], env=environment, stdout=log, stderr=log)

    def batch(self, tasks: int) -> float:
        """Return the head's CPU seconds for ``tasks`` tasks, from the graph to the last result's release."""
        before = self.seconds()
        futures = self.client.map(int, range(tasks), pure=False)
        self.client.gather(futures)
        del futures
        while self.client.run_on_scheduler(lambda dask_scheduler: len(dask_scheduler.tasks)):
            time.sleep(0.2)
        return self.seconds() - before

    def seconds(self) -> float:
        """Return the CPU seconds of the head so far."""
        times = self.head.cpu_times()
        return times.user + times.system

    def close(self) -> None:
        """End it, workers first."""
        self.client.close()
        for process in reversed(self.processes):
            process.terminate()
            try:
                process.wait(20)
            except subprocess.TimeoutExpired:
                process.kill()


@contextlib.contextmanager
def scraped(pages: list[str]) -> Iterator[None]:
    """Ask each of ``pages`` as a Prometheus does, within the block."""
    over = threading.Event()

    def ask() -> None:
        while not over.wait(SCRAPED_EVERY):
            for page in pages:
                urllib.request.urlopen(page, timeout=30).read()

    asking = threading.Thread(target=ask)
    asking.start()
    try:
        yield
    finally:
        over.set()
        asking.join()


def observed() -> float:
    """Return the microseconds that counting one task's duration takes by itself."""
    histogram, times = Histogram(DURATIONS), 200_000
    return min(timeit.repeat(lambda: histogram.observe(0.02), number=times, repeat=5)) / times * 1e6


def per_scrape(cluster: Cluster, times: int = 50) -> float:
    """Return the head's CPU milliseconds for one scrape of its page."""
    before = cluster.seconds()
    for _ in range(times):
        urllib.request.urlopen(cluster.page, timeout=30).read()
    return (cluster.seconds() - before) / times * 1e3


def main() -> None:
    """Measure, and print the table."""
    parser = argparse.ArgumentParser(description=__doc__)
    parser.add_argument("--tasks", type=int, default=10_000)
    parser.add_argument("--rounds", type=int, default=15)
    given = parser.parse_args()
    signal.signal(signal.SIGTERM, lambda *_: sys.exit(1))  # what was started is ended then too
    took: dict[str, list[float]] = {"without": [], "with": []}
    with tempfile.TemporaryDirectory() as folder, contextlib.ExitStack() as ending:
        clusters: dict[str, Cluster] = {}
        for name, head in (("without", WITHOUT), ("with", WITH)):
            clusters[name] = Cluster(Path(folder) / name, head)
            ending.callback(clusters[name].close)
        with scraped([cluster.page for cluster in clusters.values()]):
            for number in range(given.rounds + 1):
                for name in list(clusters)[:: 1 if number % 2 else -1]:
                    seconds = clusters[name].batch(given.tasks if number else given.tasks // 20)
                    took[name] += [seconds] if number else []
                    print(f"round {number}, {name}: {seconds:.2f} s", file=sys.stderr, flush=True)
        scrapes = {name: per_scrape(cluster) for name, cluster in clusters.items()}
    report(given.tasks, took, scrapes)


def report(tasks: int, took: dict[str, list[float]], scrapes: dict[str, float]) -> None:
    """Print what was found."""
    rows: dict[str, Any] = {n: [spread(t), ratio(t, took["without"]), f"{scrapes[n]:.1f}"] for n, t in took.items()}
    print(f"CPU seconds of the head for {tasks} tasks, median [least–greatest] of {len(took['with'])} rounds")
    print(table(["seconds", "times without", "ms a scrape"], rows))
    alone, base = observed(), spread(took["without"])
    assert base is not None
    share = alone * 1e-6 * tasks / base.median
    print(f"Counting a task's duration: {alone:.2f} µs, {share:.2%} of the seconds without")


if __name__ == "__main__":
    main()
