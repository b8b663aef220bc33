"""A histogram as Prometheus has it, of which one more value costs a search among a dozen bounds. Pure.

That of prometheus_client takes a lock and asks every bucket, for each value: too much for what happens at each task.
"""

from __future__ import annotations

from bisect import bisect_left
from itertools import accumulate


class Histogram:
    """Counts values by the buckets that they are in.

    Parameters
    ----------
    bounds : tuple of float
        Upper bounds of the buckets, ascending; a value equal to one is in its bucket.

    Attributes
    ----------
    total : float
        The sum of all values.
    """

    def __init__(self, bounds: tuple[float, ...]):
        self.bounds, self.total = bounds, 0.0
        self._counts = [0] * (len(bounds) + 1)

    def observe(self, value: float) -> None:
        """Count ``value``."""
        self._counts[bisect_left(self.bounds, value)] += 1
        self.total += value

    def buckets(self) -> list[tuple[str, int]]:
        """Return how many values were at most each bound, as ``le`` has it; the last, ``+Inf``, is all of them."""
        return list(zip([*map(str, self.bounds), "+Inf"], accumulate(self._counts), strict=True))
