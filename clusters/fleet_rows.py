"""The clusters of a project side by side: whose, how old, at what cost, how used. Pure: the time is given."""

from __future__ import annotations

from collections.abc import Iterable, Mapping
from dataclasses import asdict, dataclass
from typing import Any, NamedTuple

from .account import Account
from .errors import DaskDataprocError
from .held import held_by, key_of
from .record import ClusterRecord
from .reservation import Reservation

IDLE = 1800.0
"""Seconds without a task after which a cluster is worth a word."""


class Use(NamedTuple):
    """How used a cluster is.

    Attributes
    ----------
    share : float or None
        CPU of its workers, share of their threads, 0 to 1; None where that is not known.
    idle : float or None
        Seconds of the service's clock since its last task ended; 0 while one runs.
    at : float or None
        When that was so where it is from the last snapshot of its metrics, unix seconds; None: now.
    why : str
        Why it is not known.
    """

    share: float | None = None
    idle: float | None = None
    at: float | None = None
    why: str = ""


UNKNOWN = Use(why="not asked")


@dataclass(frozen=True, slots=True)
class FleetRow:
    """One cluster.

    Attributes
    ----------
    name, owner, region, state : str
    workers : int
    age : float
        Seconds since its creation, or its last start.
    rate, cost : float or None
        USD an hour now, and USD so far, at list prices; None where the list has no price.
    utilization, idle : float or None
        As of `Use`.
    seen : float or None
        When it was so, if that is not now.
    unknown : str
        Why the utilization is not known; empty where it is.
    lease_left : float or None
        Seconds until Dataproc deletes it as things stand; None: it has no lease.
    uuid : str
    """

    name: str
    owner: str
    region: str
    state: str
    workers: int
    age: float
    rate: float | None
    cost: float | None
    utilization: float | None
    idle: float | None
    seen: float | None
    unknown: str
    lease_left: float | None
    uuid: str

    def to_dict(self) -> dict[str, Any]:
        """Return it as JSON has it."""
        return asdict(self)


class Totals(NamedTuple):
    """What clusters come to together: how many, their workers, USD an hour and so far, of how many that is known."""

    clusters: int
    workers: int
    rate: float
    cost: float
    priced: int


def fleet_rows(
    records: Iterable[ClusterRecord], accounts: Iterable[Account], used: Mapping[str, Use], now: float
) -> list[FleetRow]:
    """Return the clusters, those that have cost most first.

    Parameters
    ----------
    records : iterable of ClusterRecord
    accounts : iterable of Account
        Those of the ledger, which knows of earlier sizes; what it does not know is counted at the present one.
    used : mapping of str to Use
        By uuid.
    now : float
        The service's unix seconds.
    """
    held = {key: (each, account) for account in accounts for key, each in account.reservations.items()}
    rows = [_row(record, held.get(key_of(record)), used.get(record.uuid, UNKNOWN), now) for record in records]
    return sorted(rows, key=lambda row: (-(row.cost or 0.0), row.name))


def totals(rows: Iterable[FleetRow]) -> Totals:
    """Return what ``rows`` come to together."""
    every = list(rows)
    rate, cost = sum(row.rate or 0.0 for row in every), sum(row.cost or 0.0 for row in every)
    priced = sum(row.cost is not None for row in every)
    return Totals(len(every), sum(row.workers for row in every), rate, cost, priced)


def _row(record: ClusterRecord, known: tuple[Reservation, Account] | None, use: Use, now: float) -> FleetRow:
    rate, cost = _priced(record, known, now)
    return FleetRow(
        name=record.name,
        owner=record.owner,
        region=record.region,
        state=record.status,
        workers=record.total_workers,
        age=max(0.0, now - record.created),
        rate=rate,
        cost=cost,
        utilization=use.share,
        idle=use.idle,
        seen=use.at,
        unknown=use.why,
        lease_left=None if record.lease_expires is None else max(0.0, record.lease_expires - now),
        uuid=record.uuid,
    )


def _priced(
    record: ClusterRecord, known: tuple[Reservation, Account] | None, now: float
) -> tuple[float | None, float | None]:
    held, account = known or (None, Account(record.owner))
    as_it_is = held if held is not None and _agree(held, record) else _of_record(record)
    if as_it_is is None or not as_it_is.rate:
        return None, None
    counted = held if held is not None and held.spans else as_it_is
    return as_it_is.rate, counted.cost(now) + account.costs.get(counted.key, 0.0)


def _agree(held: Reservation, record: ClusterRecord) -> bool:
    """Return whether the ledger has the cluster at its present size: to reckon that from its spec takes far longer."""
    return bool(held.spans) and held.workers == (0 if record.status == "STOPPED" else record.total_workers)


def _of_record(record: ClusterRecord) -> Reservation | None:
    try:
        return held_by(record)
    except DaskDataprocError:  # not ours, or of a later version
        return None
