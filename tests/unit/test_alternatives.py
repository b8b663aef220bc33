"""Attempts one after the other: what each is at, that the failed ones are undone, and when it ends."""

from __future__ import annotations

import asyncio

import pytest

from dask_dataproc import ClusterSpec, QuotaExceeded, ServiceError, Stockout
from dask_dataproc.clusters.alternatives import in_turn
from dask_dataproc.clusters.fit import Shortfall
from dask_dataproc.clusters.phases import Phases

SPEC = ClusterSpec(name="c", workers=6, fallbacks=("e2-standard-4",))
OUT = Stockout("up: out of stock")


def short(left: float, asked: float = 28) -> QuotaExceeded:
    return QuotaExceeded(f"up: {asked:g} CPUS asked, {left:g} left", shortfalls=[Shortfall("CPUS", asked, left)])


def turns(*answers: Exception | None, fit: bool = False, spec: ClusterSpec = SPEC) -> tuple[list[str], Phases]:
    """What was done where each attempt is answered by the next of ``answers``."""
    done, given, phases = [], iter(answers), Phases()

    async def attempt(spec: ClusterSpec) -> None:
        done.append(f"{spec.workers} {spec.worker_machine} {spec.zone}".rstrip())
        if error := next(given):
            raise error

    async def undo() -> None:
        done.append("undo")

    asyncio.run(in_turn(spec, attempt, undo, phases, fit=fit))
    return done, phases


def test_a_failed_attempt_is_undone_before_the_next_and_told():
    done, phases = turns(OUT, OUT, None)
    assert done == ["6 n2-standard-4", "undo", "6 n2-standard-4 us-central1-a", "undo", "6 n2-standard-4 us-central1-b"]
    told = [phase.detail for phase in phases.done]
    assert told == ["out of stock; next in us-central1-a", "out of stock; next in us-central1-b"]


def test_what_was_made_to_fit_stays_small_when_its_zone_is_out_of_machines():
    done, _ = turns(short(13), OUT, None, fit=True)
    assert done[::2] == ["6 n2-standard-4", "2 n2-standard-4", "2 n2-standard-4 us-central1-a"]
    done, _ = turns(short(6, 12), OUT, None, fit=True, spec=SPEC.replace(workers=2))
    assert done[::2] == ["2 n2-standard-4", "2 n2-standard-2", "2 n2-standard-2 us-central1-a"]


def test_a_quota_that_shrinks_meanwhile_is_followed():
    assert turns(short(21), short(13, 20), None, fit=True)[0][::2] == [
        "6 n2-standard-4",
        "4 n2-standard-4",
        "2 n2-standard-4",
    ]


def test_a_short_quota_without_fit_is_no_reason_to_try_elsewhere():
    with pytest.raises(QuotaExceeded, match="28 CPUS asked, 13 left; 2 × n2-standard-4 fits"):
        turns(short(13))


def test_any_other_error_ends_it_at_once():
    with pytest.raises(ServiceError, match="refused"):
        turns(OUT, ServiceError("refused"))
