"""What one cluster has cost so far, as its size changes. Pure: the time is given."""

from __future__ import annotations

from collections.abc import Iterable

from .errors import PriceUnknown
from .prices import Interval, Price, cost, groups_of, price_per_hour
from .spec import ClusterSpec


class Spending:
    """The price of a cluster at its present size, and the sum of what it came to before.

    Parameters
    ----------
    spec : ClusterSpec
    since : float
        Unix seconds from which on it has its size: of its creation, if nobody knows of another one.
    past : iterable of Interval
        What it came to before.
    """

    def __init__(self, spec: ClusterSpec, since: float, past: Iterable[Interval] = ()):
        self._spec, self._since = spec, since
        self._past = list(past)
        self.price = self._price(spec.workers, spec.secondary_workers)

    def resize(self, workers: int, secondary: int, now: float) -> None:
        """Note that from ``now`` on there are so many primary and secondary workers."""
        if self.price is not None:
            self._past.append(Interval(self._since, now, self.price.total))
        self._since, self.price = now, self._price(workers, secondary)

    def total(self, now: float) -> float | None:
        """Return USD spent until ``now`` at list prices; None where the list has no price."""
        if self.price is None:
            return None
        return cost([*self._past, Interval(self._since, max(now, self._since), self.price.total)])

    def _price(self, workers: int, secondary: int) -> Price | None:
        try:
            return price_per_hour(groups_of(self._spec, workers=workers, secondary=secondary), self._spec.region)
        except PriceUnknown:
            return None
