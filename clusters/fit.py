"""The largest cluster that a quota leaves room for: fewer of the same machines, else smaller ones. Pure."""

from __future__ import annotations

from bisect import bisect_left
from collections.abc import Callable, Iterable, Iterator
from typing import NamedTuple

from .machines import SERIES, known_type, machine_type
from .prices import MachineGroup, groups
from .sizes import LEAST, resized
from .spec import ClusterSpec

SSD = frozenset({"pd-ssd", "pd-balanced"})
"""Boot disks that Compute Engine counts against SSD_TOTAL_GB; the others are DISKS_TOTAL_GB's."""
LOCAL_SSD_GB = 375
ROUNDING = 1e-9


class Shortfall(NamedTuple):
    """A quota, how much of it was asked for, and how much of it is left."""

    metric: str
    asked: float
    left: float


def largest(spec: ClusterSpec, shortfalls: Iterable[Shortfall]) -> ClusterSpec | None:
    """Return the largest cluster like ``spec`` that fits into what is left, as `largest_that` does."""
    short = tuple(shortfalls)
    return largest_that(spec, lambda candidate: _fits(candidate, spec, None, short))


def largest_that(spec: ClusterSpec, fits: Callable[[ClusterSpec], bool]) -> ClusterSpec | None:
    """Return the largest cluster like ``spec`` that ``fits``, None where nothing does.

    Fewer workers of the same type come first, primary ones before secondary ones; then two workers and more of the
    smaller types of its series, largest first; at last a single node.

    Parameters
    ----------
    spec : ClusterSpec
    fits : callable
        Whether a cluster does; it has to be so of all that are smaller than one of which it is.
    """
    for smaller in _smaller_machines(spec) if spec.workers else ():
        if fitting := _most_workers(smaller, fits):
            return fitting
    return next(filter(fits, _smaller_masters(spec.replace(workers=0, secondary_workers=0))), None)


def largest_scale(n: int, spec: ClusterSpec, now: tuple[int, int], shortfalls: Iterable[Shortfall]) -> int:
    """Return to how many workers in all, fewer than ``n``, a cluster of ``now`` primary and secondary ones can grow."""
    short = tuple(shortfalls)

    def sized(primary: int, secondary: int) -> ClusterSpec:
        bound = max(spec.max_workers, primary + secondary)
        return spec.replace(workers=primary, secondary_workers=secondary, max_workers=bound)

    asked, present = sized(*resized(n, spec, now[0])), sized(*now)
    return most(sum(now), n - 1, lambda m: _fits(sized(*resized(m, spec, now[0])), asked, present, short))


def most(low: int, high: int, fits: Callable[[int], bool]) -> int:
    """Return the largest number of ``low`` to ``high`` that fits, one below ``low`` if none does."""
    return low - 1 + bisect_left(range(low, high + 1), True, key=lambda n: not fits(n))


def usage(spec: ClusterSpec, metric: str) -> float:
    """Return how much of the Compute Engine quota ``metric`` a cluster takes; of one not known here, a machine is 1."""
    return sum(group.count * _each(group, metric, spec) for group in groups(spec))


def _each(group: MachineGroup, metric: str, spec: ClusterSpec) -> float:
    kind = known_type(group.machine)
    vcpus, family = (kind.vcpus, kind.family.upper()) if kind else (1, "")
    ssd = spec.disk_type in SSD
    known = {
        "CPUS": vcpus,
        "CPUS_ALL_REGIONS": vcpus,
        "PREEMPTIBLE_CPUS": vcpus * group.spot,
        f"{family}_CPUS": vcpus,
        "IN_USE_ADDRESSES": not spec.internal_ip_only,
        "DISKS_TOTAL_GB": group.disk_gb * (not ssd),
        "SSD_TOTAL_GB": group.disk_gb * ssd,
        "LOCAL_SSD_TOTAL_GB": group.local_ssds * LOCAL_SSD_GB,
    }
    return known.get(metric, 0 if metric.endswith("_CPUS") else 1)


def _fits(
    candidate: ClusterSpec, asked: ClusterSpec, present: ClusterSpec | None, short: tuple[Shortfall, ...]
) -> bool:
    """Return whether ``candidate`` is within what is left, where ``asked`` came to what the shortfalls say.

    What Dataproc counted for ``asked`` is the measure: ours only says which share of that the candidate is.
    """

    def more(spec: ClusterSpec, metric: str) -> float:
        return usage(spec, metric) - (usage(present, metric) if present else 0)

    def share(metric: str) -> float:
        whole = more(asked, metric)
        return more(candidate, metric) / whole if whole else more(candidate, "") / more(asked, "")

    return all(share(metric) * needed <= left + ROUNDING for metric, needed, left in short)


def _most_workers(spec: ClusterSpec, fits: Callable[[ClusterSpec], bool]) -> ClusterSpec | None:
    def sized(primary: int, secondary: int) -> ClusterSpec:
        return spec.replace(workers=primary, secondary_workers=secondary)

    primary = most(LEAST, spec.workers, lambda n: fits(sized(n, 0)))
    if primary < LEAST:
        return None
    return sized(primary, most(0, spec.secondary_workers, lambda n: fits(sized(primary, n))))


def _smaller_machines(spec: ClusterSpec) -> Iterator[ClusterSpec]:
    """Yield ``spec``, then it with each smaller type of the workers' series; the master is never larger than they."""
    yield spec
    master = known_type(spec.master_machine)
    for name in _smaller_types(spec.worker_machine):
        larger = master is None or master.vcpus > machine_type(name).vcpus
        yield spec.replace(worker_machine=name, master_machine=name if larger else spec.master_machine)


def _smaller_masters(spec: ClusterSpec) -> Iterator[ClusterSpec]:
    """Yield the single node ``spec``, then it with each smaller type of its master's series."""
    yield spec
    alike = spec.worker_machine == spec.master_machine
    for name in _smaller_types(spec.master_machine):
        yield spec.replace(master_machine=name, worker_machine=name if alike else spec.worker_machine)


def _smaller_types(machine: str) -> list[str]:
    """Return the smaller types of the series of ``machine``, largest first; none of a custom one."""
    series, _, size = machine.rpartition("-")
    if series not in SERIES:
        return []
    return [f"{series}-{vcpus}" for vcpus in sorted(SERIES[series][1], reverse=True) if vcpus < int(size)]
