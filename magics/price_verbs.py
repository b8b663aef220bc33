"""The verb that shows the price list, and fetches a new one: prices."""

from __future__ import annotations

from typing import TYPE_CHECKING, Any

import click

from .front import Front, pass_front
from .options import json_option
from .render import Table

if TYPE_CHECKING:
    from collections.abc import Mapping

    from ..clusters.catalogue import Change

SHOWN = 10
"""Changes that are shown after a refresh: the greatest."""


@click.command()
@click.option("--region", default=None, metavar="TEXT", help="Whose prices [default the configured region].")
@click.option("--refresh", is_flag=True, help="Read Google's price catalogue first, and keep it.")
@json_option
@pass_front
def prices(front: Front, region: str | None, refresh: bool, as_json: bool) -> None:
    """Show a region's list prices, their date and source."""
    from ..clusters import billing
    from ..clusters.config import place
    from ..clusters.prices import rates_in

    where = place(region=region)[1]
    rates_in(where)  # an unknown region is said before the catalogue is read
    changed = billing.refresh() if refresh else None
    if as_json:
        front.document(_document(where, changed))
        return
    front.show(_table(rates_in(where)))
    front.show(_about(front, where))
    if changed is not None:
        front.say(_summary(changed))
        front.show(_changes(changed))


def _document(region: str, changed: list[Change] | None) -> dict[str, Any]:
    from dataclasses import asdict

    from ..clusters.billing import stale
    from ..clusters.price_table import current
    from ..clusters.prices import rates_in

    table = current()
    about = {key: table[key] for key in ("as_of", "source", "currency", "dataproc_fee_per_vcpu_hour")}
    refreshed = {} if changed is None else {"changes": [asdict(change) for change in changed]}
    return about | {"stale": stale(), "region": region} | rates_in(region) | refreshed


def _table(rates: Mapping[str, Mapping[str, Mapping[str, float]]]) -> Table:
    header = ("USD", "vCPU-hour", "GB-hour", "spot vCPU-hour", "spot GB-hour", "GB-month", "spot GB-month")
    keys = ("vcpu_hour", "gb_hour", "spot_vcpu_hour", "spot_gb_hour", "gb_month", "spot_gb_month")
    kinds = {kind: row for section in rates.values() for kind, row in section.items()}
    return Table([(kind, *(_usd(row.get(key)) for key in keys)) for kind, row in kinds.items()], header)


def _about(front: Front, region: str) -> Table:
    from ..clusters.price_table import current

    table = current()
    return Table(
        [
            ("region", region),
            ("Dataproc's fee", f"{_usd(table['dataproc_fee_per_vcpu_hour'])} a vCPU and hour"),
            ("as of", dated(front)),
            *(("source", source) for source in table["source"]),
        ]
    )


def dated(front: Front) -> str:
    """Return the day of the prices in force, and what to do if that is long ago."""
    from ..clusters.billing import stale
    from ..clusters.prices import as_of

    return as_of() + front.spelled(", stale: %dask_cluster prices --refresh" if stale() else "")


def _summary(changed: list[Change]) -> str:
    from ..clusters.catalogue import count
    from ..clusters.price_table import current

    new, gone = sum(c.before is None for c in changed), sum(c.after is None for c in changed)
    return f"{len(changed) - new - gone} of {count(current())} prices changed, {new} are new, {gone} gone"


def _changes(changed: list[Change]) -> Table:
    both = [change for change in changed if change.before and change.after]
    rows = [
        (c.kind, c.region, c.rate, _usd(c.before), _usd(c.after), f"{c.after / c.before - 1:+.0%}")
        for c in both[:SHOWN]
        if c.before and c.after
    ]
    return Table(rows, ("greatest changes", "region", "rate", "before", "now", ""), "No price has changed")


def _usd(rate: float | None) -> str:
    return "" if rate is None else f"{rate:.7f}".rstrip("0").rstrip(".") if rate < 0.01 else f"{rate:.6g}"
