"""What a cluster costs: list prices, and the integral of them over a cluster's life. Pure: no clock, no network.

The figures are in data/prices.json with their date and source. A price that is not there is never made up: another
region's, or for spot machines the on-demand one, is used and said so, or `PriceUnknown` is raised. Discounts, taxes,
network traffic and public addresses are not counted.
"""

from __future__ import annotations

import json
from collections.abc import Iterable, Mapping
from dataclasses import dataclass
from functools import cache
from pathlib import Path
from typing import Any

from .errors import PriceUnknown
from .machines import GIB, MachineType, known_type
from .spec import ClusterSpec

HOURS = 3600.0
TABLE = Path(__file__).with_name("data") / "prices.json"
CALCULATOR = "https://cloud.google.com/products/calculator"
SPOT = frozenset({"spot", "preemptible"})
"""Kinds of secondary workers that are billed at the spot price."""


@dataclass(frozen=True, slots=True)
class MachineGroup:
    """Machines of one kind in a cluster.

    Attributes
    ----------
    machine : str
        Machine type, ``n2-standard-4``.
    count : int
        How many of them.
    disk_type : str
        Of each boot disk, ``pd-balanced``.
    disk_gb : int
        Size of each boot disk, GB.
    local_ssds : int
        Local SSDs of 375 GB on each.
    spot : bool
        Billed at the spot price.
    """

    machine: str
    count: int
    disk_type: str
    disk_gb: int
    local_ssds: int = 0
    spot: bool = False


@dataclass(frozen=True, slots=True)
class Price:
    """A list price in USD per hour, by what it is for.

    Attributes
    ----------
    machines, disks, fee : float
        vCPUs and memory; boot disks and local SSDs; Dataproc's fee.
    notes : tuple of str
        Why the price is only near the real one; empty when it is the list price.
    """

    machines: float = 0.0
    disks: float = 0.0
    fee: float = 0.0
    notes: tuple[str, ...] = ()

    @property
    def total(self) -> float:
        """USD per hour in all."""
        return self.machines + self.disks + self.fee

    @property
    def approximate(self) -> bool:
        """Whether some part is another's price; `notes` say which."""
        return bool(self.notes)

    def __add__(self, other: Price) -> Price:
        notes = tuple(dict.fromkeys(self.notes + other.notes))
        return Price(self.machines + other.machines, self.disks + other.disks, self.fee + other.fee, notes)


@dataclass(frozen=True, slots=True)
class Interval:
    """A stretch of a cluster's life at one size.

    Attributes
    ----------
    start, end : float
        Unix seconds, ``start <= end``.
    rate : float
        List price at that size, USD per hour.
    """

    start: float
    end: float
    rate: float


def cost(intervals: Iterable[Interval]) -> float:
    """Return what ``intervals`` cost together, in USD.

    Additive: splitting an interval changes nothing. Source: Compute Engine and Dataproc bill by the second (after the
    first minute, which is not rounded up here).
    """
    return sum((i.end - i.start) / HOURS * i.rate for i in intervals)


def price_per_hour(groups: Iterable[MachineGroup], region: str) -> Price:
    """Return the list price of ``groups`` in ``region``.

    Parameters
    ----------
    groups : iterable of MachineGroup
        The whole cluster; see `groups_of`.
    region : str
        Compute Engine region, ``europe-west1``.

    Raises
    ------
    PriceUnknown
        A family, disk type or extended memory that the table does not have.
    SpecError
        A name that no machine type can have.
    """
    return sum((_group_price(group, region) for group in groups if group.count), Price())


def stopped_price_per_hour(groups: Iterable[MachineGroup], region: str) -> Price:
    """Return the list price of ``groups`` while they are stopped: that of their disks.

    Raises
    ------
    PriceUnknown, SpecError
        As of `price_per_hour`.
    """
    price = price_per_hour(groups, region)
    return Price(disks=price.disks, notes=price.notes)


def groups_of(
    spec: ClusterSpec, *, workers: int | None = None, secondary: int | None = None
) -> tuple[MachineGroup, ...]:
    """Return the machines that ``spec`` asks for, or those it comes to at another size.

    Parameters
    ----------
    spec : ClusterSpec
        What was asked for.
    workers, secondary : int, optional
        Primary and secondary workers there are now; the spec's own by default.

    Raises
    ------
    PriceUnknown
        The spec has accelerators, whose prices are not in the table.
    """
    if spec.accelerators:
        kinds = ", ".join(spec.accelerators)
        raise _unknown(f"accelerators {kinds}")
    return groups(spec, workers=workers, secondary=secondary)


def groups(spec: ClusterSpec, *, workers: int | None = None, secondary: int | None = None) -> tuple[MachineGroup, ...]:
    """Return the master, the primary and the secondary workers; the same as `groups_of`, priced or not."""
    primaries = spec.workers if workers is None else workers
    secondaries = spec.secondary_workers if secondary is None else secondary
    boot = (spec.disk_type, spec.worker_disk_gb)
    return (
        MachineGroup(spec.master_machine, 1, spec.disk_type, spec.master_disk_gb),
        MachineGroup(spec.worker_machine, primaries, *boot, local_ssds=spec.local_ssds),
        MachineGroup(spec.worker_machine, secondaries, *boot, spot=spec.secondary_type in SPOT),
    )


def as_of() -> str:
    """Return when the table's prices were written down, in words."""
    return _table()["as_of"]


@cache
def _table() -> Mapping[str, Any]:
    return json.loads(TABLE.read_text(encoding="utf-8"))


def _group_price(group: MachineGroup, region: str) -> Price:
    kind = known_type(group.machine)
    if kind is None or kind.extended:
        raise _unknown(group.machine)
    machine, machine_notes = _machine_rate(kind, region)
    disk, disk_notes = _disk_rate(group, region)
    fee = kind.vcpus * _table()["dataproc_fee_per_vcpu_hour"]
    spot_notes = ("spot machines at the on-demand price; they are cheaper",) if group.spot else ()
    notes = tuple(dict.fromkeys(machine_notes + disk_notes + spot_notes))
    return Price(group.count * machine, group.count * disk, group.count * fee, notes)


def _machine_rate(kind: MachineType, region: str) -> tuple[float, tuple[str, ...]]:
    rates, notes = _rates("machines", kind.family, region)
    rate = kind.vcpus * rates["vcpu_hour"] + kind.memory / GIB * rates["gb_hour"]
    premium = _table()["custom_premium"].get(kind.family, 1) if kind.custom else 1
    if premium != 1:
        notes += (f"{kind.name} at the predefined types' rate and {premium - 1:.0%}",)
    return rate * premium, notes


def _disk_rate(group: MachineGroup, region: str) -> tuple[float, tuple[str, ...]]:
    boot, notes = _rates("disks", group.disk_type, region)
    monthly = group.disk_gb * boot["gb_month"]
    if group.local_ssds:
        local, local_notes = _rates("disks", "local-ssd", region)
        monthly += group.local_ssds * _table()["local_ssd_gb"] * local["gb_month"]
        notes += local_notes
    return monthly / _table()["hours_per_month"], notes


def _rates(section: str, name: str, region: str) -> tuple[Mapping[str, float], tuple[str, ...]]:
    regions = _table()[section].get(name)
    if regions is None:
        raise _unknown(name)
    if region in regions:
        return regions[region], ()
    home = _table()["home"]
    return regions[home], (f"{name} has no price in {region}, {home}'s is used",)


def _unknown(what: str) -> PriceUnknown:
    return PriceUnknown(f"{what}: no list price in the table ({as_of()})", CALCULATOR)
