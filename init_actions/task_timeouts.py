"""A task fails once it has run for longer than its annotation ``timeout``: ``dask.annotate(timeout="300s")``.

Dask has no such bound. Here it is a plugin of each worker, which loads this module (``distributed.worker.preload``).
The thread of the task gets a TimeoutError, which counts as the task's own: its retries follow. A thread that is deaf to
it, because it waits in C code, costs its worker: the data moves to others, and the nanny starts the worker anew. Dask
gives up a task after ``distributed.scheduler.allowed-failures`` such ends. Coroutines have ``asyncio.timeout``.
"""

from __future__ import annotations

import asyncio
import ctypes
import logging
import os
from typing import Any

from dask.utils import parse_timedelta
from distributed import Worker
from distributed.diagnostics.plugin import WorkerPlugin

DEAF = 30.0
"""Seconds after the error in which a task that has not ended is taken for deaf."""
MOVE = 90.0
"""Seconds in which a worker's data moves to others before it is started anew."""
BEGIN = 0.05
"""Seconds between two looks for the thread of a task that is about to begin."""
ENDED = 3
"""Exit status of a worker that ended for a deaf task."""
RUNNING = ("executing", "long-running")
log = logging.getLogger("distributed.worker.timeouts")


class TaskTimeouts(WorkerPlugin):
    """Watches the annotated tasks of one worker."""

    name = "task-timeouts"

    def setup(self, worker: Worker) -> None:
        """Begin with ``worker``."""
        self._worker = worker
        self._watches: dict[Any, asyncio.Task[None]] = {}

    def transition(self, key: Any, start: Any, finish: Any, **_: Any) -> None:
        """Watch a task from when it runs until it does no more."""
        if finish == "executing":
            task = self._worker.state.tasks[key]
            given = (task.annotations or {}).get("timeout")
            if given is not None and not task.run_spec.is_coro and key not in self._watches:  # type: ignore[union-attr]
                self._watches[key] = asyncio.ensure_future(self._watch(key, given))
        elif finish not in RUNNING and (watch := self._watches.pop(key, None)):
            watch.cancel()

    async def _watch(self, key: Any, given: Any) -> None:
        try:
            seconds, said = parse_timedelta(given), f"{key!r} has taken longer than its timeout of {given}"
        except (ValueError, TypeError, KeyError):
            seconds, said = 0.0, f"{key!r}: timeout: {given!r} given, allowed is a duration such as 300s"
        await asyncio.sleep(seconds)
        while not self._interrupt(key, said):  # noqa: ASYNC110  # a thread that begins tells nobody
            await asyncio.sleep(BEGIN)
        await asyncio.sleep(DEAF)
        if self._worker.nanny:
            await self._start_anew(said)

    def _interrupt(self, key: Any, said: str) -> bool:
        """Raise a TimeoutError in the thread that runs ``key``; False if none does.

        The lock keeps the thread from leaving the task meanwhile.
        """
        with self._worker.active_threads_lock:
            thread = next((thread for thread, runs in self._worker.active_threads.items() if runs == key), None)
            if thread is not None:
                ctypes.pythonapi.PyThreadState_SetAsyncExc(ctypes.c_ulong(thread), ctypes.py_object(_error(said)))
        return thread is not None

    async def _start_anew(self, said: str) -> None:
        """End this worker, whose nanny starts another; not closed in order, so that Dask counts it as a failure."""
        log.error("%s and cannot be interrupted: this worker is started anew", said)
        try:
            async with asyncio.timeout(MOVE):
                await self._worker.scheduler.retire_workers(
                    workers=[self._worker.address], close_workers=False, remove=False
                )
        finally:
            os._exit(ENDED)


def _error(said: str) -> type[TimeoutError]:
    """Return a class, since only that can be raised in another thread; clients get it by value, without this file."""

    class TaskTimeout(TimeoutError):
        def __init__(self, *_: object) -> None:
            super().__init__(said)

    return TaskTimeout


async def dask_setup(worker: Worker) -> None:
    """Have ``worker`` watch its tasks: what Dask calls of a module that is preloaded."""
    await worker.plugin_add(TaskTimeouts())
