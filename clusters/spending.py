"""What one cluster has cost so far, as its size changes. Pure: the time is given."""

from __future__ import annotations

from collections.abc import Iterable

from .errors import PriceUnknown
from .prices import Interval, Price, cost, groups_of, price, stopped_price_per_hour
from .spec import ClusterSpec


def listed(
    spec: ClusterSpec, *, workers: int | None = None, secondary: int | None = None, stopped: bool = False
) -> Price | None:
    """Return the list price of a cluster of ``spec``, at another size or stopped; None where the list has none."""
    try:
        if stopped:
            return stopped_price_per_hour(groups_of(spec), spec.region)
        return price(spec, workers=workers, secondary=secondary)
    except PriceUnknown:
        return None


class Spending:
    """The price of a cluster at its present size, and the sum of what it came to before.

    Parameters
    ----------
    spec : ClusterSpec
    since : float
        Unix seconds from which on it has its size: of its creation, if nobody knows of another one.
    past : iterable of Interval
        What it came to before.
    before : float
        USD that it had come to before that.
    """

    def __init__(self, spec: ClusterSpec, since: float, past: Iterable[Interval] = (), before: float = 0.0):
        self._spec, self._since, self._before = spec, since, before
        self._past = list(past)
        self.price = listed(spec)

    def resize(self, workers: int, secondary: int, now: float) -> None:
        """Note that from ``now`` on there are so many primary and secondary workers."""
        if self.price is not None:
            self._past.append(Interval(self._since, now, self.price.total))
        self._since, self.price = now, listed(self._spec, workers=workers, secondary=secondary)

    def total(self, now: float) -> float | None:
        """Return USD spent until ``now`` at list prices; None where the list has no price."""
        if self.price is None:
            return None
        return self._before + cost([*self._past, Interval(self._since, max(now, self._since), self.price.total)])
