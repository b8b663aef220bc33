"""The verbs about money and what one may have: cost, quota."""

from __future__ import annotations

import time
from collections import defaultdict
from collections.abc import Iterable
from typing import TYPE_CHECKING, Any

import click

from .bars import Bars
from .front import Front, pass_front
from .options import json_option, name_argument, place_options
from .reach import Place, cluster_of
from .render import Table, money, size, span

if TYPE_CHECKING:
    from ..clusters.account import Account
    from ..clusters.budget import Standing
    from ..clusters.standings import Standings

KINDS = ("user", "workload", "day", "month")


@click.command()
@name_argument
@click.option("--by", type=click.Choice(KINDS), help="What all clusters cost, added up by that: a table and a plot.")
@click.option("--days", type=click.IntRange(1, 400), default=31, help="How far back --by looks [default 31].")
@place_options
@json_option
@pass_front
def cost(front: Front, name: str, by: str | None, days: int, place: Place, as_json: bool) -> None:
    """Show what a cluster, or with --by all of them, cost so far.

    At list prices.

    All are your own; with --by user everybody's, if your role may see that (docs/quotas.md).
    """
    if by is None:
        _of_one(front, name, place, as_json)
    else:
        _of_all(front, by, days, place, as_json)


def _of_one(front: Front, name: str, place: Place, as_json: bool) -> None:
    from ..clusters.config import LOCAL
    from ..clusters.price_table import about
    from .price_verbs import dated

    with cluster_of(front, name, place) as cluster:
        price, spent, where = cluster.price_per_hour, cluster.cost, cluster.record.project
        if as_json:
            known = {"name": cluster.name, "price_per_hour": price, "cost": spent}
            front.document(known | {"created": cluster.record.created} | {"prices": about()})
            return
        rows = [("name", cluster.name), ("price per hour", money(price)), ("cost so far", money(spent))]
        billed = [("billed", "nothing: this is the emulator; in the cloud it would be so")] if where == LOCAL else []
        front.show(Table([*rows, ("prices", f"of {dated(front)}"), *billed]))


def _of_all(front: Front, by: str, days: int, place: Place, as_json: bool) -> None:
    from ..clusters import permissions
    from ..clusters.account import DAY, day_of
    from ..clusters.config import setting, user
    from ..clusters.price_table import about
    from ..clusters.standings import spending

    all_of_them = by == "user" and permissions.may(permissions.role_of(user(), setting("quotas")), permissions.SPENDING)
    accounts, now = spending(place.project, place.region, everybody=all_of_them)
    spent = added(accounts, by, now, day_of(now - days * DAY))
    if as_json:
        rows = [{by: name, "usd": usd} for name, usd in spent]
        front.document(
            {"by": by, "days": days, "spent": rows, "total": sum(usd for _, usd in spent)} | {"prices": about()}
        )
        return
    front.show(Bars([(name, usd, money(usd)) for name, usd in spent], (by, "USD"), f"Nothing spent in {place}"))
    if by == "user" and not all_of_them:
        front.say(f"Only your own: what others have spent is for a {permissions.ADMIN} to see")
    front.say(f"{money(sum(usd for _, usd in spent))} in {days} days, at list prices; Google's bill differs")


def added(accounts: Iterable[Account], by: str, now: float, since: str) -> list[tuple[str, float]]:
    """Return USD by user, workload, day or month, after the day ``since``; dates in order, others by what they cost."""
    sums: defaultdict[str, float] = defaultdict(float)
    for account in accounts:
        for day, workloads in account.spending(now).items():
            for workload, usd in workloads.items() if day > since else ():
                sums[{"user": account.user, "workload": workload, "day": day, "month": day[:7]}[by]] += usd
    dated = by in ("day", "month")
    return sorted(sums.items(), key=lambda each: each[0] if dated else -each[1])


@click.command()
@place_options
@json_option
@pass_front
def quota(front: Front, place: Place, as_json: bool) -> None:
    """Show what you may have, what of it is in use, and your budget."""
    from ..clusters.standings import standings

    stand = standings(place.project, place.region)
    if as_json:
        front.document(described(stand))
        return
    front.show(Table([*_used(stand), *(row for each in stand.budgets for row in _budget(each))]))
    clusters = [
        (held.cluster, str(held.workers), size(held.memory), f"{money(held.rate)}/h", span(held.expires - stand.now))
        for held in stand.account.reservations.values()
    ]
    if clusters:
        front.show(Table(clusters, ("cluster", "workers", "memory", "price", "reserved for")))


def described(stand: Standings) -> dict[str, Any]:
    """Return what `quota` knows, as JSON has it."""
    from ..clusters.machines import GIB
    from ..clusters.price_table import about
    from ..clusters.quotas import FIELDS

    held = list(stand.account.reservations.values())
    return {
        "user": stand.account.user,
        "whose": stand.limits.whose,
        "limits": {name: getattr(stand.limits, name) for name in FIELDS},
        "in_use": {"jobs": len(held), "memory_gb": sum(each.memory for each in held) / GIB},
        "clusters": [
            {"name": each.cluster, "workers": each.workers, "price_per_hour": each.rate, "expires": each.expires}
            for each in held
        ],
        "pool": {"limit": stand.pool, "in_use": stand.pooled},
        "budgets": [each.to_dict() for each in stand.budgets],
    } | {"prices": about()}


def _used(stand: Standings) -> list[tuple[str, str]]:
    from ..clusters.machines import GIB

    limits, held = stand.limits, stand.account.reservations.values()
    memory = sum(each.memory for each in held) / GIB
    return [
        ("limits of", limits.whose),
        ("clusters", _of(f"{len(held)}", limits.jobs)),
        ("workers of one", _of("", limits.workers)),
        ("workers' memory", _of(f"{memory:.0f} GB", limits.memory_gb, " GB")),
        ("lifetime", "no bound" if limits.duration is None else f"at most {span(limits.duration)}"),
        ("boot disks", _of("", limits.disk_gb, " GB")),
        ("clusters of all", _of(f"{stand.pooled}", stand.pool)),
    ]


def _of(used: str, bound: int | None, unit: str = "") -> str:
    if bound is None:
        return f"{used}, no bound" if used else "no bound"
    return f"{used} of {bound}{unit}" if used else f"at most {bound}{unit}"


def _budget(standing: Standing) -> list[tuple[str, str]]:
    month = time.strftime("%B", time.strptime(standing.month, "%Y-%m"))
    level = f", {standing.level}" if standing.level else ""
    of = f" of {money(standing.budget)} ({standing.share:.0%}{level})" if standing.budget is not None else ""
    said = f"{money(standing.spent)}{of}, {money(standing.forecast)} expected by the month's end"
    return [(f"{month}, {standing.whose}", said)]
