"""What to try when a zone is out of machines: other zones, then the spec's other machine types, then no spot. Pure."""

from __future__ import annotations

from collections.abc import Iterator, Sequence
from typing import NamedTuple

from .errors import QuotaExceeded, Stockout
from .sizes import in_words, resized
from .spec import ClusterSpec

MOST = 12
"""Attempts at one cluster, with the first. ``dataproc.timeouts.create`` bounds the time of them all."""
PLACES = 3
"""Attempts with the same machines: the next alternative gets its turn while there is time."""
ZONES = {"us-central1": "abcf", "us-east1": "bcd", "europe-west1": "bcd"}
"""The letters of a region's zones where they are not `LETTERS`. Source: Compute Engine, "Regions and zones"."""
LETTERS = "abc"
STANDARD = "non-preemptible"


class Failure(NamedTuple):
    """An attempt that failed: what was asked for, and what Dataproc said."""

    spec: ClusterSpec
    error: Stockout | QuotaExceeded


def next_attempt(asked: ClusterSpec, failed: Sequence[Failure]) -> ClusterSpec | None:
    """Return what to ask for after ``failed``, attempts at ``asked`` in their order; None when nothing is left to try.

    Zones change first, then machine types in the order of ``fallbacks``, then spot workers become standard ones. What
    an error tells of other zones is taken into account; nothing is asked for twice.
    """
    if len(failed) >= MOST:
        return None
    candidates = (spec for spec in _alternatives(asked, failed) if not any(_refuted(spec, f) for f in failed))
    return next((spec for spec in candidates if sum(_alike(spec, f.spec) for f in failed) < PLACES), None)


def growths(n: int, spec: ClusterSpec, primary: int, secondary: int) -> list[tuple[int, int]]:
    """Return the sizes to try, in order, for ``n`` workers in all; none if there are so many.

    A running cluster stays in its zone and keeps its machine types: all there is to try is primary workers, which are
    never spot ones, where there are no spot workers to be had.
    """
    wanted = resized(n, spec, primary)
    if wanted == (primary, secondary):
        return []
    spot = wanted[1] > secondary and spec.secondary_type != STANDARD
    return [wanted, (n - secondary, secondary)] if spot else [wanted]


def zones_of(region: str) -> tuple[str, ...]:
    """Return the zones of ``region`` that most machine types are in; none of the region ``global``."""
    return tuple(f"{region}-{letter}" for letter in ZONES.get(region, LETTERS)) if region[-1:].isdigit() else ()


def change(before: ClusterSpec, after: ClusterSpec) -> str:
    """Say what ``after`` asks for otherwise than ``before``."""
    changes = [
        in_words(after) if in_words(after) != in_words(before) else "",
        f"{after.secondary_type} secondary workers" if after.secondary_type != before.secondary_type else "",
        f"in {after.zone or 'any zone'}" if after.zone != before.zone else "",
    ]
    return " ".join(filter(None, changes))


def _alternatives(asked: ClusterSpec, failed: Sequence[Failure]) -> Iterator[ClusterSpec]:
    """Yield all that could be asked for in place of ``asked``, in the order in which it is."""
    known = [zone for f in failed if isinstance(f.error, Stockout) for zone in f.error.available or ()]
    zones = dict.fromkeys([asked.zone, *(z for z in known if z in zones_of(asked.region)), *zones_of(asked.region)])
    spot = asked.secondary_workers and asked.secondary_type != STANDARD
    for kind in (asked.secondary_type, STANDARD) if spot else (asked.secondary_type,):
        for machine in dict.fromkeys((asked.worker_machine, *asked.fallbacks)):
            master = machine if asked.master_machine == asked.worker_machine else asked.master_machine
            for zone in zones:
                yield asked.replace(zone=zone, worker_machine=machine, master_machine=master, secondary_type=kind)


def _refuted(spec: ClusterSpec, failure: Failure) -> bool:
    """Return whether ``failure`` says that ``spec`` would fail too."""
    tried, error = failure
    if _alike(spec, tried) and spec.zone == tried.zone:
        return True
    if spec.secondary_type != tried.secondary_type:  # what is out of stock may have been the spot machines
        return False
    if isinstance(error, QuotaExceeded):
        return _alike(spec, tried) and spec.total_workers >= tried.total_workers
    if (error.machine or tried.worker_machine) not in (spec.worker_machine, spec.master_machine):
        return False
    if not spec.zone:  # Dataproc's choice
        return tried.zone == "" or error.available == ()
    return spec.zone in (error.zone, tried.zone) or (error.available is not None and spec.zone not in error.available)


def _alike(one: ClusterSpec, other: ClusterSpec) -> bool:
    """Return whether both ask for the same machines, wherever."""
    return _machines(one) == _machines(other)


def _machines(spec: ClusterSpec) -> tuple[str, str, str]:
    return spec.master_machine, spec.worker_machine, spec.secondary_type
