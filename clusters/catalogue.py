"""What Google's price catalogue says in its own words (SKUs), as this tool's price table. Pure.

Source: the descriptions, units and groups of the Compute Engine service in the Cloud Billing catalogue
(cloud.google.com/skus); what does not match one of the forms here to the letter (commitments, sole tenancy,
reservations, extended memory) is left out.
"""

from __future__ import annotations

import re
from collections.abc import Iterable, Iterator, Mapping
from dataclasses import dataclass
from typing import Any

from .errors import PriceUnknown
from .price_table import SECTIONS, Table

SOURCE = "Cloud Billing catalogue, services/6F81-5844-456A (Compute Engine)"
FEE = "Licensing Fee for Google Cloud Dataproc (CPU cost)"
"""Dataproc's fee is a SKU of Compute Engine, the same in all regions."""
FAMILIES = {
    "N1 Predefined": "n1",
    "N2": "n2",
    "N2D AMD": "n2d",
    "E2": "e2",
    "Compute optimized": "c2",
    "C2D AMD": "c2d",
    "C3": "c3",
    "C3D": "c3d",
    "Custom": "n1-custom",
    "N2 Custom": "n2-custom",
    "N2D AMD Custom": "n2d-custom",
    "E2 Custom": "e2-custom",
}
"""How the catalogue calls what the table has under ``machines``."""
MACHINE = re.compile(rf"(?P<family>{'|'.join(FAMILIES)})(?: Instance)? (?P<part>Core|Ram) running in .+", re.IGNORECASE)
PARTS = {"core": ("vcpu_hour", "h"), "ram": ("gb_hour", "GiBy.h")}
"""What a machine is made of: the table's key, and the unit it is priced by."""
DISK = re.compile(
    r"(?P<disk>Storage PD Capacity|Balanced PD Capacity|SSD backed PD Capacity|SSD backed Local Storage)"
    r"(?: attached to (?:Spot )?Preemptible VMs?)?(?: (?:running )?in .+)?",
    re.IGNORECASE,
)
DISKS = {
    "storage pd capacity": "pd-standard",
    "balanced pd capacity": "pd-balanced",
    "ssd backed pd capacity": "pd-ssd",
    "ssd backed local storage": "local-ssd",
}
SPOT = re.compile(r"(?:Spot )?Preemptible ", re.IGNORECASE)
"""A spot price by its words: some of these SKUs are filed under OnDemand."""
USAGES = ("OnDemand", "Preemptible")
_NAMES = {name.lower(): kind for name, kind in FAMILIES.items()}


@dataclass(frozen=True, slots=True)
class Sku:
    """One line of the catalogue.

    Attributes
    ----------
    description, usage, unit : str
        As the catalogue has them: ``N2 Instance Core running in Americas``, ``OnDemand`` or ``Preemptible``, ``h``.
    regions : tuple of str
        Where it holds.
    price : float
        USD for one unit, in its last tier: what is free first is not the list's price.
    """

    description: str
    usage: str
    unit: str
    regions: tuple[str, ...]
    price: float


@dataclass(frozen=True, slots=True)
class Change:
    """A price that two tables have differently; None in the one that does not have it."""

    kind: str
    region: str
    rate: str
    before: float | None
    after: float | None


def table_of(skus: Iterable[Sku], base: Table, as_of: str) -> Table:
    """Return the price table that ``skus`` make.

    Parameters
    ----------
    skus : iterable of Sku
        All of the Compute Engine service; two that say different prices for one thing count with the higher one.
    base : Table
        What the catalogue does not say (the home region, hours in a month) is taken from it.
    as_of : str
        The day of the catalogue, ``2026-11-25``.

    Raises
    ------
    PriceUnknown
        A kind of machine or disk of ``base``, or the fee, is not priced in the home region: the catalogue has changed
        its words, or came in part.
    """
    sections: dict[str, dict[str, dict[str, dict[str, float]]]] = {section: {} for section in SECTIONS}
    fee = None
    for sku in skus:
        if sku.description == FEE and sku.unit == "h":
            fee = sku.price
        elif entry := _entry(sku):
            section, kind, rate = entry
            for region in sku.regions:
                rates = sections[section].setdefault(kind, {}).setdefault(region, {})
                rates[rate] = max(sku.price, rates.get(rate, 0.0))
    made = {section: _whole(kinds) for section, kinds in sections.items()}
    _check(made, fee, base)
    return dict(base) | {"as_of": as_of, "source": [SOURCE], "dataproc_fee_per_vcpu_hour": fee} | made


def changes(before: Table, after: Table) -> list[Change]:
    """Return the prices that differ between two tables, the greatest change first."""
    old, new = dict(_flat(before)), dict(_flat(after))
    found = [Change(*key, old.get(key), new.get(key)) for key in {*old, *new} if old.get(key) != new.get(key)]
    return sorted(found, key=lambda change: (-_size(change), change.kind, change.region, change.rate))


def count(table: Table) -> int:
    """Return how many prices ``table`` has."""
    return sum(1 for _ in _flat(table))


def _entry(sku: Sku) -> tuple[str, str, str] | None:
    """Return section, kind and rate of the table that ``sku`` prices, None for one that the table has no place for."""
    if sku.usage not in USAGES or sku.price <= 0:
        return None
    prefix = "spot_" if sku.usage == "Preemptible" or SPOT.search(sku.description) else ""
    if found := MACHINE.fullmatch(SPOT.sub("", sku.description, count=1)):
        rate, unit = PARTS[found["part"].lower()]
        return ("machines", _NAMES[found["family"].lower()], prefix + rate) if sku.unit == unit else None
    if (found := DISK.fullmatch(sku.description)) and sku.unit == "GiBy.mo":
        return "disks", DISKS[found["disk"].lower()], f"{prefix}gb_month"
    return None


def _whole(kinds: Mapping[str, Mapping[str, dict[str, float]]]) -> dict[str, dict[str, dict[str, float]]]:
    """Return ``kinds`` without the regions where a part of the price is missing."""
    return {
        kind: {region: rates for region, rates in sorted(regions.items()) if _complete(rates)}
        for kind, regions in sorted(kinds.items())
    }


def _complete(rates: Mapping[str, float]) -> bool:
    return "gb_month" in rates or {"vcpu_hour", "gb_hour"} <= set(rates)


def _check(made: Mapping[str, Any], fee: float | None, base: Table) -> None:
    home = base["home"]
    missing = [f"{kind} in {home}" for s in SECTIONS for kind in base[s] if home not in made[s].get(kind, {})]
    if fee is None:
        missing.append("Dataproc's fee")
    if missing:
        raise PriceUnknown(
            f"catalogue: no price of {', '.join(missing)} found in it; the table is left as it was",
            "%dask_cluster prices",
        )


def _flat(table: Table) -> Iterator[tuple[tuple[str, str, str], float]]:
    yield ("dataproc", "all regions", "fee_per_vcpu_hour"), table["dataproc_fee_per_vcpu_hour"]
    for section in SECTIONS:
        for kind, regions in table[section].items():
            for region, rates in regions.items():
                for rate, usd in rates.items():
                    yield (kind, region, rate), usd


def _size(change: Change) -> float:
    return abs(change.after / change.before - 1) if change.before and change.after else 0.0
