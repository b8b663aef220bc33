"""How long to wait between two looks at what is not there yet: a little longer each time. Pure."""

from __future__ import annotations

from collections.abc import Iterator

GROWTH = 1.1
"""How much later each look is: about a tenth of the wait is the most that is lost, and many who wait are no load."""


def growing(first: float, longest: float, growth: float = GROWTH) -> Iterator[float]:
    """Yield seconds without end, from ``first`` on, each ``growth`` times the one before, none above ``longest``."""
    pause = first
    while True:
        yield pause
        pause = min(pause * growth, longest)
