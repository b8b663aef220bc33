"""What a cluster would cost and whether it would be made, said before anybody asks for it. Pure: settings are given."""

from __future__ import annotations

from collections.abc import Iterator
from dataclasses import dataclass
from typing import TYPE_CHECKING, Any

from . import permissions
from .admission import admit, admit_pool
from .budget import Standing, budgets_of, check
from .errors import DaskDataprocError
from .fields import duration_text
from .footprint import footprint
from .machines import GIB
from .prices import HOURS
from .spec import ClusterSpec
from .spending import listed

if TYPE_CHECKING:
    from .standings import Standings


@dataclass(frozen=True, slots=True)
class Quote:
    """What is known of a cluster before it is made.

    Attributes
    ----------
    price_per_hour : float or None
        USD at list prices; None where the list has no price, or the fields make no cluster.
    cost : float or None
        USD for ``hours``.
    hours : float
        What its workload usually takes, or else its lifetime.
    usual : bool
        Whether it is the former; else ``cost`` is at most.
    quota, budget : tuple of (str, str)
        What is left after it of each limit and of each budget, in words, and of what; empty while nobody has looked
        how its owner stands.
    warnings : tuple of str
        What is worth knowing, and does not keep it from being made.
    refusal : DaskDataprocError or None
        Why it would not be made: the very error.
    """

    price_per_hour: float | None = None
    cost: float | None = None
    hours: float = 0.0
    usual: bool = False
    quota: tuple[tuple[str, str], ...] = ()
    budget: tuple[tuple[str, str], ...] = ()
    warnings: tuple[str, ...] = ()
    refusal: DaskDataprocError | None = None


def quote(
    spec: ClusterSpec, stand: Standings | None, usual: float | None, *, quotas: Any = None, budgets: Any = None
) -> Quote:
    """Return what the cluster of ``spec`` would cost, what its owner has left then, and why it would be refused.

    Parameters
    ----------
    spec : ClusterSpec
        Resolved: what `config.resolve` refuses never comes here.
    stand : Standings or None
        How its owner stands; None leaves all out that depends on that.
    usual : float or None
        Hours that its workload takes; see `runs.usual_hours`.
    quotas, budgets : mapping
        The sections ``dataproc.quotas`` and ``dataproc.budgets``.
    """
    price, hours = listed(spec), hours_of(spec, usual)
    cost = price.total * hours if price else None
    known = {"price_per_hour": price.total if price else None, "cost": cost, "hours": hours, "usual": usual is not None}
    notes = price.notes if price else ("the list has no price for it",)
    if stand is None:
        return Quote(**known, warnings=notes)
    if _is_there(spec, stand):
        return Quote(**known, warnings=(f"{spec.name} is there already: it is attached to", *notes))
    warnings, refusal = _admitted(spec, stand, known["price_per_hour"], hours, quotas, budgets)
    budget = tuple(_budget(each, cost or 0.0) for each in stand.budgets)
    return Quote(
        **known, quota=tuple(_quota(spec, stand)), budget=budget, warnings=(*warnings, *notes), refusal=refusal
    )


def hours_of(spec: ClusterSpec, usual: float | None) -> float:
    """Return for how long a cluster is expected to live: what its workload usually takes, at most its lifetime."""
    lifetime = spec.lifetime / HOURS
    return min(lifetime, usual or lifetime)


def estimate(spec: ClusterSpec, usual: float | None) -> str:
    """Return in words what the cluster will have cost: if its workload takes as long as it usually does, else at most.

    Empty where the list has no price.
    """
    price = listed(spec)
    if price is None:
        return ""
    if usual is None:
        return f"at most ${price.total * spec.lifetime / HOURS:.2f} in {duration_text(spec.lifetime)}"
    took = duration_text(round(usual * HOURS))
    return f"about ${price.total * usual:.2f} if it takes {took} as {spec.workload} did"


def _admitted(
    spec: ClusterSpec, stand: Standings, price: float | None, hours: float, quotas: Any, budgets: Any
) -> tuple[list[str], DaskDataprocError | None]:
    """Return the warnings of the budgets, and why the cluster is refused: asked in the order in which `up` does."""
    warnings: list[str] = []
    try:
        permissions.require(stand.account.user, permissions.CREATE, quotas)
        hard_stop = budgets_of(stand.account.user, budgets).hard_stop
        for each in stand.budgets:
            warnings += filter(None, [check(each, price, hours, hard_stop=hard_stop)])
        admit(spec, stand.account, stand.limits)
        admit_pool(stand.reserved, stand.pool)
    except DaskDataprocError as error:
        return warnings, error
    return warnings, None


def _is_there(spec: ClusterSpec, stand: Standings) -> bool:
    place = f"{spec.project}/{spec.region}"
    held = stand.account.reservations.values()
    return any(each.cluster == spec.name and each.place == place and each.workers for each in held)


def _quota(spec: ClusterSpec, stand: Standings) -> Iterator[tuple[str, str]]:
    """Yield what is left of each limit that a cluster takes from, when there is this one."""
    limits, held = stand.limits, stand.account.reservations.values()
    if limits.jobs is not None:
        yield f"{max(0, limits.jobs - len(held) - 1)}", f"of {limits.jobs} clusters"
    if limits.memory_gb is not None:
        used = sum(each.memory for each in held) + (footprint(spec).memory or 0)
        yield f"{max(0.0, limits.memory_gb - used / GIB):.0f}", f"of {limits.memory_gb} GB"
    if stand.pool is not None:
        yield f"{max(0, stand.pool - stand.pooled - 1)}", f"of all users' {stand.pool} clusters"


def _budget(standing: Standing, cost: float) -> tuple[str, str]:
    if standing.left is None or standing.budget is None:
        return "no bound", f"${standing.spent:.2f} spent in {standing.month}"
    return (
        f"${max(0.0, standing.left - cost):.2f}",
        f"of ${standing.budget:.2f} for {standing.whose} in {standing.month}",
    )
