"""Attempts at one cluster, one after the other: what a stockout or a short quota leaves of the wish is tried next."""

from __future__ import annotations

from collections.abc import Awaitable, Callable, Sequence

from .attempts import MOST, Failure, change, next_attempt
from .errors import QuotaExceeded, Stockout
from .fit import largest, largest_scale
from .phases import Phases
from .provision import to_its_end
from .sizes import in_words
from .spec import ClusterSpec


async def in_turn(
    asked: ClusterSpec,
    attempt: Callable[[ClusterSpec], Awaitable[None]],
    undo: Callable[[], Awaitable[None]],
    phases: Phases,
    *,
    fit: bool,
) -> None:
    """Make ``attempt`` with ``asked`` and then its alternatives until one succeeds; each failed one is undone first.

    Parameters
    ----------
    asked : ClusterSpec
    attempt, undo : callable
        Makes a cluster of a spec; deletes what that left, so that the name is free again.
    phases : Phases
    fit : bool
        Whether the largest cluster that a short quota has room for will do.

    Raises
    ------
    Stockout, QuotaExceeded
        There is nothing left to try; the last attempt is not undone yet.
    """
    failed: list[Failure] = []
    spec: ClusterSpec | None = asked
    while spec is not None:
        try:
            return await attempt(spec)
        except (Stockout, QuotaExceeded) as error:
            failed.append(Failure(spec, error))
        before, spec = spec, _following(asked, failed, fit)
        if spec is not None:
            if spec.total_workers != asked.total_workers or spec.worker_machine not in _machines(asked):
                asked = spec  # made to fit: alternatives are from now on to this
            why = failed[-1].error.message.partition(": ")[2]
            with phases.phase("retry", f"{why}; next {change(before, spec)}"):
                await to_its_end(undo())
    raise _told(failed)


def not_grown(
    error: Stockout | QuotaExceeded, n: int, spec: ClusterSpec, now: tuple[int, int]
) -> Stockout | QuotaExceeded:
    """Return the error of a growth to ``n`` workers that failed: with what is possible instead."""
    as_before = f"{error.message}; {spec.name} has {sum(now)} workers as before"
    if isinstance(error, QuotaExceeded):
        most = largest_scale(n, spec, now, error.shortfalls)
        fits = f", {most} fit" if most > sum(now) else ""
        return QuotaExceeded(as_before + fits, f"%dask_cluster scale {most}" if fits else error.hint, error.shortfalls)
    hint = f"%dask_cluster scale {n} later, or a cluster elsewhere"
    return Stockout(as_before, hint, zone=error.zone, machine=error.machine, available=error.available)


def _machines(asked: ClusterSpec) -> tuple[str, ...]:
    return (asked.worker_machine, *asked.fallbacks)


def _following(asked: ClusterSpec, failed: Sequence[Failure], fit: bool) -> ClusterSpec | None:
    spec, error = failed[-1]
    if isinstance(error, QuotaExceeded):
        if fit and len(failed) < MOST and (smaller := _fitting(spec, error)):
            return smaller
        if len(failed) == 1:  # it is not the zone that lacks something
            return None
    return next_attempt(asked, failed)


def _fitting(spec: ClusterSpec, error: QuotaExceeded) -> ClusterSpec | None:
    """Return the largest cluster that has room: in the project, or in the person's quota."""
    return largest(spec, error.shortfalls) if error.shortfalls else error.fits


def _told(failed: Sequence[Failure]) -> Stockout | QuotaExceeded:
    """Return the first error, with what else was tried, or what would fit."""
    (spec, error), *others = failed
    if isinstance(error, QuotaExceeded) and not error.shortfalls:  # the person's quota, which says what fits
        return error
    if isinstance(error, QuotaExceeded):
        smaller = largest(spec, error.shortfalls)
        if smaller is None:
            return error
        hint = f"%dask_cluster up --fit   (or fit=True: takes {in_words(smaller)})"
        return QuotaExceeded(f"{error.message}; {in_words(smaller)} fits", hint, error.shortfalls)
    tried = "; ".join(change(spec, other.spec) for other in others)
    also = f"; no more luck {tried}" if tried else ""
    told = {"zone": error.zone, "machine": error.machine, "available": error.available}
    return Stockout(f"{error.message}{also}", error.hint, **told)
