"""Thread-seconds that a cluster had, while there was work and between its first task and its last. Pure: no clock."""

from __future__ import annotations

from collections.abc import Iterable, Mapping
from typing import Any


class Tally:
    """The sums of a cluster's life so far, in constant time and space for each thing that happens.

    Every method is told ``now``, seconds of one clock that never goes back.

    Attributes
    ----------
    worked : float
        Seconds in which a task was with a worker.
    threads_at_work : float
        Thread-seconds of the workers that were there in these.
    threads_between : float
        Thread-seconds in the pauses between them, from the first task's start to the last one's end.
    threads, most_threads : int
        At present, and at most so far.
    """

    def __init__(self) -> None:
        self.worked = self.threads_at_work = self.threads_between = 0.0
        self.threads = self.most_threads = 0
        self._running, self._since = 0, 0.0
        self._pause: float | None = None  # thread-seconds since the last task ended; None before the first

    def resized(self, threads: int, now: float) -> None:
        """Have ``threads`` from now on."""
        self._advance(now)
        self.threads = threads
        self.most_threads = max(self.most_threads, threads)

    def began(self, now: float) -> None:
        """Have one task more with a worker."""
        self._advance(now)
        if not self._running:
            self.threads_between += self._pause or 0.0
            self._pause = 0.0
        self._running += 1

    def ended(self, now: float) -> None:
        """Have one task fewer with a worker."""
        self._advance(now)
        self._running -= 1

    def until(self, now: float) -> tuple[float, float, float]:
        """Return `worked`, `threads_at_work` and `threads_between` until now."""
        self._advance(now)
        return self.worked, self.threads_at_work, self.threads_between

    def _advance(self, now: float) -> None:
        seconds, self._since = now - self._since, now
        if self._running:
            self.worked += seconds
            self.threads_at_work += self.threads * seconds
        elif self._pause is not None:
            self._pause += self.threads * seconds


def busy(startstops: Iterable[Mapping[str, Any]]) -> float:
    """Return the seconds that a task's thread computed, by what Dask's worker says of it."""
    return sum(each["stop"] - each["start"] for each in startstops if each["action"] == "compute")
