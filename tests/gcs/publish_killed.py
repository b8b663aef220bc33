"""``publish_killed.py URL``: publications at ``URL/0``, ``URL/1`` …, each killed one step later than the one before.

A step is a line of what publishes or removes, or a request to the bucket, before it is made. Prints where each
was killed, and at last ``done``.
"""

from __future__ import annotations

import io
import itertools
import os
import shutil
import signal
import sys
import tempfile
import threading
from types import FrameType
from typing import Any

import fsspec
import pyarrow as pa
import pyarrow.parquet as pq

from dask_dataproc.pipelines.quality import publish_folder, publish_objects
from dask_dataproc.pipelines.quality.publish import publish, staged_location

LINES = {
    publish_folder.__file__: ("publish_folder", "_exchange_if_staged", "_exchange", "_remove_old", "_write"),
    publish_objects.__file__: ("publish_objects", "_copy", "_remove_staged", "_remove"),
    shutil.__file__: ("_rmtree_safe_fd", "_rmtree_safe_fd_step"),
}
STEPS: dict[tuple[str, str], tuple[str, ...]] = {
    (file, name): ("line",) for file, names in LINES.items() for name in names
}
BEGINNING = 10
"""Of a coroutine's code, in bytes: there is no wait before it."""
OLD, NEW = range(4), range(10, 16)


def main(url: str) -> None:
    if "://" in url:
        import gcsfs  # before the forks, so that it is imported once

        STEPS[gcsfs.core.__file__, "_request"] = ("call",)
    with tempfile.TemporaryDirectory() as folder:  # so that what this needs is imported once
        prepare(folder)
        publish(staged_location(f"{folder}/orders", "2"), f"{folder}/orders")
    where = ""
    for step in itertools.count():
        if where == "done":
            return
        where = child(step, f"{url}/{step}")
        print(where, flush=True)


def child(step: int, url: str) -> str:
    """Publish at ``url`` in a process that is killed at ``step``; return where that was."""
    reading, writing = os.pipe()
    process = os.fork()
    if not process:
        publish_until(step, writing, url)
    os.close(writing)
    _, status = os.waitpid(process, 0)
    with os.fdopen(reading) as said:
        return said.read() if os.WIFSIGNALED(status) else "done" if not status else f"failed: {status}"


def publish_until(step: int, told: int, url: str) -> None:
    """Publish a version, then another; at ``step`` of that write where it is to ``told`` and be killed."""
    steps = itertools.count()
    armed = threading.Event()

    def look(frame: FrameType, event: str, _: Any) -> Any:
        events = STEPS.get((frame.f_code.co_filename, frame.f_code.co_name))
        if events is None:
            return None
        resumed = event == "call" and frame.f_lasti > BEGINNING  # of a coroutine, behind a wait
        if armed.is_set() and event in events and not resumed and next(steps) == step:
            os.write(told, f"{frame.f_code.co_name}:{frame.f_lineno}:{event}".encode())
            os.kill(os.getpid(), signal.SIGKILL)
        return look

    threading.settrace(look)
    try:
        final = prepare(url)
        armed.set()
        sys.settrace(look)
        publish(staged_location(final, "2"), final)
        os._exit(0)
    finally:
        os._exit(1)


def prepare(url: str) -> str:
    """Publish a version, stage another one, and return the output's location."""
    final = f"{url}/orders"
    for run, rows in (("1", OLD), ("2", NEW)):
        stage(staged_location(final, run), rows)
    publish(staged_location(final, "1"), final)
    return final


def stage(url: str, rows: range) -> None:
    """Write two rows a file, as ``part.0.parquet`` and so on."""
    store, folder = fsspec.url_to_fs(url)
    store.makedirs(folder, exist_ok=True)
    for number, first in enumerate(rows[::2]):
        made = io.BytesIO()
        pq.write_table(pa.table({"o_orderkey": [first, first + 1]}), made)
        store.pipe_file(f"{folder}/part.{number}.parquet", made.getvalue())


if __name__ == "__main__":
    main(sys.argv[1])
