"""Which window of time a message belongs to, and when a window is over. Pure.

Windows follow one another without a gap, from midnight 1970 UTC on. One is over when a message has come that is later
than its end by the lateness that is waited for; what comes for it afterwards is late. The time is that of the messages,
so the same messages give the same windows whenever they are read.
"""

from __future__ import annotations

import math
from collections.abc import Iterable
from dataclasses import dataclass


@dataclass(frozen=True, slots=True)
class Windows:
    """What is known of the time of a stream.

    Attributes
    ----------
    size : float
        Seconds of a window.
    lateness : float
        Seconds that a window is waited for after its end.
    newest : float
        Time of the newest message so far, unix seconds.
    over : float
        Until when all windows are over: the start of the first one that is not.
    """

    size: float
    lateness: float
    newest: float = -math.inf
    over: float = -math.inf

    def start_of(self, time: float) -> float:
        """Return the start of the window that ``time`` is in."""
        return math.floor(time / self.size) * self.size

    def is_late(self, time: float) -> bool:
        """Return whether the window of ``time`` was over already."""
        return time < self.over

    def seen(self, times: Iterable[float]) -> Windows:
        """Return what is known when messages of ``times`` have come."""
        newest = max(times, default=self.newest)
        return Windows(self.size, self.lateness, max(self.newest, newest), self.over)

    def closed(self, *, at_end: bool = False) -> Windows:
        """Return what is known when the windows that can be over are; ``at_end``, nothing more is waited for."""
        if self.newest == -math.inf:
            return self
        until = self.start_of(self.newest) + self.size if at_end else self.start_of(self.newest - self.lateness)
        return Windows(self.size, self.lateness, self.newest, max(self.over, until))
