"""Whether a cluster may be made, by its owner's quota and the pool of all, and the largest that may. Pure."""

from __future__ import annotations

from collections.abc import Iterable

from .account import Account
from .errors import QuotaExceeded
from .fields import duration_text
from .fit import largest_that, most
from .footprint import (
    DISK,
    DURATION,
    JOBS,
    MEMORY,
    WORKERS,
    Excess,
    Footprint,
    bounded,
    excesses,
    footprint,
    memory_of,
    policy_bounds,
)
from .machines import GIB
from .quotas import CLASSES, UNLIMITED, Limits
from .reservation import Reservation
from .sizes import LEAST
from .spec import FIELDS, ClusterSpec
from .wording import some

MOST = 1000
"""Workers that a spec may have."""
KINDS = {
    JOBS: "clusters at a time",
    WORKERS: "workers",
    MEMORY: "of workers' memory",
    DURATION: "of lifetime",
    DISK: "of boot disk",
}
"""What each limit counts, in words."""
DOCS = "docs/quotas.md"
SIZE = ("runtime", "master_machine", "worker_machine", "workers", "secondary_workers", "secondary_type", "min_workers")
SIZE += (
    "max_workers",
    "max_secondary",
    "autoscaling",
    "fallbacks",
    "master_disk_gb",
    "worker_disk_gb",
    "local_ssds",
    "lifetime",
)
"""Fields that a hint repeats where they are not at their default, so that it can be pasted as it is."""


def admit(spec: ClusterSpec, account: Account, limits: Limits, key: str = "") -> None:
    """Let a cluster of ``spec`` be made, or refuse it.

    Raises
    ------
    QuotaExceeded
        One line with each limit, what is asked, allowed and in use by which clusters; the hint is what would fit.
    """
    beyond = excesses(footprint(spec), account, limits, key)
    if beyond:
        raise QuotaExceeded(_told(beyond, limits), _hint(spec, account, limits, key))


def admit_resize(spec: ClusterSpec, workers: int, account: Account, limits: Limits, key: str) -> None:
    """Let the cluster of reservation ``key`` grow to ``workers``, or adapt up to so many, or refuse it.

    Raises
    ------
    QuotaExceeded
        As of `admit`.
    """
    beyond = excesses(footprint(spec, workers), account, limits, key)
    if not beyond:
        return
    fitting = most_workers(spec, workers, account, limits, key)
    hint = f"%dask_cluster scale {fitting}" if fitting >= LEAST else _instead(account, key)
    raise QuotaExceeded(_told(beyond, limits), hint + _class_for(footprint(spec, workers), account, key))


def most_workers(spec: ClusterSpec, asked: int, account: Account, limits: Limits, key: str) -> int:
    """Return to how many workers, at most ``asked``, the cluster of reservation ``key`` may grow; 1 where to none."""
    return most(LEAST, asked, lambda n: not excesses(footprint(spec, n), account, limits, key))


def admit_pool(reserved: Iterable[Reservation], bound: int | None, key: str = "") -> None:
    """Let one more cluster be made beside those of all users, or refuse it.

    Parameters
    ----------
    reserved : iterable of Reservation
        Those of all users.
    bound : int or None
        How many clusters there may be; see `quotas.pool_of`.
    key : str
        The reservation of the cluster itself, if it is one of them.

    Raises
    ------
    QuotaExceeded
        There are as many already.
    """
    names = [each.cluster for each in reserved if each.key != key]
    if bound is not None and len(names) >= bound:
        used = f"; {len(names)} in use: {some(names)}" if names else ""
        allowed = f"{len(names) + 1} clusters at a time asked, {bound} allowed for all users together{used}"
        raise QuotaExceeded(allowed, "%dask_cluster list   (and again when one has ended)")


def in_use(account: Account, limits: Limits) -> str:
    """Return in words what of the limits the account's reservations take; '' where there are none."""
    held = account.reservations.values()
    amounts = ((JOBS, len(held)), (MEMORY, sum(each.memory for each in held) / GIB))
    bounded = [(limit, used, bound) for limit, used in amounts if (bound := getattr(limits, limit)) is not None]
    return ", ".join(f"{_plain(limit, used)} of {_amount(limit, bound)}" for limit, used, bound in bounded)


def fitting(spec: ClusterSpec, account: Account, limits: Limits, key: str = "") -> ClusterSpec | None:
    """Return the largest cluster like ``spec`` that is admitted, None where nothing is.

    Lifetime and disks are cut to their bounds; then fallbacks to larger machines go, and there are fewer workers, then
    smaller machines, at last a single node, as `fit.largest_that` does. With autoscaling it is the bounds of the policy
    that become smaller.
    """
    cut = spec.replace(**bounded(spec, limits))

    def fits(candidate: ClusterSpec) -> bool:
        return not excesses(footprint(candidate), account, limits, key)

    for candidate in (spec, cut):
        if fits(candidate):
            return candidate
    scaled = spec.autoscaling and spec.workers > 0
    found = largest_that(_full(cut) if scaled else cut, lambda candidate: fits(_modest(candidate)))
    if found is None:
        return None
    return _policy_of(cut, _modest(found)) if scaled else _modest(found)


def _modest(spec: ClusterSpec) -> ClusterSpec:
    """Return ``spec`` without the fallbacks on which its workers would be larger."""
    own = memory_of(spec.worker_machine if spec.workers else spec.master_machine) or 0
    return spec.replace(fallbacks=tuple(name for name in spec.fallbacks if 0 < (memory_of(name) or 0) <= own))


def _full(spec: ClusterSpec) -> ClusterSpec:
    """Return ``spec`` as large as its policy lets it become, without the policy."""
    primary, secondary = policy_bounds(spec)
    secondary = min(secondary, MOST - primary)
    return spec.replace(
        autoscaling=False, workers=primary, secondary_workers=secondary, max_workers=primary + secondary
    )


def _policy_of(spec: ClusterSpec, found: ClusterSpec) -> ClusterSpec:
    """Return ``spec`` with the size of ``found`` as the bounds of its policy."""
    machines = {name: getattr(found, name) for name in ("worker_machine", "master_machine", "fallbacks")}
    if not found.workers:
        return spec.replace(**machines, workers=0, secondary_workers=0, autoscaling=False)
    workers = min(spec.workers, found.workers)
    secondary = min(spec.secondary_workers, found.secondary_workers, found.workers - workers)
    low, high = min(spec.min_workers, found.workers), found.workers
    sizes = {"workers": workers, "secondary_workers": secondary, "min_workers": low, "max_workers": high}
    return spec.replace(**machines, **sizes, max_secondary=found.secondary_workers)


def _told(beyond: Iterable[Excess], limits: Limits) -> str:
    return "; ".join(_one(each, limits.whose if number == 0 else "") for number, each in enumerate(beyond))


def _one(excess: Excess, whose: str) -> str:
    """Return one limit in words: what is asked, allowed, in use and by which clusters."""
    limit, asked, allowed, used, by = excess
    said = f"an unknown amount {KINDS[limit]}" if asked is None else _amount(limit, asked)
    if limit == JOBS:
        said = _amount(limit, used + 1)
    bound = f"{said} asked, {_plain(limit, allowed)} allowed" + (f" for {whose}" if whose else "")
    return bound + (f" (you have {_plain(limit, used)} in use by {', '.join(by)})" if by else "")


def _amount(limit: str, value: float) -> str:
    return f"{_plain(limit, value)} {KINDS[limit]}"


def _plain(limit: str, value: float) -> str:
    if limit == DURATION:
        return duration_text(value)
    return f"{value:,.0f}" if limit in (JOBS, WORKERS) else f"{round(value, 1):,g} GB"


def _hint(spec: ClusterSpec, account: Account, limits: Limits, key: str) -> str:
    smaller = fitting(spec, account, limits, key)
    said = f"%dask_cluster up {options(spec, smaller)}" if smaller else _instead(account, key)
    return said + _class_for(footprint(spec), account, key)


def _instead(account: Account, key: str) -> str:
    """Return what makes room where nothing smaller would fit."""
    others = [each.cluster for each in account.reservations.values() if each.key != key]
    return f"%dask_cluster down {others[0]}" if others else f"see {DOCS}"


def _class_for(asked: Footprint, account: Account, key: str) -> str:
    """Return that another class would do, if one would."""
    bounding = {name: limits for name, limits in CLASSES.items() if name != UNLIMITED}
    would = next((name for name, limits in bounding.items() if not excesses(asked, account, limits, key)), None)
    return f"   or ask for the {would} class: {DOCS}" if would else ""


def options(asked: ClusterSpec, other: ClusterSpec) -> str:
    """Return the options of `up` that make ``other`` of what made ``asked``, ``--workers 2``."""
    values = {name: getattr(other, name) for name in FIELDS}
    said = (name for name in SIZE if values[name] != FIELDS[name].default)
    changed = (name for name in FIELDS if values[name] != getattr(asked, name))
    return " ".join(_option(name, values[name]) for name in dict.fromkeys([*changed, *said]))


def _option(name: str, value: object) -> str:
    flag = name.replace("_", "-")
    if isinstance(value, bool):
        return f"--{flag}" if value else f"--no-{flag}"
    if isinstance(value, tuple):
        return f"--{flag} '{','.join(value)}'"
    return f"--{flag} {duration_text(value) if name == 'lifetime' and isinstance(value, int) else value}"
