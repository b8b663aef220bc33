"""What one person has reserved and spent, as the ledger keeps it. Pure: the time is given, in unix seconds."""

from __future__ import annotations

import datetime
from collections.abc import Iterable, Mapping
from dataclasses import asdict, dataclass, field, replace
from typing import Any

from .plain import amounts, fields_of, mapping
from .prices import Interval, cost
from .reservation import Reservation, Span
from .spec import DAY

KEPT = 400
"""Days of spending that an account keeps: a year, and the month that is compared with last year's."""
REMEMBERED = 15 * DAY
"""Seconds that an account remembers what has ended: a cluster lives 14 days at most."""
TOO_NEW = 300.0
"""Seconds: a list of clusters that is this much older than a cluster, or younger, may lack it; clocks differ."""

FRESH = 60.0
"""Seconds after which it is worth a write that a cluster was seen alive."""


@dataclass(frozen=True, slots=True)
class Account:
    """One person's reservations and spending.

    Each change may be made again, as after an answer that was lost: the second time changes nothing more.

    Attributes
    ----------
    user : str
    reservations : mapping of str to Reservation
        By their keys.
    spent : mapping of str to mapping of str to float
        USD by day (``2026-11-25``, UTC) and workload, of clusters that have ended.
    ended : mapping of str to float
        Until when, in unix seconds, the cost of a cluster is in ``spent``, by the keys of reservations that have ended:
        whatever is heard of it later, that is not booked again.
    costs : mapping of str to float
        USD that those clusters cost, by the same keys.
    """

    user: str
    reservations: Mapping[str, Reservation] = field(default_factory=dict)
    spent: Mapping[str, Mapping[str, float]] = field(default_factory=dict)
    ended: Mapping[str, float] = field(default_factory=dict)
    costs: Mapping[str, float] = field(default_factory=dict)

    def reserve(self, wanted: Reservation) -> Account:
        """Return the account with ``wanted``, in place of what was reserved for the same request.

        A cluster that the request has already keeps its uuid and its prices.
        """
        held = self.reservations.get(wanted.key)
        if held is not None and held.uuid and not wanted.uuid:
            wanted = replace(wanted, uuid=held.uuid, spans=held.spans)
        return replace(self, reservations={**self.reservations, wanted.key: self._unbooked(wanted)})

    def without(self, key: str) -> Account:
        """Return the account as if ``key`` had never been reserved: what an admission of it looks at."""
        return replace(self, reservations={k: held for k, held in self.reservations.items() if k != key})

    def begin(self, key: str, uuid: str, start: float, rate: float, expires: float) -> Account:
        """Return the account where reservation ``key`` is cluster ``uuid``'s, paid for from ``start`` on."""
        held = self.reservations.get(key)
        if held is None or held.uuid == uuid:
            return self
        begun = replace(held, uuid=uuid, spans=(Span(start, rate),), expires=expires, seen=start)
        return self._with(key, self._unbooked(begun))

    def change(self, key: str, now: float, *, workers: int, memory: int, rate: float) -> Account:
        """Return the account where reservation ``key`` has another size and price from ``now`` on."""
        held = self.reservations.get(key)
        if held is None:
            return self
        spans = held.spans
        if spans and held.rate != rate:
            spans = (*spans, Span(max(now, spans[-1].start), rate))
        return self._with(key, replace(held, workers=workers, memory=memory, spans=spans))

    def extend(self, key: str, expires: float, seen: float = 0.0) -> Account:
        """Return the account where reservation ``key`` holds at least until ``expires``; it lived at ``seen``."""
        held = self.reservations.get(key)
        if held is None:
            return self
        return self._with(key, replace(held, expires=max(held.expires, expires), seen=max(held.seen, seen)))

    def release(self, key: str, now: float) -> Account:
        """Return the account without reservation ``key``, whose cost until ``now`` is spent."""
        held = self.reservations.get(key)
        if held is None:
            return self
        ended = {k: until for k, until in self.ended.items() if until > now - REMEMBERED}
        costs = {k: usd for k, usd in self.costs.items() if k in ended}
        if held.spans:
            ended[key] = min(now, held.expires)
            costs[key] = costs.get(key, 0.0) + cost(held.intervals(now))
        spent = _kept(_added(self.spent, held, now), now)
        return replace(self.without(key), spent=spent, ended=ended, costs=costs)

    def settled(self, now: float) -> Account:
        """Return the account without the reservations that have expired: what they cost until then is spent."""
        account = self
        for key in [key for key, held in self.reservations.items() if held.expires <= now]:
            account = account.release(key, now)
        return account

    def reconciled(self, living: Iterable[Reservation], place: str, seen: float, now: float) -> Account:
        """Return the account as the clusters there were in ``place`` at ``seen`` say.

        Those of ``living`` that it does not know are reserved, unless they have ended since; others have the size, the
        price and the life that they are said to have; of those that have gone, the cost until they were last seen. A
        reservation without a cluster is left, and so is one whose cluster is too new: it may be on its way.

        Parameters
        ----------
        living : iterable of Reservation
            With uuid and prices; ``workers`` of a cluster that adapts is the most.
        place : str
            ``PROJECT/REGION``.
        seen : float
            When the list of clusters was asked for, unix seconds.
        now : float
        """
        there = {  # what lives at ``seen`` is paid for until then, whatever its lease says
            held.key: replace(held, expires=max(held.expires, seen))
            for held in living
            if self.ended.get(held.key, 0.0) < seen
        }
        account = self.settled(now)  # what has gone since has gone with its lease, as far as anybody knows
        for key, held in account.reservations.items():
            if held.place == place and held.uuid and key not in there and held.spans[0].start < seen - TOO_NEW:
                account = account.release(key, max(held.seen, held.spans[-1].start))
        for real in there.values():
            account = account.followed(real, now)
        return account.settled(now)

    def followed(self, real: Reservation, now: float) -> Account:
        """Return the account where the reservation of a cluster that there is has its size, its price and its life.

        One that is not known, as of a cluster that a DAG made, is reserved.
        """
        held = self.reservations.get(real.key)
        if held is None or not held.uuid:
            return self.reserve(replace(real, seen=now))
        sized = self.change(real.key, now, workers=real.workers, memory=real.memory, rate=real.rate)
        seen = now if now - held.seen > FRESH else held.seen
        return sized._with(real.key, replace(sized.reservations[real.key], expires=real.expires, seen=seen))

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
        return asdict(self)

    @classmethod
    def from_dict(cls, said: Any) -> Account:
        """Return the account that `to_dict` wrote.

        Raises
        ------
        ValueError
            It has not; in one line, what is wrong with it.
        """
        told = fields_of(cls, {"costs": {}, **mapping("Account", said)})  # an earlier version kept no costs
        held = {key: Reservation.from_dict(each) for key, each in mapping("reservations", told["reservations"]).items()}
        if any(key != each.key for key, each in held.items()):
            raise ValueError("reservations: not by their keys")
        spent = {day: amounts(f"spent.{day}", by) for day, by in mapping("spent", told["spent"]).items()}
        return cls(told["user"], held, spent, amounts("ended", told["ended"]), amounts("costs", told["costs"]))

    def _with(self, key: str, held: Reservation) -> Account:
        return replace(self, reservations={**self.reservations, key: held})

    def _unbooked(self, held: Reservation) -> Reservation:
        """Return ``held`` without the cost that is spent already."""
        until = self.ended.get(held.key, 0.0)
        return replace(held, spans=tuple(Span(max(span.start, until), span.rate) for span in held.spans))


def day_of(when: float) -> str:
    """Return the day of ``when``, ``2026-11-25`` in UTC."""
    return datetime.datetime.fromtimestamp(when, datetime.UTC).strftime("%Y-%m-%d")


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
