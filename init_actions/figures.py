"""What a head can say in figures of its scheduler and its cluster: counted when it is asked, kept nowhere."""

from __future__ import annotations

import json
import time
from collections.abc import Iterator
from typing import TYPE_CHECKING

from distributed.scheduler import WorkerState

from .departures import SHELTER
from .samples import Sample
from .shape import machine_of

if TYPE_CHECKING:
    from .departures import Departures
    from .head import Head


class Figures:
    """The samples of one head.

    Parameters
    ----------
    head : Head
    departures : Departures
        Its, which count the preemptions.
    metadata : dict
        Of its node.
    """

    def __init__(self, head: Head, departures: Departures, metadata: dict[str, str]):
        self.head = head
        self._departures = departures
        spec = json.loads(metadata.get("dask-spec", "{}"))
        self.cluster = metadata.get("dataproc-cluster-name", "")
        self._owner = spec.get("labels", {}).get("owner", "")

    @property
    def owner(self) -> str:
        """Whose the cluster is: of one that a DAG made, who holds it says so."""
        return self._owner or self.head.words.user

    def samples(self) -> Iterator[Sample]:
        """Yield all but the histogram: first what Dask's page lacks, then what is said of the cluster."""
        workers = self._workers()
        yield from map(_memory, (worker for worker in workers if worker.memory_limit))
        yield from map(_cpu, workers)
        yield Sample("dask_scheduler_queue_length", {}, self._queue(workers))
        of_cluster = {"cluster": self.cluster, "owner": self.owner}
        for name, labels, value in [*self._of_head(workers), *self.head.words.samples(time.monotonic())]:
            yield Sample(name, of_cluster | labels, value)

    def _of_head(self, workers: list[WorkerState]) -> Iterator[Sample]:
        threads = sum(worker.nthreads for worker in workers)
        used = sum(worker.metrics.get("cpu", 0.0) for worker in workers) / 100
        busy = self.head.queued or self.head.unrunnable or any(worker.processing for worker in workers)
        yield Sample("dask_dataproc_creations_total", {}, 1)
        yield Sample("dask_dataproc_busy", {}, float(bool(busy)))
        yield Sample("dask_dataproc_preemptions_total", {}, self._departures.replacements.total)
        yield Sample("dask_dataproc_utilization", {}, min(1.0, used / threads) if threads else 0.0)
        yield Sample("dask_dataproc_workers", {}, len({machine_of(str(worker.name)) for worker in workers}))
        yield Sample("dask_dataproc_workers_wanted", {}, self.head.wanted)

    def _workers(self) -> list[WorkerState]:
        """Return the workers that run tasks."""
        return [worker for worker in self.head.workers.values() if not str(worker.name).endswith(SHELTER)]

    def _queue(self, workers: list[WorkerState]) -> int:
        """Return how many tasks have their inputs and no thread: with the scheduler, and with workers that are full."""
        with_workers = sum(max(0, len(worker.processing) - worker.nthreads) for worker in workers)
        return len(self.head.queued) + len(self.head.unrunnable) + with_workers


def _memory(worker: WorkerState) -> Sample:
    share = worker.metrics.get("memory", 0) / worker.memory_limit
    return Sample("dask_worker_memory_usage", {"worker": str(worker.name)}, share)


def _cpu(worker: WorkerState) -> Sample:
    share = worker.metrics.get("cpu", 0.0) / 100 / worker.nthreads
    return Sample("dask_worker_cpu_utilization", {"worker": str(worker.name)}, min(1.0, share))
