"""How many machines of which group a cluster of n workers has, and whose a Dask worker is. Pure."""

from __future__ import annotations

import re
from collections.abc import Iterable, Mapping
from numbers import Integral
from typing import Any

from ..init_actions.shape import machine_of
from .errors import SpecError
from .spec import ClusterSpec

SHELTER = "-shelter"
"""How the name of `init_actions/shelter.py`'s worker ends."""
ADAPT = "dask-adapt"
"""The label with the bounds of adaptive scaling, ``2-10``."""
LEAST = 2
"""Primary workers that Dataproc asks of every cluster that is not a single node."""
LEAST_CONTAINERS = 1
"""Containers of a cluster on YARN that adapts: its machines stay, so that none would save nothing, and cost a start."""


def resized(n: int, spec: ClusterSpec, workers: int) -> tuple[int, int]:
    """Return primary and secondary workers of a cluster with ``n`` in all, that has ``workers`` primary ones now.

    Growing adds secondary workers, which come and go faster, as far as `most_secondary`, then primary ones; shrinking
    takes secondary ones first.

    Raises
    ------
    SpecError
        ``n`` is out of the spec's bounds, or the cluster is a single node.
    """
    _refuse_single(f"scale: {n!r}", spec, workers)
    if not _within(n, spec):
        nearest = min(max(n, LEAST), spec.max_workers) if _whole(n) else LEAST
        raise SpecError(f"scale: {n!r} given, allowed is {_allowed(spec)}", f"%dask_cluster scale {nearest}")
    secondary = min(max(0, n - workers), most_secondary(spec))
    return n - secondary, secondary


def most_secondary(spec: ClusterSpec) -> int:
    """Return how many secondary workers there may be: ADR-002's 5 unless the spec asks for more."""
    return max(spec.max_secondary, spec.secondary_workers)


def adaptable(spec: ClusterSpec, minimum: int | None, maximum: int | None) -> tuple[int, int]:
    """Return the bounds that adaptive scaling keeps to, the spec's where none are given.

    Raises
    ------
    SpecError
        They are not between 2, with runtime ``yarn`` 1, and the spec's ``max_workers``, in that order; or the cluster
        is a single node.
    """
    low = spec.min_workers if minimum is None else minimum
    high = spec.max_workers if maximum is None else maximum
    _refuse_single(f"adapt: {low!r} to {high!r}", spec, spec.workers)
    least = LEAST_CONTAINERS if spec.runtime == "yarn" else LEAST
    if not (_within(low, spec, least) and _within(high, spec, least) and low <= high):
        hint = f"%dask_cluster adapt {least} {spec.max_workers}"
        raise SpecError(f"adapt: {low!r} to {high!r} given, allowed is {_allowed(spec, least)}", hint)
    return low, high


def in_words(spec: ClusterSpec) -> str:
    """Return how many workers of which type ``spec`` asks for."""
    return f"{spec.total_workers} × {spec.worker_machine}" if spec.workers else f"a single {spec.master_machine}"


def machines_of(workers: Iterable[Any]) -> set[str]:
    """Return the names of the machines that Dask workers with the names ``workers`` are on.

    The head's shelter, where data waits while no worker is there to hold it, is no machine.
    """
    return {machine_of(name) for name in map(str, workers) if not name.endswith(SHELTER)}


def adapts(labels: Mapping[str, str]) -> tuple[int, int] | None:
    """Return the bounds of adaptive scaling that a cluster's ``labels`` speak of, if they do."""
    found = re.fullmatch(r"(\d+)-(\d+)", labels.get(ADAPT, ""), re.ASCII)
    return (int(found[1]), int(found[2])) if found else None


def _refuse_single(asked: str, spec: ClusterSpec, workers: int) -> None:
    if workers == 0:
        raise SpecError(f"{asked} given, {spec.name} is a single-node cluster", "%dask_cluster up --workers 2")


def _within(n: Any, spec: ClusterSpec, least: int = LEAST) -> bool:
    return _whole(n) and least <= n <= spec.max_workers


def _whole(n: Any) -> bool:
    return isinstance(n, Integral) and not isinstance(n, bool)


def _allowed(spec: ClusterSpec, least: int = LEAST) -> str:
    return f"a whole number, {least} to {spec.max_workers} (max_workers)"
