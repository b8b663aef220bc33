"""The way up as a stream of events: the progress line, the log, the panel and the tests read the same one."""

from __future__ import annotations

import contextlib
import time
from collections.abc import Callable, Iterator
from dataclasses import dataclass, replace

UP = ("service", "admit", "stage", "create", "boot", "connect", "workers", "ready")
"""The phases of an `up`, in the order they end."""


@dataclass(frozen=True, slots=True)
class Phase:
    """One step of a cluster's life.

    Attributes
    ----------
    name : str
        One of `UP`, or ``start`` in place of ``create``, ``retry``, ``scale``, ``down``, ``stop``, ``undo``.
    started : float
        Unix seconds.
    seconds : float or None
        How long it took; None while it goes on.
    detail : str
        What is worth saying of it.
    failed : bool
    """

    name: str
    started: float
    seconds: float | None = None
    detail: str = ""
    failed: bool = False


class Said(list[str]):
    """What a phase adds to its detail; said once it is over, but for what is told with `now`."""

    def __init__(self, tell: Callable[[str], None]):
        super().__init__()
        self.now = tell


class Phases:
    """Records the phases of one cluster and tells each change to a listener.

    Parameters
    ----------
    listener : callable, optional
        Called with the `Phase` when it begins and when it ends, from the thread of the cluster's loop.
    """

    def __init__(self, listener: Callable[[Phase], None] | None = None):
        self.done: list[Phase] = []
        self._listener = listener

    @contextlib.contextmanager
    def phase(self, name: str, detail: str = "") -> Iterator[Said]:
        """Record what the block does as phase ``name``; what is appended to what it gets is added to the detail.

        Its ``now(text)`` says at once what the phase is waiting for.
        """
        begun = Phase(name, time.time(), detail=detail)
        clock, more = time.perf_counter(), Said(lambda text: self._tell(replace(begun, detail=f"{detail}, {text}")))
        self._tell(begun)
        failed = True
        try:
            yield more
            failed = False
        finally:
            said = ", ".join(text for text in (detail, *more) if text)
            ended = replace(begun, seconds=time.perf_counter() - clock, detail=said, failed=failed)
            self.done.append(ended)
            self._tell(ended)

    def _tell(self, phase: Phase) -> None:
        if self._listener is not None:
            self._listener(phase)
