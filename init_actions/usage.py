"""What a cluster did, as its head saw it: for the history by which the next one of its workload is sized."""

from __future__ import annotations

import time
from typing import Any

from distributed import Scheduler
from distributed.diagnostics.plugin import SchedulerPlugin

from .departures import SHELTER
from .histogram import Histogram
from .metric_names import DURATIONS
from .tally import Tally, busy

HIGH_WATER = "high_water"
"""The metric of init_actions/high_water.py."""


class Usage(SchedulerPlugin):
    """Counts along with one scheduler; constant time for each task and each heartbeat, whatever the number of workers.

    What dead workers did stays counted; a head that is started again begins at zero.

    Attributes
    ----------
    done, erred : int
        Results so far, and errors after which nothing was tried again.
    durations : Histogram
        Seconds that tasks computed, by the clock.
    """

    name = "usage"

    def __init__(self) -> None:
        self._tally = Tally()
        self._busy = 0.0
        self.done = self.erred = 0
        self.durations = Histogram(DURATIONS)
        self._threads: dict[str, int] = {}
        self._memory: dict[str, int] = {}
        self._spilled: dict[str, int] = {}
        self._sums = {"memory": 0, "spilled": 0}
        self._peaks = {"memory": 0, "spilled": 0, "worker": 0, "workers": 0}

    def report(self) -> dict[str, float | None]:
        """Return what has been done so far.

        Returns
        -------
        dict
            ``seconds_of_work``: in which at least one task was with a worker; ``busy_thread_seconds``: that tasks
            computed, by the clock, so waiting for a disk or the network counts, and one under way does not yet;
            ``thread_seconds``: that the workers' threads were there during the seconds of work; ``efficiency``: busy
            over there, None before the first task; ``occupancy``: the same over the whole time from the first task's
            start to the last one's end, with a person's pauses in it.
            ``tasks_done``, ``tasks_erred``: results, and errors after which nothing was tried again.
            ``peak_memory``: bytes of all worker processes together, as their heartbeats say, so a shorter peak is
            missed; ``peak_worker_memory``: of the largest of them, by the kernel's high-water mark on Linux, which
            misses none; ``peak_spilled``: bytes on all disks together. ``most_workers``, ``most_threads``.
        """
        worked, at_work, between = self._tally.until(time.monotonic())
        return {
            "seconds_of_work": worked,
            "busy_thread_seconds": self._busy,
            "thread_seconds": at_work,
            "efficiency": self._busy / at_work if at_work else None,
            "occupancy": self._busy / (at_work + between) if at_work else None,
            "tasks_done": self.done,
            "tasks_erred": self.erred,
            "peak_memory": self._peaks["memory"],
            "peak_worker_memory": self._peaks["worker"],
            "peak_spilled": self._peaks["spilled"],
            "most_workers": self._peaks["workers"],
            "most_threads": self._tally.most_threads,
        }

    def measured(self, worker: str, metrics: dict[str, Any]) -> None:
        """Note the memory of a worker's heartbeat, unless the worker has just gone."""
        if worker not in self._threads:
            return
        memory, spilled = metrics["memory"], metrics["spilled_bytes"]["disk"]
        self._note("memory", self._memory, worker, memory)
        self._note("spilled", self._spilled, worker, spilled)
        self._peaks["worker"] = max(self._peaks["worker"], memory, metrics.get(HIGH_WATER, 0))

    def transition(self, key: Any, start: Any, finish: Any, *_: Any, startstops: Any = (), **__: Any) -> None:
        """Count a task that goes to a worker or comes back."""
        if finish == "processing":
            self._tally.began(time.monotonic())
        elif start == "processing":
            self._tally.ended(time.monotonic())
            self.done += finish == "memory"
            self.erred += finish == "erred"
            if startstops:
                seconds = busy(startstops)
                self._busy += seconds
                self.durations.observe(seconds)

    def add_worker(self, scheduler: Scheduler, worker: str) -> None:
        """Have its threads; not those of the head's shelter, which runs nothing."""
        joined = scheduler.workers[worker]
        if not str(joined.name).endswith(SHELTER):
            self._threads[worker] = joined.nthreads
            self._resized()

    def remove_worker(self, scheduler: Scheduler, worker: str, **_: Any) -> None:  # pyright: ignore[reportIncompatibleMethodOverride]
        """Have its threads and memory no more."""
        if self._threads.pop(worker, None) is not None:
            self._sums["memory"] -= self._memory.pop(worker, 0)
            self._sums["spilled"] -= self._spilled.pop(worker, 0)
            self._resized()

    def _resized(self) -> None:
        self._peaks["workers"] = max(self._peaks["workers"], len(self._threads))
        self._tally.resized(sum(self._threads.values()), time.monotonic())

    def _note(self, what: str, of_workers: dict[str, int], worker: str, value: int) -> None:
        self._sums[what] += value - of_workers.get(worker, 0)
        of_workers[worker] = value
        self._peaks[what] = max(self._peaks[what], self._sums[what])
