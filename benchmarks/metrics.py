"""What our metrics take of a head's CPU: the same 10,000 tasks on one head, with them and without, turn by turn.

``python benchmarks/metrics.py [--tasks 10000] [--rounds 15]``: a cluster of real node programs, two workers. A round
sends two batches of tiny tasks, one while the head's metrics are on and one while they are off, the first of a round in
turn, and the page is scraped once a second: thirty times as often as on a node. CPU seconds are those of the head's
process alone, by its own clock.
"""

from __future__ import annotations

import argparse
import asyncio
import contextlib
import json
import os
import signal
import statistics
import subprocess
import sys
import tempfile
import threading
import time
import timeit
import urllib.request
import uuid
from collections.abc import Callable, Iterator
from pathlib import Path
from typing import Any

from distributed import Client
from summary import spread, table

from dask_dataproc.clusters import connection
from dask_dataproc.init_actions.histogram import Histogram
from dask_dataproc.init_actions.metric_names import DURATIONS

WORKERS = 2
SCRAPED_EVERY = 1.0
START = 60.0
HEAD = """
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


def switch(dask_scheduler: Any, on: bool) -> None:
    """Have the head do what the metrics need, or only what it did before there were any."""
    from prometheus_client import REGISTRY

    from dask_dataproc.init_actions import exporter, usage

    def before(self: Any, key: Any, start: Any, finish: Any, *_: Any, startstops: Any = (), **__: Any) -> None:
        if finish == "processing":
            self._tally.began(usage.time.monotonic())
        elif start == "processing":
            self._tally.ended(usage.time.monotonic())
            self.done += finish == "memory"
            self.erred += finish == "erred"
            self._busy += usage.busy(startstops or ())

    kept = dask_scheduler.__dict__.setdefault("kept", {"transition": usage.Usage.transition})
    usage.Usage.transition = kept["transition"] if on else before
    if on and "exported" in kept:
        REGISTRY.register(kept.pop("exported"))
    elif not on and "exported" not in kept:
        kept["exported"] = next(c for c in REGISTRY._collector_to_names if isinstance(c, exporter._Collector))
        REGISTRY.unregister(kept["exported"])


def seconds(dask_scheduler: Any) -> float:
    """Return the CPU seconds of the head so far."""
    return time.process_time()


async def snapshots(dask_scheduler: Any, times: int = 50) -> float:
    """Return the head's CPU milliseconds for one snapshot."""
    before = time.process_time()
    for _ in range(times):
        await dask_scheduler.snapshots._written(ended=False)
    return (time.process_time() - before) / times * 1e3


class Cluster:
    """A head and its workers as processes; batches of tasks, and the head's CPU seconds."""

    def __init__(self, folder: Path):
        self.folder, self.uuid = folder, str(uuid.uuid4())
        self.processes = [self._start(HEAD, "bench-m")]
        self.processes += [self._start(WORKER, f"bench-w-{number}") for number in range(WORKERS)]
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

    def on_head(self, act: Callable[..., Any], **given: Any) -> Any:
        """Do ``act`` in the head's process."""
        return self.client.run_on_scheduler(act, **given)

    def batch(self, tasks: int) -> float:
        """Return the head's CPU seconds for ``tasks`` tasks, from the graph to the last result's release."""
        before = self.on_head(seconds)
        futures = self.client.map(int, range(tasks), pure=False)
        self.client.gather(futures)
        del futures
        while self.on_head(lambda dask_scheduler: len(dask_scheduler.tasks)):
            time.sleep(0.2)
        return self.on_head(seconds) - before

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
def scraped(page: str) -> Iterator[None]:
    """Ask ``page`` as a Prometheus does, within the block."""
    over = threading.Event()

    def ask() -> None:
        while not over.wait(SCRAPED_EVERY):
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
    before = cluster.on_head(seconds)
    for _ in range(times):
        urllib.request.urlopen(cluster.page, timeout=30).read()
    return (cluster.on_head(seconds) - before) / times * 1e3


def main() -> None:
    """Measure, and print the table."""
    parser = argparse.ArgumentParser(description=__doc__)
    parser.add_argument("--tasks", type=int, default=10_000)
    parser.add_argument("--rounds", type=int, default=15)
    given = parser.parse_args()
    signal.signal(signal.SIGTERM, lambda *_: sys.exit(1))  # what was started is ended then too
    took: dict[str, list[float]] = {"without": [], "with": []}
    scrapes: dict[str, float] = {}
    with tempfile.TemporaryDirectory() as folder, contextlib.closing(Cluster(Path(folder))) as cluster:
        with scraped(cluster.page):
            for number in range(given.rounds + 1):
                for name in list(took)[:: 1 if number % 2 else -1]:
                    cluster.on_head(switch, on=name == "with")
                    took[name].append(cluster.batch(given.tasks))
                    print(f"round {number}, {name}: {took[name][-1]:.2f} s", file=sys.stderr, flush=True)
        for name in took:
            cluster.on_head(switch, on=name == "with")
            scrapes[name] = per_scrape(cluster)
        written = cluster.on_head(snapshots)
    report(given.tasks, {name: each[1:] for name, each in took.items()}, scrapes)  # the first round warms up
    print(f"A snapshot, every 300 s or when something new is told: {written:.1f} ms")


def report(tasks: int, took: dict[str, list[float]], scrapes: dict[str, float]) -> None:
    """Print what was found."""
    rows: dict[str, Any] = {n: [spread(t), quarter(t, took["without"]), f"{scrapes[n]:.1f}"] for n, t in took.items()}
    print(f"CPU seconds of the head for {tasks} tasks, median [least–greatest] of {len(took['with'])} rounds")
    print(table(["seconds", "times without, median [quartiles]", "ms a scrape"], rows))
    alone, base = observed(), spread(took["without"])
    assert base is not None
    share = alone * 1e-6 * tasks / base.median
    print(f"Counting a task's duration: {alone:.2f} µs, {share:.2%} of the seconds without")


def quarter(ours: list[float], theirs: list[float]) -> str:
    """Return the median of ``ours`` over ``theirs``, round by round, with the quartiles."""
    low, median, high = statistics.quantiles((a / b for a, b in zip(ours, theirs, strict=True)), n=4)
    return f"{median:.3f} [{low:.3f}–{high:.3f}]"


if __name__ == "__main__":
    main()
