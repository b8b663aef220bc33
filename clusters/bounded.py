"""A call that nobody waits for longer than so many seconds, whatever it waits for itself."""

from __future__ import annotations

import threading
from collections.abc import Callable
from typing import TypeVar

from .errors import WaitTimeout

Result = TypeVar("Result")


def within(seconds: float, act: Callable[[], Result], what: str) -> Result:
    """Return what ``act`` returns; it runs in a thread that is left to itself when it takes longer.

    Raises
    ------
    WaitTimeout
        It takes longer than ``seconds``: ``what`` is named.
    BaseException
        What ``act`` raises.
    """
    said: list[Result] = []
    failed: list[BaseException] = []

    def run() -> None:
        try:
            said.append(act())
        except BaseException as error:
            failed.append(error)

    thread = threading.Thread(target=run, daemon=True, name=what)
    thread.start()
    thread.join(seconds)
    if failed:
        raise failed[0]
    if not said:
        raise WaitTimeout(f"{what}: not done within {seconds:g} s")
    return said[0]
