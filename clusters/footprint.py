"""What a cluster takes of its owner's quota, and which limits it would go beyond beside the owner's others. Pure.

The account is given as it is at present: settled, so that it holds no reservation that has expired.
"""

from __future__ import annotations

from collections.abc import Collection
from typing import NamedTuple

from ..init_actions.shape import worker_shape
from .account import Account
from .machines import GIB, known_type
from .quotas import Limits
from .reservation import Reservation
from .sizes import LEAST, most_secondary
from .spec import ClusterSpec

MEMORY, WORKERS, JOBS, DURATION, DISK = "memory_gb", "workers", "jobs", "duration", "disk_gb"
BOUNDED = {"lifetime": DURATION, "master_disk_gb": DISK, "worker_disk_gb": DISK}
"""Fields of a cluster that a limit bounds by themselves."""


class Footprint(NamedTuple):
    """What a cluster takes of its owner's quota.

    Attributes
    ----------
    workers : int
        The most that it may come to; a single node is one.
    memory : int or None
        Bytes of its Dask workers together at that size, on the largest of its ``fallbacks`` if that is larger; None
        where the size of a machine type is not known here.
    disk_gb : int
        The largest boot disk of its machines.
    seconds : int
        Its lifetime.
    """

    workers: int
    memory: int | None
    disk_gb: int
    seconds: int


class Excess(NamedTuple):
    """A limit that a cluster would go beyond.

    Attributes
    ----------
    limit : str
        The attribute of `Limits`.
    asked, used : float or None
        In its unit: by the cluster, None where that is not known; by the owner's other clusters.
    allowed : int
    by : tuple of str
        The names of the other clusters, where they count.
    """

    limit: str
    asked: float | None
    allowed: int
    used: float = 0
    by: tuple[str, ...] = ()


def footprint(spec: ClusterSpec, workers: int | None = None) -> Footprint:
    """Return what ``spec`` takes; with ``workers``, what it does after growing to so many, or adapting up to them."""
    count = _greatest(spec) if workers is None else workers
    each = [memory_of(machine) for machine in _machines(spec)]
    memory = None if None in each else count * max(filter(None, each))
    disk = max(spec.master_disk_gb, spec.worker_disk_gb if spec.workers else 0)
    return Footprint(count, memory, disk, spec.lifetime)


def memory_of(machine: str) -> int | None:
    """Return bytes of the Dask workers of a machine type, None where its size is not known here."""
    kind = known_type(machine)
    return worker_shape(kind.vcpus, kind.memory).memory if kind else None


def reservation_of(
    spec: ClusterSpec, key: str, expires: float, workers: int | None = None, uuid: str = ""
) -> Reservation:
    """Return the reservation of a cluster of ``spec``, without a price yet.

    Parameters
    ----------
    spec : ClusterSpec
    key : str
        The request that asks for it.
    expires : float
        Unix seconds.
    workers : int, optional
        As of `footprint`.
    uuid : str
        The cluster's, if there is one. Of a machine type that is not known here the memory is 0.
    """
    takes = footprint(spec, workers)
    place = f"{spec.project}/{spec.region}"
    return Reservation(key, spec.name, place, takes.workers, takes.memory or 0, spec.workload, expires, uuid)


def within(spec: ClusterSpec, limits: Limits, given: Collection[str]) -> ClusterSpec:
    """Return ``spec`` with the lifetime and the disks that nobody gave cut to what ``limits`` allow.

    Parameters
    ----------
    spec : ClusterSpec
    limits : Limits
    given : collection of str
        The fields that somebody asked for: they are left, and refused by `admit` where they are too much.
    """
    return spec.replace(**{name: value for name, value in bounded(spec, limits).items() if name not in given})


def excesses(asked: Footprint, account: Account, limits: Limits, key: str = "") -> tuple[Excess, ...]:
    """Return the limits that ``asked`` would go beyond, none where it is admitted.

    Parameters
    ----------
    asked : Footprint
    account : Account
    limits : Limits
    key : str
        The reservation that it takes the place of. Of a cluster that there is already, only the size is looked at, and
        one that grows neither in workers nor in memory is admitted whatever the limits have become.
    """
    held = account.reservations.get(key)
    living = held is not None and bool(held.uuid)
    if held and living and asked.workers <= held.workers and (asked.memory or 0) <= held.memory:
        return ()
    others = [each for each in account.reservations.values() if each.key != key]
    by = tuple(each.cluster for each in others)
    memory = None if asked.memory is None else asked.memory / GIB
    size = ((WORKERS, asked.workers, 0, ()), (MEMORY, memory, sum(each.memory for each in others) / GIB, by))
    rest = ((JOBS, 1, len(others), by), (DURATION, asked.seconds, 0, ()), (DISK, asked.disk_gb, 0, ()))
    wanted = size if living else (*size, *rest)
    bounds = ((limit, amount, getattr(limits, limit), used, names) for limit, amount, used, names in wanted)
    return tuple(
        Excess(limit, amount, bound, used, names)
        for limit, amount, bound, used, names in bounds
        if bound is not None and (amount is None or used + amount > bound)
    )


def bounded(spec: ClusterSpec, limits: Limits) -> dict[str, int]:
    """Return the fields of ``spec`` that are beyond their own bound, with that bound."""
    bounds = {name: getattr(limits, limit) for name, limit in BOUNDED.items()}
    return {n: bound for n, bound in bounds.items() if bound is not None and getattr(spec, n) > bound}


def _machines(spec: ClusterSpec) -> tuple[str, ...]:
    """Return the types that the Dask workers may come to be on, after stockouts too (`attempts.next_attempt`)."""
    if spec.workers:
        return (spec.worker_machine, *spec.fallbacks)
    follows = spec.master_machine == spec.worker_machine
    return (spec.master_machine, *(spec.fallbacks if follows else ()))


def _greatest(spec: ClusterSpec) -> int:
    """Return how many workers ``spec`` comes to by itself: with autoscaling, both bounds of its policy."""
    return sum(policy_bounds(spec)) if spec.autoscaling and spec.workers else spec.total_workers


def policy_bounds(spec: ClusterSpec) -> tuple[int, int]:
    """Return the most primary and secondary workers of the policy of ``spec``, as `autoscaling.policy_of` has them."""
    return max(LEAST, spec.min_workers, spec.max_workers), most_secondary(spec)
