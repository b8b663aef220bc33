"""What a head is told of its cluster by who holds it, and what that comes to as time goes by. Pure: the time is given.

A head can see its workers. It cannot see the lease, the price, the way up, or what its owner spends elsewhere.
"""

from __future__ import annotations

from collections.abc import Iterator, Mapping
from typing import Any

from .samples import Sample

HOUR = 3600.0
SILENCE = 180.0
"""Seconds without a word, which comes every 60, after which an owner's spending is not said: other clusters go on."""


class Told:
    """The last word of each kind.

    Every method is told ``now``, real seconds of one clock that never goes back. Nothing is said of what nobody has
    told.
    """

    def __init__(self) -> None:
        self._said: dict[str, Any] = {}
        self._at = 0.0

    def take(self, said: Mapping[str, Any], now: float) -> None:
        """Know what is ``said``.

        Parameters
        ----------
        said : mapping
            Any of ``scale``, seconds of the service's clock in a real one; ``lease``, its seconds until the cluster is
            deleted; ``rate`` and ``cost``, USD per hour and USD so far; ``phases``, name to seconds; ``user``,
            ``spending`` and ``budget`` by period, USD. What is None is not known, any more.
        now : float
        """
        self._said = self._said | dict(said)
        self._at = now

    @property
    def user(self) -> str:
        """Whose the cluster is, where that has been told."""
        return self._said.get("user", "")

    def samples(self, now: float) -> Iterator[Sample]:
        """Yield what that comes to ``now``: leases run out, and costs grow, also while nobody says so."""
        said, passed = self._said, (now - self._at) * self._said.get("scale", 1.0)
        rate, cost, lease = (said.get(name) for name in ("rate", "cost", "lease"))
        if lease is not None:
            yield Sample("dask_dataproc_lease_seconds", {}, max(0.0, lease - passed))
        if rate is not None:
            yield Sample("dask_dataproc_cost_usd_per_hour", {}, rate)
        if cost is not None:
            yield Sample("dask_dataproc_cost_usd_total", {}, cost + (rate or 0.0) * passed / HOUR)
        for phase, seconds in (said.get("phases") or {}).items():
            yield Sample("dask_dataproc_up_seconds", {"phase": phase}, seconds)
        if now - self._at < SILENCE:
            yield from self._of_user(passed)

    def _of_user(self, passed: float) -> Iterator[Sample]:
        user, spending = self.user, self._said.get("spending") or {}
        for period, usd in spending.items():
            grown = spending.get("hourly", 0.0) * passed / HOUR if period == "monthly" else 0.0
            yield Sample("dask_dataproc_user_spending_usd", {"user": user, "period": period}, usd + grown)
        for period, usd in (self._said.get("budget") or {}).items():
            yield Sample("dask_dataproc_user_budget_usd", {"user": user, "period": period}, usd)
