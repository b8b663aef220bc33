"""What a cluster costs: list prices, and the integral of them over a cluster's life. Pure: no clock, no network.

The figures are those of the table in force (`price_table`), with its date and source, or of a table that is given. A
price that is not there is never made up: another region's, or for spot machines the on-demand one, is used and said so,
or `PriceUnknown` is raised. What is not counted is in docs/prices.md.
"""

from __future__ import annotations

import datetime
from collections.abc import Iterable, Mapping
from dataclasses import dataclass
from difflib import get_close_matches

from .errors import PriceUnknown
from .machines import GIB, MachineType, known_type
from .price_table import SECTIONS, Table, current
from .spec import ClusterSpec

HOURS = 3600.0
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


def price(
    spec: ClusterSpec,
    *,
    workers: int | None = None,
    secondary: int | None = None,
    stale: bool = False,
    table: Table | None = None,
) -> Price:
    """Return the list price of the cluster that ``spec`` asks for, or of what it comes to at another size.

    Parameters
    ----------
    spec : ClusterSpec
        With its region.
    workers, secondary : int, optional
        Primary and secondary workers there are now; the spec's own by default.
    stale : bool
        The table is too old (`is_stale`): the price says so.
    table : Table, optional
        Other prices than those in force.

    Raises
    ------
    PriceUnknown, SpecError
        As of `groups_of` and `price_per_hour`.
    """
    machines = groups_of(spec, workers=workers, secondary=secondary)
    found = price_per_hour(machines, spec.region, table=table)
    return found + Price(notes=(f"prices are of {as_of(table)} and may have changed",)) if stale else found


def price_per_hour(groups: Iterable[MachineGroup], region: str, *, table: Table | None = None) -> Price:
    """Return the list price of ``groups`` in ``region``.

    Parameters
    ----------
    groups : iterable of MachineGroup
        The whole cluster; see `groups_of`.
    region : str
        Compute Engine region, ``europe-west1``.
    table : Table, optional
        Other prices than those in force.

    Raises
    ------
    PriceUnknown
        A family, disk type or extended memory that the table does not have.
    SpecError
        A name that no machine type can have.
    """
    known = current() if table is None else table
    return sum((_group_price(group, region, known) for group in groups if group.count), Price())


def stopped_price_per_hour(groups: Iterable[MachineGroup], region: str, *, table: Table | None = None) -> Price:
    """Return the list price of ``groups`` while they are stopped: that of their disks.

    Raises
    ------
    PriceUnknown, SpecError
        As of `price_per_hour`.
    """
    running = price_per_hour(groups, region, table=table)
    return Price(disks=running.disks, notes=running.notes)


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
        raise _unknown(f"accelerators {kinds}", current())
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


def as_of(table: Table | None = None) -> str:
    """Return the day of the table's prices, ``2026-07-16``."""
    return (current() if table is None else table)["as_of"]


def is_stale(today: datetime.date, days: float, table: Table | None = None) -> bool:
    """Return whether the table's prices are more than ``days`` old on the day ``today``."""
    return (today - datetime.date.fromisoformat(as_of(table))).days > days


def rates_in(region: str, table: Table | None = None) -> dict[str, dict[str, Mapping[str, float]]]:
    """Return what the table has of ``region``: for ``machines`` and ``disks``, each kind's rates in USD.

    Raises
    ------
    PriceUnknown
        It has nothing of the region.
    """
    known = current() if table is None else table
    found = {
        section: {kind: regions[region] for kind, regions in known[section].items() if region in regions}
        for section in SECTIONS
    }
    if not any(found.values()):
        near = get_close_matches(region, known["disks"]["pd-standard"], n=1) or [known["home"]]
        raise PriceUnknown(f"region {region}: no list prices in the table ({as_of(known)})", f"--region {near[0]}")
    return found


def _group_price(group: MachineGroup, region: str, table: Table) -> Price:
    kind = known_type(group.machine)
    if kind is None or kind.extended:
        raise _unknown(group.machine, table)
    machine, machine_notes = _machine_rate(kind, region, group.spot, table)
    disk, disk_notes = _disk_rate(group, region, table)
    fee = kind.vcpus * table["dataproc_fee_per_vcpu_hour"]
    notes = tuple(dict.fromkeys(machine_notes + disk_notes))
    return Price(group.count * machine, group.count * disk, group.count * fee, notes)


def _machine_rate(kind: MachineType, region: str, spot: bool, table: Table) -> tuple[float, tuple[str, ...]]:
    own = f"{kind.family}-custom"
    listed = kind.custom and own in table["machines"]
    name = own if listed else kind.family
    rates, notes = _rates("machines", name, region, table)
    (vcpu, gb), spot_notes = _kind_of_rate(rates, ("vcpu_hour", "gb_hour"), spot, f"{name} in {region}")
    rate, notes = kind.vcpus * vcpu + kind.memory / GIB * gb, notes + spot_notes
    premium = table["custom_premium"].get(kind.family, 1) if kind.custom and not listed else 1
    if premium != 1:
        notes += (f"{kind.name} at the predefined types' rate and {premium - 1:.0%}",)
    return rate * premium, notes


def _disk_rate(group: MachineGroup, region: str, table: Table) -> tuple[float, tuple[str, ...]]:
    boot, notes = _rates("disks", group.disk_type, region, table)
    monthly = group.disk_gb * boot["gb_month"]
    if group.local_ssds:
        local, local_notes = _rates("disks", "local-ssd", region, table)
        (gb,), spot_notes = _kind_of_rate(local, ("gb_month",), group.spot, f"local-ssd in {region}")
        monthly += group.local_ssds * table["local_ssd_gb"] * gb
        notes += local_notes + spot_notes
    return monthly / table["hours_per_month"], notes


def _kind_of_rate(
    rates: Mapping[str, float], keys: tuple[str, ...], spot: bool, what: str
) -> tuple[tuple[float, ...], tuple[str, ...]]:
    """Return the rates of ``keys``, the spot ones if asked for; where there are none, the on-demand ones and a note."""
    spots = tuple(f"spot_{key}" for key in keys)
    if spot and all(key in rates for key in spots):
        return tuple(rates[key] for key in spots), ()
    notes = (f"{what} has no spot price, the on-demand one is used; spot is cheaper",) if spot else ()
    return tuple(rates[key] for key in keys), notes


def _rates(section: str, name: str, region: str, table: Table) -> tuple[Mapping[str, float], tuple[str, ...]]:
    regions = table[section].get(name)
    if regions is None:
        raise _unknown(name, table)
    if region in regions:
        return regions[region], ()
    home = table["home"]
    return regions[home], (f"{name} has no price in {region}, {home}'s is used",)


def _unknown(what: str, table: Table) -> PriceUnknown:
    return PriceUnknown(f"{what}: no list price in the table ({as_of(table)})", CALCULATOR)
