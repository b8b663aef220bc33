"""The clusters a job could have, and what each would take: time, cost, and their product. Pure."""

from __future__ import annotations

import math
from collections.abc import Iterator
from dataclasses import dataclass
from functools import cache
from typing import Any

from .dataset import Estimate
from .forecast import PARTITION, PASSING, SPILL_AT, START, Capacity, Forecast, capacity
from .prices import as_of, groups_of, price_per_hour
from .rightsizing import PREEMPTIBLE
from .sizes import LEAST
from .spec import ClusterSpec

SERIES = ("n2-standard", "n2-highmem")
"""The seeds' own; highcpu has less than a GB for each thread."""
VCPUS = (2, 4, 8, 16, 32)
SPILLING = 3.5
"""How much longer a job takes for each time that it needs the memory there is once more: a sort with 0.6 of its memory
took 3 times as long here (57 s in place of 18 s)."""
SHARES = (0.3, 0.4, 0.3)
"""Weights of low, mid and high of an estimate, for the mean of what depends on it (Swanson's rule)."""
SPOT_FROM = 4
"""Workers from which on some are spot: Dataproc wants two that are not."""


@dataclass(frozen=True, slots=True)
class Candidate:
    """A cluster it could be: ``workers`` machines, ``spot`` of them spot ones; none is a single node. USD per hour."""

    machine: str
    workers: int
    spot: int
    capacity: Capacity
    price: float


def candidates(region: str, most: int, *, spot: bool) -> Iterator[Candidate]:
    """Return all clusters of up to ``most`` workers; with ``spot``, of larger ones half of the workers are that."""
    for machine in (f"{series}-{vcpus}" for series in SERIES for vcpus in VCPUS):
        single, master, each, spot_each = _prices(machine, region, as_of())
        yield Candidate(machine, 0, 0, capacity(machine, 1), single)
        for workers in range(LEAST, most + 1):
            cheap = int(workers * PREEMPTIBLE / 100) if spot and workers >= SPOT_FROM else 0
            price = master + (workers - cheap) * each + cheap * spot_each
            yield Candidate(machine, workers, cheap, capacity(machine, workers), price)


@cache
def _prices(machine: str, region: str, as_of: str) -> tuple[float, float, float, float]:
    """Return USD per hour of a single node, of a cluster's master, of one worker and of one spot worker."""

    def total(**fields: Any) -> float:
        return price_per_hour(groups_of(ClusterSpec(region=region, **fields)), region).total

    single = total(workers=0, master_machine=machine)
    two, three = (total(workers=n, worker_machine=machine) for n in (2, 3))
    spot = total(workers=2, worker_machine=machine, secondary_workers=1, secondary_type="spot")
    return single, two - 2 * (three - two), three - two, spot - two


def mean_log(job: Forecast, candidate: Candidate, power: int) -> float:
    """Return the mean of log (cost × time**power) over what the job may turn out to be."""
    running = job.seconds(candidate.capacity.threads)
    spilled = [_slowdown(need, candidate) for need in _three(job.memory)]
    mean = sum(
        p * q * math.log(START.mid + took * slow)
        for p, took in zip(SHARES, _three(running), strict=True)
        for q, slow in zip(SHARES, spilled, strict=True)
    )
    return (1 + power) * mean + math.log(candidate.price)


def _slowdown(need: float, candidate: Candidate) -> float:
    passing = PASSING * PARTITION * candidate.capacity.threads
    lacking = max(need, min(passing, need * PASSING)) / (SPILL_AT * candidate.capacity.memory) - 1
    return 1 + SPILLING * max(0.0, lacking)


def seconds(job: Forecast, candidate: Candidate) -> Estimate:
    """Return the time with the start of the cluster; low and high where work or memory, not both, are at their edge."""
    running = job.seconds(candidate.capacity.threads)
    slow = Estimate(*(_slowdown(need, candidate) for need in _three(job.memory)))
    low = min(running.low * slow.mid, running.mid * slow.low)
    high = max(running.high * slow.mid, running.mid * slow.high)
    return Estimate(START.low + low, START.mid + running.mid * slow.mid, START.high + high)


def _three(estimate: Estimate) -> tuple[float, float, float]:
    return estimate.low, estimate.mid, estimate.high
