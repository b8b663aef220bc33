"""A process that is killed at the n-th step of what it does: where a step is, is told by file, function and event."""

from __future__ import annotations

import itertools
import os
import signal
import sys
import threading
from collections.abc import Callable, Mapping
from types import FrameType
from typing import Any

BEGIN = "begin"
"""A call that is no going on of a coroutine behind a wait; the other events are those of `sys.settrace`."""
BEGINNING = 10
"""Of a coroutine's code, in bytes: there is no wait before it."""
Steps = Mapping[tuple[str, str], tuple[str, ...]]


def killed_at(step: int, steps: Steps, act: Callable[[], object], first: Callable[[], object] = bool) -> str:
    """Do ``first`` and then ``act`` in a process that is killed at ``step`` of the latter.

    Returns
    -------
    str
        Where that was, ``done`` if there is no such step, or ``failed`` with the status.
    """
    reading, writing = os.pipe()
    process = os.fork()
    if not process:
        _until(step, steps, writing, act, first)
    os.close(writing)
    _, status = os.waitpid(process, 0)
    with os.fdopen(reading) as said:
        return said.read() if os.WIFSIGNALED(status) else "done" if not status else f"failed: {status}"


def _until(step: int, steps: Steps, told: int, act: Callable[[], object], first: Callable[[], object]) -> None:
    """Never return: write to ``told`` where ``step`` is, and be killed there."""
    passed, armed = itertools.count(), threading.Event()

    def look(frame: FrameType, event: str, _: Any) -> Any:
        events = steps.get((frame.f_code.co_filename, frame.f_code.co_name))
        if events is None:
            return None
        begins = BEGIN in events and event == "call" and frame.f_lasti <= BEGINNING
        if armed.is_set() and (event in events or begins) and next(passed) == step:
            os.write(told, f"{frame.f_code.co_name}:{frame.f_lineno}:{event}".encode())
            os.kill(os.getpid(), signal.SIGKILL)
        return look

    threading.settrace(look)
    try:
        first()
        armed.set()
        sys.settrace(look)
        act()
        os._exit(0)
    finally:
        os._exit(1)
