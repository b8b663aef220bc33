"""What a job will need of memory and time: the ADRs' figures and measured ones, overruled by its past runs. Pure.

The time of a job on p threads is ``serial + work / p``. Where no run is known both come from a throughput and are wide;
each run that is known narrows them.
"""

from __future__ import annotations

import math
import statistics
from collections.abc import Iterable, Sequence
from dataclasses import dataclass, replace
from typing import NamedTuple

from ..init_actions.shape import worker_shape
from .dataset import Estimate, Input, in_words
from .history import Run
from .machines import known_type

GB = 1e9
WORKER_THREADS = 3
"""Of ADR-001's worker, an n2-standard-4."""
THROUGHPUT = {
    "etl": Estimate(25, 50, 100),
    "analytics": Estimate(25, 62, 156),
    "interactive": Estimate(25, 62, 156),
    "ml": Estimate(0.38, 7.4, 143),
}
"""GB an hour and worker. etl: ADR-001's 50 to 100, and 25, which ADR-002's 10 GB of CSV in 8 minutes on 3 workers are.
analytics: ADR-002's 100 GB of Parquet in 12 minutes on 8 workers, 2.5 times either way; interactive likewise. ml, in
decoded bytes: ADR-002's million rows of 100 numbers in 25 minutes on 5 workers; and the same rows here in 30 s with
xgboost.dask on two threads."""
MEMORY = {
    "etl": Estimate(0.1, 0.55, 3.0),
    "analytics": Estimate(0.15, 0.7, 3.0),
    "interactive": Estimate(0.8, 1.8, 4.1),
    "ml": Estimate(1.1, 2.2, 4.3),
}
"""Memory of all workers as a multiple of the decoded input. Measured by benchmarks/memory_factors.py on 283 and 566 MB:
grouped 0.15 to 0.2, kept and grouped 0.8 to 1.1, kept with a matrix of its numbers 1.1 to 1.3, sorted by another column
2.4 to 3.0. Rows that are filtered and written pass through and take `PASSING` alone. The highest are what is kept, and
a sort besides; mid is the geometric mean."""
PASSING = 3
"""Partitions in memory for each thread: 200 MB a thread was the peak where rows in pieces of 70 MB were filtered."""
PARTITION = 128_000_000
"""Bytes in memory: ADR-002's, within the 100 to 200 MB that Dask's and this project's advice is."""
SERIAL = 0.0104
"""Share of a job's time on one worker that more workers do not shorten: ADR-002's 4.8 times with 5 workers."""
START = Estimate(180, 240, 300)
"""Seconds until a cluster is up: ADR-001's 3 to 5 minutes."""
BASE = 200e6
"""Bytes of a worker's process with pandas and Arrow but no data: 160 to 230 MB measured."""
SPILL_AT = 0.85
"""Share of a worker's memory from which on data goes to disk: ADR-002's memory target."""
CENSORED = 1.5
"""By how much more a job would have taken whose workers were full: nobody knows, the peak is a lower bound."""
PRIOR_TIME, PRIOR_MEMORY = 0.05, 0.1
"""Runs that the figures above count as: a run is out by some 15 to 25 %, they by a factor of two or three."""
PRIOR_ERROR, LEAST_ERROR = 0.25, 0.1
"""Error of a forecast from runs as if one more had been out by so much; and the least there is."""
ALIKE = 1e-9
"""What is left of two columns that are one but for rounding."""
BUSY = 0.25
"""Weight of what a run's CPU efficiency says, its duration's being 1: a wait for storage is no serial work."""

SHORTEST = 0.01
"""Seconds: what is shorter was not measured."""
LEAST_BUSY = 0.01
"""CPU efficiency below which it was not measured rather than so small."""


class Capacity(NamedTuple):
    """What the Dask workers of a cluster have together: threads, and bytes of memory."""

    threads: int
    memory: float


@dataclass(frozen=True, slots=True)
class Forecast:
    """What a job needs.

    Attributes
    ----------
    memory : Estimate
        Bytes of all workers together.
    work, serial : Estimate
        Thread-seconds that can be shared, and seconds that cannot. Their errors are one: both are low or high.
    pieces : int or None
        Threads beyond so many have nothing to do.
    reasons : tuple of str
    """

    memory: Estimate
    work: Estimate
    serial: Estimate
    pieces: int | None
    reasons: tuple[str, ...]

    def seconds(self, threads: float) -> Estimate:
        """Return the time on ``threads``, with enough memory and without the start of the cluster."""
        used = min(threads, self.pieces or math.inf)
        return Estimate(
            self.serial.low + self.work.low / used,
            self.serial.mid + self.work.mid / used,
            self.serial.high + self.work.high / used,
        )


def capacity(machine: str, count: int) -> Capacity:
    """Return what the Dask workers on ``count`` machines of a listed type have together."""
    kind = known_type(machine)
    if kind is None:
        return Capacity(0, 0.0)
    shape = worker_shape(kind.vcpus, kind.memory)
    return Capacity(count * shape.threads, count * shape.memory)


def forecast(input: Input, workload: str, history: Iterable[Run] = ()) -> Forecast:
    """Return what a job of ``workload`` on ``input`` will need.

    Parameters
    ----------
    input : Input
    workload : str
        As of `ClusterSpec`.
    history : iterable of runs
        Of this job, in any order; those whose input or machines are not known are passed over.
    """
    known = sorted(filter(_usable, history), key=_order)
    prior = _prior(input, workload)
    fine = [run for run in known if run.ok]
    if not known:
        return prior
    memory, full = _memory(prior.memory, known, input.bytes)
    reasons = [_learned(fine, memory, input)] if fine else []
    if full:
        reasons.append(f"in {full} of {len(known)} runs the workers' memory was full: more is reckoned with")
    learned = replace(prior, memory=memory, reasons=(*prior.reasons[1:], *reasons))
    return _timed(learned, fine, input.bytes) if fine else learned


def _prior(input: Input, workload: str) -> Forecast:
    counted = input.decoded.mid if workload == "ml" else input.unpacked
    rate, factor = THROUGHPUT[workload], MEMORY[workload]
    hours = Estimate(counted / GB / rate.high, counted / GB / rate.mid, counted / GB / rate.low)
    one_worker = hours * 3600
    pieces = f"no more than {input.pieces} threads have work: it cannot be cut finer" if input.pieces else ""
    said = f"no run of {workload} is known: {rate.low:g} to {rate.high:g} GB an hour and worker, memory "
    said += f"{factor.low:g} to {factor.high:g} times the data"
    return Forecast(
        memory=input.decoded * factor,
        work=one_worker * (WORKER_THREADS * (1 - SERIAL)),
        serial=one_worker * SERIAL,
        pieces=input.pieces,
        reasons=tuple(filter(None, (said, pieces))),
    )


def _usable(run: Run) -> bool:
    return run.input_bytes > 0 and run.seconds >= SHORTEST and _threads(run) > 0


def _order(run: Run) -> tuple[float, ...]:
    """Return what sorts runs, so that sums of floats do not depend on the order they came in."""
    return (run.input_bytes, run.seconds, run.peak_memory, run.worker_peak, run.cpu_efficiency, _threads(run), run.ok)


def _threads(run: Run) -> int:
    return _capacity(run).threads


def _capacity(run: Run) -> Capacity:
    return capacity(run.machine, max(1, run.workers))


def _memory(prior: Estimate, runs: Sequence[Run], size: float) -> tuple[Estimate, int]:
    """Return the memory needed as ``runs`` and, a little, ``prior`` have it; and in how many the workers were full."""
    logs, weights, full = [math.log(max(prior.mid, 1.0))], [PRIOR_MEMORY], 0
    for run in runs:
        machines = max(1, run.workers)
        peak = max(run.peak_memory, run.worker_peak * machines)  # the fullest worker is what has to be enough
        was_full = peak >= SPILL_AT * _capacity(run).memory
        if peak <= 0 or not (run.ok or was_full):
            continue
        full += was_full
        need = max(peak - BASE * machines, 0.1 * peak) * (CENSORED if was_full else 1)
        logs.append(math.log(need * size / run.input_bytes))
        weights.append(_closeness(run, size))
    mid, error = _weighted(logs, weights)
    return (Estimate.about(math.exp(mid), error) if len(logs) > 1 else prior), full


def _timed(learned: Forecast, runs: Sequence[Run], size: float) -> Forecast:
    """Return the forecast with work and serial time fitted to ``runs``.

    Notes
    -----
    Least squares in relative errors. Each run gives two equations: its duration, ``serial + work / p``, and with less
    weight the CPU time of its threads, ``serial + work``, from its efficiency. The prior gives two more, in which it is
    no more than what was seen: one that is out by ten times must not drag the rest along.
    """
    scaled = [run.seconds * size / run.input_bytes for run in runs]
    typical, prior = statistics.median(scaled), math.sqrt(PRIOR_TIME)
    shared = statistics.median(took * _threads(run) for run, took in zip(runs, scaled, strict=True))
    rows = [
        (prior / shared, 0.0, prior * min(1.0, learned.work.mid / shared)),
        (0.0, prior / typical, prior * min(1.0, learned.serial.mid / typical)),
    ]
    for run, took in zip(runs, scaled, strict=True):
        weight, threads = math.sqrt(_closeness(run, size)), _used(run, learned.pieces)
        rows.append((weight / threads / took, weight / took, weight))
        busy = run.cpu_efficiency * _threads(run) * took
        if LEAST_BUSY <= run.cpu_efficiency <= 1:
            rows.append((weight * BUSY / busy, weight * BUSY / busy, weight * BUSY))
    work, serial = _least_squares(rows)
    misses = [
        math.log(took / (serial + work / _used(run, learned.pieces))) for run, took in zip(runs, scaled, strict=True)
    ]
    error = _error(misses)
    return replace(learned, work=Estimate.about(work, error), serial=Estimate.about(serial, error))


def _used(run: Run, pieces: int | None) -> float:
    return min(_threads(run), pieces or math.inf)


def _closeness(run: Run, size: float) -> float:
    """Return what a run counts: 1 of this size, a half where it was 2.7 times larger or smaller."""
    return 1 / (1 + math.log(max(size, 1) / run.input_bytes) ** 2)


def _weighted(logs: Sequence[float], weights: Sequence[float]) -> tuple[float, float]:
    """Return the weighted mean, and its error as a share; the first of ``logs`` is the prior's."""
    mid = sum(x * w for x, w in zip(logs, weights, strict=True)) / sum(weights)
    return mid, _error([x - mid for x in logs[1:]])


def _error(misses: Sequence[float]) -> float:
    """Return what nine of ten further runs are within, as a share, when those that are known missed by ``misses``."""
    variance = (PRIOR_ERROR**2 + sum(miss**2 for miss in misses)) / (1 + len(misses))
    return max(LEAST_ERROR, math.expm1(min(3.0, 1.64 * math.sqrt(variance))))


def _least_squares(rows: Sequence[tuple[float, float, float]]) -> tuple[float, float]:
    """Return x, y >= 0 that minimise the sum of ``(a x + b y - c)**2`` over rows ``(a, b, c)``."""
    wide, high = (math.sqrt(sum(row[i] ** 2 for row in rows)) for i in (0, 1))
    both = sum(a * b for a, b, _ in rows) / wide / high  # of the columns brought to one length
    first, second = (sum(row[i] * row[2] for row in rows) / length for i, length in ((0, wide), (1, high)))
    left = 1 - both * both
    if left < ALIKE:  # the rows cannot tell x from y
        return first / wide, 0.0
    x, y = (first - both * second) / left, (second - both * first) / left
    if x <= 0:
        return 0.0, second / high
    return (first / wide, 0.0) if y <= 0 else (x / wide, y / high)


def _learned(runs: Sequence[Run], memory: Estimate, input: Input) -> str:
    times = memory.mid / input.decoded.mid if input.decoded.mid else 0
    count = "one run" if len(runs) == 1 else f"{len(runs)} runs"
    return f"from {count} of this workload: {in_words(memory.mid)} of memory, {times:.1f} times the data"
