"""ADR-002's table of fault tolerance, and where each of its figures has a place in today's Dask.

What has none is in the table too, with what stands in for it: a figure that nothing reads would be a false promise.
"""

from __future__ import annotations

from typing import Any, NamedTuple

from distributed import Scheduler
from distributed.diagnostics.plugin import SchedulerPlugin


class Figure(NamedTuple):
    """One line of ADR-002's table.

    Attributes
    ----------
    name : str
        As ADR-002 has it.
    given : object
        Its value there.
    place : str
        Dask's name for it: an annotation, or a setting; '' where there is none.
    note : str
        What it does there, or what stands in for it.
    """

    name: str
    given: Any
    place: str
    note: str


RETRIES = 3
TABLE = (
    Figure("task_level.retries", RETRIES, "dask.annotate(retries=…)", "of every task that says nothing else"),
    Figure("task_level.retry_delay", "1s", "", "Dask runs a failed task again at once, on any worker"),
    Figure("task_level.timeout", "300s", "dask.annotate(timeout=…)", "of tasks that say so: task_timeouts.py"),
    Figure(
        "task_level.blacklist_workers",
        True,
        "distributed.scheduler.allowed-failures",
        "no worker is shunned; a task under which more than 3 workers died is not tried again",
    ),
    Figure("worker_level.heartbeat_interval", "5s", "", "the scheduler's choice, by the number of workers"),
    Figure("worker_level.death_timeout", "60s", "distributed.scheduler.worker-ttl", "without a heartbeat"),
    Figure("worker_level.replacement_delay", "30s", "distributed.deploy.lost-worker-timeout", "of a container of YARN"),
    Figure("worker_level.max_worker_restarts", 3, "", "a nanny restarts without end; systemd ends at 20 in 10 minutes"),
    Figure("cluster_level.scheduler_backup", False, "", "none; what must outlive the head is in a checkpoint"),
    Figure("cluster_level.state_persistence", "/shared/dask-state/", "", "the staging folder: checkpoints"),
    Figure("cluster_level.checkpoint_interval", "600s", "", "a checkpoint keeps each partition as soon as it is there"),
    Figure("cluster_level.recovery_timeout", "300s", "", "10 minutes: as long as a worker waits for its head"),
)


class Retries(SchedulerPlugin):
    """Gives every task `RETRIES` but those that were annotated, ``dask.annotate(retries=0)`` included."""

    name = "retries"

    def update_graph(  # pyright: ignore[reportIncompatibleMethodOverride]  # what else is told does not matter
        self, scheduler: Scheduler, *, tasks: list[Any], **_: Any
    ) -> None:
        """Look at the tasks of a graph that has just come; those that are not new may have used some of theirs."""
        for task in map(scheduler.tasks.__getitem__, tasks):
            if task.state == "released" and "retries" not in (task.annotations or {}):
                task.retries = RETRIES
