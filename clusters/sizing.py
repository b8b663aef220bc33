"""How large a cluster should be for an input and a workload, and why. Pure.

Of all clusters it could be, the one with the least time × cost; where nobody knows the job, the mean of that on a log
scale over what the job may turn out to be, so that twice as slow counts as much as twice as fast.
"""

from __future__ import annotations

from collections.abc import Iterable, Mapping, Sequence
from dataclasses import dataclass
from typing import Any

from .advice import Partitions, partitions
from .candidates import Candidate, candidates, mean_log, seconds
from .dataset import Estimate, Input, in_words
from .errors import SpecError
from .fields import refusal
from .forecast import GB, SPILL_AT, Forecast, capacity, forecast
from .history import Run
from .price_table import about
from .prices import Price, groups_of, price_per_hour
from .sizes import LEAST
from .sizes import in_words as machines_in_words
from .sizing_rules import by_rule, rule_name
from .spec import FIELDS, ClusterSpec

WORKLOADS = FIELDS["workload"].choices
FASTER = {"etl": 3.0, "analytics": 3.0, "interactive": 3.0, "ml": 1.7}
"""How many times faster one machine's own tools are than Dask on as many cores. Measured here at TPC-H SF1: polars and
duckdb 3 to 20 times; xgboost against xgboost.dask 1.7 times. The least of each."""
OWN_SHARE = 0.5
"""Of the notebook's memory that data may take."""


@dataclass(frozen=True, slots=True)
class Here:
    """What the notebook's own machine has free: bytes of memory, and cores."""

    memory: float
    cores: int


@dataclass(frozen=True, slots=True)
class Sizing:
    """An answer.

    Attributes
    ----------
    recommend : str
        ``cluster``, ``single-node``, or ``none``: no cluster at all.
    spec : mapping
        All fields of a `ClusterSpec`; of ``none``, those of the cluster it could be.
    reasons : tuple of str
        In the order of their weight; never empty.
    bytes, decoded_bytes : int
        In storage, and in the memory of workers.
    price_per_hour : float
        USD, of the cluster; 0 for ``none``.
    expected_minutes : tuple of float
        Low and high, with the start of the cluster, without what a person takes to think.
    expected_cost : tuple of float
        USD, low and high.
    partitions : Partitions
        How the data should be cut.
    notes : tuple of str
        Why the price is only near the real one.
    """

    recommend: str
    spec: Mapping[str, Any]
    reasons: tuple[str, ...]
    bytes: int
    decoded_bytes: int
    price_per_hour: float
    expected_minutes: tuple[float, float]
    expected_cost: tuple[float, float]
    partitions: Partitions
    notes: tuple[str, ...] = ()

    def to_dict(self) -> dict[str, Any]:
        """Return what ``size --json`` prints."""
        return {
            "recommend": self.recommend,
            "spec": dict(self.spec),
            "reasons": [*self.reasons, *self.partitions.reasons, *self.notes],
            "bytes": self.bytes,
            "decoded_bytes": self.decoded_bytes,
            "price_per_hour": round(self.price_per_hour, 4),
            "expected_minutes": [round(m, 1) for m in self.expected_minutes],
            "expected_cost": [round(c, 4) for c in self.expected_cost],
            "prices": about(),
        }


def size(
    input: Input,
    workload: str,
    history: Iterable[Run] = (),
    region: str = FIELDS["region"].default,
    *,
    deadline: float | None = None,
    most: int = FIELDS["max_workers"].default,
    here: Here | None = None,
) -> Sizing:
    """Return how large a cluster for ``input`` should be.

    Parameters
    ----------
    input : Input
        As `inputs.look` returns it.
    workload : str
        One of `ClusterSpec`'s.
    history : iterable of runs
        Of this job, in any order.
    region : str
        Whose prices count.
    deadline : float, optional
        Seconds: of the clusters that will keep it, the cheapest; without one, the least time × cost.
    most : int
        Workers there may be, at least 2.
    here : Here, optional
        The notebook's own machine; without it ``none`` is never the answer.

    Raises
    ------
    SpecError
        There is no such workload, ``most`` is below 2, or ``deadline`` is not positive.
    """
    _check(workload, most, deadline)
    job = forecast(input, workload, history)
    best, why = _best(job, workload, region, most, deadline)
    alone = _here(job, here, workload, seconds(job, best)) if here else None
    return _answer(input, workload, region, job, best, (*why, *_said(input)), alone)


def by_adr(input: Input, workload: str, history: Iterable[Run] = (), region: str = FIELDS["region"].default) -> Sizing:
    """Return ADR-003's cluster for the same job; its time and cost are reckoned as those of `size`."""
    job = forecast(input, workload, history)
    gigabytes = input.bytes / GB
    rule = by_rule(rule_name(workload, gigabytes), gigabytes, job.memory.mid / GB)
    spec = ClusterSpec(region=region, workload=workload, **rule.fields())
    held = capacity(rule.machine, rule.workers)
    chosen = Candidate(rule.machine, rule.workers, 0, held, price_per_hour(groups_of(spec), region).total)
    words = (f"{machines_in_words(spec)} by {', '.join(rule.reasons)}",)
    return _of(input, spec, "cluster", words, seconds(job, chosen))


def _check(workload: str, most: int, deadline: float | None) -> None:
    if workload not in WORKLOADS:
        raise refusal("workload", workload, "one of " + ", ".join(WORKLOADS), "workload=etl")
    if most < LEAST:
        raise SpecError(f"max_workers: {most} given, allowed is at least {LEAST}", f"max_workers={LEAST}")
    if deadline is not None and not deadline > 0:
        raise SpecError(f"deadline: {deadline:g} s given, allowed is more than 0", "deadline=1h")


def _best(
    job: Forecast, workload: str, region: str, most: int, deadline: float | None
) -> tuple[Candidate, tuple[str, ...]]:
    """Return the candidate of the least objective, with the words for it."""
    every = list(candidates(region, most, spot=workload == "etl"))
    if deadline is not None:
        kept = [c for c in every if seconds(job, c).high <= deadline]
        if kept:
            best = min(kept, key=lambda c: mean_log(job, c, 0))
            return best, (f"the cheapest that is done within {deadline / 60:.0f} min, if all goes slowly",)
        best = min(every, key=lambda c: seconds(job, c).high)
        return best, (f"none of {most} workers is sure to keep {deadline / 60:.0f} min: this one is the fastest",)
    best = min(every, key=lambda c: mean_log(job, c, 1))
    return best, _memory_words(job, best, most)


def _memory_words(job: Forecast, best: Candidate, most: int) -> tuple[str, ...]:
    need, has = in_words(job.memory.mid), in_words(best.capacity.memory)
    said = (
        f"{need} of memory needed ({in_words(job.memory.low)} to {in_words(job.memory.high)}), the workers have {has}"
    )
    least = f"the least time × cost of all clusters up to {most} workers"
    if job.memory.low > best.capacity.memory:
        return least, f"it does not fit: {said}; allow more workers, or compute on a part of it"
    if job.memory.mid > SPILL_AT * best.capacity.memory:
        return least, said + ": the rest goes to disk, which is slow"
    return least, said


def _here(job: Forecast, here: Here, workload: str, there: Estimate) -> Estimate | None:
    """Return the time on the notebook's own machine, None where a cluster is better."""
    if job.memory.high > OWN_SHARE * here.memory:
        return None
    alone = job.seconds(max(1, here.cores)) * (1 / FASTER[workload])
    return alone if alone.mid <= there.mid else None


def _said(input: Input) -> tuple[str, ...]:
    decoded = input.decoded
    seen = f"{in_words(input.bytes)} of {input.format} in {input.files} file" + "s" * (input.files != 1)
    packed = f", {input.compression}" if input.compression else ""
    held = f"{in_words(decoded.mid)} in memory ({in_words(decoded.low)} to {in_words(decoded.high)})"
    return f"{seen}{packed}: {held}", *input.notes


def _answer(
    input: Input,
    workload: str,
    region: str,
    job: Forecast,
    best: Candidate,
    why: Sequence[str],
    alone: Estimate | None,
) -> Sizing:
    spec = _spec(best, workload, region)
    if alone is not None:
        first = f"it fits into this notebook's memory, and a cluster would not be done sooner: {_tools(workload)}"
        return _of(input, spec, "none", (first, *_said(input), *job.reasons), alone)
    spot = ("half of the workers are spot, as in ADR-003: a batch job that loses one goes on",)
    words = (f"{machines_in_words(spec)}: {why[0]}", *why[1:], *(spot if spec.secondary_workers else ()), *job.reasons)
    kind = "cluster" if spec.workers else "single-node"
    return _of(input, spec, kind, words, seconds(job, best))


def _tools(workload: str) -> str:
    if workload == "ml":
        return "scikit-learn and xgboost were 1.7 times faster and more on one machine than on a cluster of its cores"
    return "pandas, or polars and duckdb, which were 3 to 20 times faster than Dask on two workers at TPC-H SF1"


def _of(input: Input, spec: ClusterSpec, recommend: str, reasons: tuple[str, ...], seconds: Estimate) -> Sizing:
    price = Price() if recommend == "none" else price_per_hour(groups_of(spec), spec.region)
    threads = capacity(spec.worker_machine if spec.workers else spec.master_machine, spec.total_workers).threads
    minutes = (seconds.low / 60, seconds.high / 60)
    return Sizing(
        recommend,
        spec.replace(input_bytes=input.bytes).to_dict(defaults=True),
        reasons,
        input.bytes,
        input.decoded_bytes,
        price.total,
        minutes,
        (price.total * minutes[0] / 60, price.total * minutes[1] / 60),
        partitions(input, threads),
        price.notes,
    )


def _spec(best: Candidate, workload: str, region: str) -> ClusterSpec:
    if not best.workers:
        return ClusterSpec(region=region, workload=workload, workers=0, master_machine=best.machine)
    return ClusterSpec(
        region=region,
        workload=workload,
        worker_machine=best.machine,
        workers=best.workers - best.spot,
        secondary_workers=best.spot,
        secondary_type="spot" if best.spot else FIELDS["secondary_type"].default,
        max_workers=max(best.workers, FIELDS["max_workers"].default),
        max_secondary=max(best.spot, FIELDS["max_secondary"].default),
    )
