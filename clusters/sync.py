"""Runs a coroutine to its end from ordinary code: in scripts, and in kernels whose own loop is busy with the cell."""

from __future__ import annotations

import asyncio
import threading
from collections.abc import Coroutine
from typing import Any, TypeVar

Result = TypeVar("Result")
UNDO = 120.0
"""Seconds that Ctrl-C waits for what was half done to be undone; a second Ctrl-C does not wait."""


def run(work: Coroutine[Any, Any, Result]) -> Result:
    """Run ``work`` on a loop of its own in a thread of its own, and return its result; Ctrl-C as in `complete`."""
    loop = asyncio.new_event_loop()
    thread = threading.Thread(target=loop.run_forever, name="dask-dataproc", daemon=True)
    thread.start()
    try:
        return complete(loop, work)
    finally:
        complete(loop, loop.shutdown_asyncgens())
        loop.call_soon_threadsafe(loop.stop)
        thread.join()
        loop.close()


def complete(loop: asyncio.AbstractEventLoop, work: Coroutine[Any, Any, Result]) -> Result:
    """Run ``work`` on ``loop``, which another thread turns, and return its result.

    Ctrl-C cancels it, waits until it has undone what it did, and is raised again.
    """
    finished = threading.Event()
    tasks: list[asyncio.Task[Result]] = []

    def start() -> None:
        tasks.append(loop.create_task(work))
        tasks[0].add_done_callback(lambda _: finished.set())

    def cancel() -> None:
        if tasks:
            tasks[0].cancel()
        else:  # it was not even begun
            work.close()
            finished.set()

    try:  # from the first moment on: the loop may be well into the work before this thread goes on
        loop.call_soon_threadsafe(start)
        finished.wait()
    except KeyboardInterrupt:
        loop.call_soon_threadsafe(cancel)
        finished.wait(UNDO)
        raise
    return tasks[0].result()


def interpreter_ends(error: BaseException) -> bool:
    """Return whether ``error`` says that Python is ending: threads still run, but can have nothing done any more."""
    return isinstance(error, RuntimeError) and str(error).startswith("cannot schedule new futures after")
