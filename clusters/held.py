"""What a cluster that there is takes of its owner's quota and costs, as its record says. Pure."""

from __future__ import annotations

from collections.abc import Iterable
from dataclasses import replace

from .errors import DaskDataprocError
from .footprint import reservation_of
from .record import ClusterRecord
from .reservation import Reservation, Span
from .spec import DAY, ClusterSpec
from .spending import listed

REQUEST = "dask-request"
"""The metadata key that says which request made a cluster: only its maker undoes it; its reservation has that key."""
LONGEST = 14 * DAY
"""Seconds that a cluster without a lease lives at most, as Dataproc allows."""


def key_of(record: ClusterRecord) -> str:
    """Return the key of the cluster's reservation; one that a DAG made has its uuid for it."""
    return record.metadata.get(REQUEST) or record.uuid


def held_by(record: ClusterRecord) -> Reservation:
    """Return the reservation of a cluster as it is now; a stopped one has no workers, and its disks' price.

    Raises
    ------
    DaskDataprocError
        What it was made from is not known, or not to this version.
    """
    spec = record.spec()
    expires = record.lease_expires or record.created + LONGEST
    held = reservation_of(spec, key_of(record), expires, uuid=record.uuid)
    stopped = record.status == "STOPPED"
    paid = replace(held, spans=(Span(record.created, rate_of(spec, stopped=stopped)),))
    return replace(paid, workers=0, memory=0) if stopped else paid


def all_held(records: Iterable[ClusterRecord]) -> list[Reservation]:
    """Return the reservations of clusters, but of those that this version does not know how to read."""
    found = []
    for record in records:
        try:
            found.append(held_by(record))
        except DaskDataprocError:
            continue
    return found


def rate_of(spec: ClusterSpec, *, stopped: bool = False) -> float:
    """Return the list price in USD per hour, 0 where the list has none: the ledger then counts workers alone."""
    price = listed(spec, stopped=stopped)
    return price.total if price else 0.0
