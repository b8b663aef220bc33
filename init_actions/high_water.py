"""The most memory that a worker's process ever had, told with each heartbeat: a peak between two of them counts too.

A worker loads this module (``distributed.worker.preload``). Only Linux's kernel says it; elsewhere nothing is told.
"""

from __future__ import annotations

from pathlib import Path

from distributed import Worker

from .usage import HIGH_WATER

STATUS = Path("/proc/self/status")


def dask_setup(worker: Worker) -> None:
    """Have ``worker`` tell it."""
    worker.metrics[HIGH_WATER] = high_water


def high_water(_: Worker) -> int:
    """Return the bytes; an error is, to Dask, a metric that there is none of."""
    return int(STATUS.read_text().partition("VmHWM:")[2].split()[0]) << 10
