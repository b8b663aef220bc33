"""A worker's own memory and CPU on its /metrics, which is on its machine's loopback alone.

A worker loads this module (``distributed.worker.preload``). The head says the same of all workers, from their
heartbeats: this is for who scrapes each machine, and is true to the moment.
"""

from __future__ import annotations

import contextlib
from collections.abc import Callable, Iterator

from distributed import Worker

from .exporter import register
from .samples import Sample

_ends: dict[Worker, Callable[[], None]] = {}


def dask_setup(worker: Worker) -> None:
    """Have ``worker`` export them."""
    with contextlib.suppress(ModuleNotFoundError):
        _ends[worker] = register(lambda: samples(worker))


def dask_teardown(worker: Worker) -> None:
    """Export them no more."""
    _ends.pop(worker, lambda: None)()


def samples(worker: Worker) -> Iterator[Sample]:
    """Yield them as they are now."""
    labels, limit = {"worker": str(worker.name)}, worker.memory_manager.memory_limit
    if limit:
        yield Sample("dask_worker_memory_usage", labels, worker.monitor.get_process_memory() / limit)
    share = worker.monitor.quantities["cpu"][-1] / 100 / worker.state.nthreads
    yield Sample("dask_worker_cpu_utilization", labels, min(1.0, share))
