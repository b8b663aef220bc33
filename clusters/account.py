"""What one person has reserved and spent, as the ledger keeps it. Pure: the time is given, in unix seconds."""

from __future__ import annotations

import datetime
from collections.abc import Iterable, Mapping
from dataclasses import asdict, dataclass, field, replace
from typing import Any

from .prices import Interval, cost

DAY = 86400.0
KEPT = 400
"""Days of spending that an account keeps: a year, and the month that is compared with last year's."""


@dataclass(frozen=True, slots=True)
class Span:
    """From when on a cluster has had one price.

    Attributes
    ----------
    start : float
        Unix seconds.
    rate : float
        USD per hour.
    """

    start: float
    rate: float


@dataclass(frozen=True, slots=True)
class Reservation:
    """What one cluster takes of its owner's quota, and has cost so far.

    Attributes
    ----------
    key : str
        The request that asked for the cluster; the same one never counts twice.
    cluster, place : str
        Its name, and ``PROJECT/REGION``.
    workers : int
        Workers there may be: of a cluster that adapts, the most.
    memory : int
        Bytes that its Dask workers have together.
    workload : str
    expires : float
        When it ends unless it is extended: the lease of its cluster.
    uuid : str
        The cluster's; empty until there is one.
    spans : tuple of Span
        Its prices, in order; none until there is a cluster.
    """

    key: str
    cluster: str
    place: str
    workers: int
    memory: int
    workload: str
    expires: float
    uuid: str = ""
    spans: tuple[Span, ...] = ()

    def intervals(self, now: float) -> list[Interval]:
        """Return the stretches of its life until ``now``, or until it has expired."""
        end = min(now, self.expires)
        ends = [*(span.start for span in self.spans[1:]), end]
        return [Interval(s.start, max(s.start, e), s.rate) for s, e in zip(self.spans, ends, strict=False)]

    def cost(self, now: float) -> float:
        """Return USD spent on it until ``now``."""
        return cost(self.intervals(now))

    @property
    def rate(self) -> float:
        """USD per hour at present; 0 until there is a cluster."""
        return self.spans[-1].rate if self.spans else 0.0


@dataclass(frozen=True, slots=True)
class Account:
    """One person's reservations and spending.

    Attributes
    ----------
    user : str
    reservations : mapping of str to Reservation
        By their keys.
    spent : mapping of str to mapping of str to float
        USD by day (``2026-11-25``, UTC) and workload, of clusters that have ended.
    """

    user: str
    reservations: Mapping[str, Reservation] = field(default_factory=dict)
    spent: Mapping[str, Mapping[str, float]] = field(default_factory=dict)

    def reserve(self, wanted: Reservation) -> Account:
        """Return the account with ``wanted``, in place of what was reserved for the same request."""
        return replace(self, reservations={**self.reservations, wanted.key: wanted})

    def begin(self, key: str, uuid: str, start: float, rate: float, expires: float) -> Account:
        """Return the account where reservation ``key`` is cluster ``uuid``'s, paid for from ``start`` on."""
        return self._with(key, uuid=uuid, spans=(Span(start, rate),), expires=expires)

    def change(self, key: str, now: float, *, workers: int, memory: int, rate: float) -> Account:
        """Return the account where reservation ``key`` has another size and price from ``now`` on."""
        held = self.reservations.get(key)
        if held is None:
            return self
        spans = held.spans if not held.spans or held.rate == rate else (*held.spans, Span(now, rate))
        return self._with(key, workers=workers, memory=memory, spans=spans)

    def extend(self, key: str, expires: float) -> Account:
        """Return the account where reservation ``key`` holds until ``expires``."""
        return self._with(key, expires=expires)

    def release(self, key: str, now: float) -> Account:
        """Return the account without reservation ``key``, whose cost until ``now`` is spent."""
        held = self.reservations.get(key)
        if held is None:
            return self
        others = {k: r for k, r in self.reservations.items() if k != key}
        return replace(self, reservations=others, spent=_kept(_added(self.spent, held, now), now))

    def settled(self, now: float) -> Account:
        """Return the account without the reservations that have expired: what they cost until then is spent."""
        account = self
        for key in [key for key, held in self.reservations.items() if held.expires <= now]:
            account = account.release(key, now)
        return account

    def reconciled(self, living: Iterable[Reservation], place: str, now: float) -> Account:
        """Return the account as the clusters there are in ``place`` say.

        Those of ``living`` that it does not know are reserved, others have the size, the price and the life that they
        are said to have; of those that have gone, the cost until ``now`` is spent. A reservation without a cluster is
        left: its cluster may be on its way.
        """
        there = {held.key: held for held in living}
        account = self
        for key, held in self.reservations.items():
            if held.place == place and held.uuid and key not in there:
                account = account.release(key, now)
        for key, real in there.items():
            held = account.reservations.get(key)
            if held is None or not held.uuid:
                account = account.reserve(real)
                continue
            account = account.change(key, now, workers=real.workers, memory=real.memory, rate=real.rate)
            account = account.extend(key, real.expires)
        return account.settled(now)

    def spending(self, now: float) -> dict[str, dict[str, float]]:
        """Return USD by day and workload, what living clusters have cost so far included."""
        spent: Mapping[str, Mapping[str, float]] = self.spent
        for held in self.reservations.values():
            spent = _added(spent, held, now)
        return {day: dict(by_workload) for day, by_workload in spent.items()}

    def spent_in(self, month: str, now: float) -> float:
        """Return USD spent in ``month``, ``2026-11`` in UTC, with living clusters."""
        return sum(sum(by.values()) for day, by in self.spending(now).items() if day.startswith(month))

    @property
    def rate(self) -> float:
        """USD per hour that the living clusters cost at present."""
        return sum(held.rate for held in self.reservations.values())

    def to_dict(self) -> dict[str, Any]:
        """Return the account as JSON has it."""
        held = {key: asdict(each) for key, each in self.reservations.items()}
        return {"user": self.user, "reservations": held, "spent": {day: dict(by) for day, by in self.spent.items()}}

    @classmethod
    def from_dict(cls, said: Mapping[str, Any]) -> Account:
        """Return the account that `to_dict` wrote."""
        held = {key: _reservation(each) for key, each in said["reservations"].items()}
        return cls(said["user"], held, said["spent"])

    def _with(self, key: str, **changes: Any) -> Account:
        held = self.reservations.get(key)
        if held is None:
            return self
        return replace(self, reservations={**self.reservations, key: replace(held, **changes)})


def day_of(when: float) -> str:
    """Return the day of ``when``, ``2026-11-25`` in UTC."""
    return datetime.datetime.fromtimestamp(when, datetime.UTC).strftime("%Y-%m-%d")


def _reservation(said: Mapping[str, Any]) -> Reservation:
    return Reservation(**{**said, "spans": tuple(Span(**span) for span in said["spans"])})


def _added(spent: Mapping[str, Mapping[str, float]], held: Reservation, now: float) -> dict[str, Mapping[str, float]]:
    """Return ``spent`` with what ``held`` has cost until ``now``, each day its own."""
    days: dict[str, Mapping[str, float]] = dict(spent)
    for interval in held.intervals(now):
        for piece in _by_day(interval):
            day = day_of(piece.start)
            before = days.get(day, {})
            days[day] = {**before, held.workload: before.get(held.workload, 0.0) + cost([piece])}
    return days


def _by_day(interval: Interval) -> Iterable[Interval]:
    start = interval.start
    while start < interval.end:
        end = min(interval.end, (start // DAY + 1) * DAY)
        yield Interval(start, end, interval.rate)
        start = end


def _kept(spent: Mapping[str, Mapping[str, float]], now: float) -> dict[str, Mapping[str, float]]:
    oldest = day_of(max(0.0, now - KEPT * DAY))
    return {day: by for day, by in spent.items() if day >= oldest}
