"""What processes and the machine do, as /proc tells it: who was started, what memory they hold, how busy others are."""

from __future__ import annotations

import contextlib
import time
from collections.abc import Iterable

import psutil

MB = 1e6
TRACKER = "resource_tracker"
"""multiprocessing's own process; it lives as long as Python does, whatever is closed."""


def tree(roots: Iterable[int]) -> set[psutil.Process]:
    """Return the living processes that descend from ``roots``, and these themselves."""
    found: set[psutil.Process] = set()
    for pid in roots:
        with contextlib.suppress(psutil.NoSuchProcess):
            root = psutil.Process(pid)
            found |= {root, *root.children(recursive=True)}
    return {process for process in found if _lives(process)}


def memory(processes: Iterable[psutil.Process]) -> tuple[float, float]:
    """Return the PSS and the RSS of ``processes`` together, MB: PSS counts a shared page once, RSS for each holder."""
    pss = rss = 0.0
    for process in processes:
        with contextlib.suppress(psutil.NoSuchProcess):
            info = process.memory_full_info()
            pss, rss = pss + info.pss / MB, rss + info.rss / MB
    return pss, rss


def gone(processes: Iterable[psutil.Process], timeout: float) -> int:
    """Wait up to ``timeout`` seconds for ``processes`` to end and return how many did not."""
    left, deadline = list(processes), time.monotonic() + timeout
    while (left := [process for process in left if _lives(process)]) and time.monotonic() < deadline:
        time.sleep(0.005)
    return len(left)


def is_tracker(process: psutil.Process) -> bool:
    """Return whether ``process`` is `TRACKER`."""
    with contextlib.suppress(psutil.NoSuchProcess):
        return any(TRACKER in word for word in process.cmdline())
    return False


def load(seconds: float) -> float:
    """Return how many cores are busy during the next ``seconds``, in which the caller does nothing."""
    return psutil.cpu_percent(seconds) / 100 * (psutil.cpu_count() or 1)


def _lives(process: psutil.Process) -> bool:
    with contextlib.suppress(psutil.NoSuchProcess):
        return process.is_running() and process.status() != psutil.STATUS_ZOMBIE
    return False
