"""How many workers a workload should have next time, by how it used those it had. Pure.

Two rules. `optimize_cluster_spec` is ADR-003's: a fifth fewer where the CPUs were used by less than 70 %. It never
grows a cluster, does not look at memory, and is the same for all that lies below its threshold. `rightsized` is the
better one: it learns from runs how much of the work goes in parallel, and chooses the size at which time × cost is
least, among those that hold the memory.

The model is Amdahl's, in threads ``p``: ``seconds = span + work / p``. Work and span grow as the input does.
"""

from __future__ import annotations

from collections.abc import Callable, Iterable, Sequence
from dataclasses import dataclass
from math import ceil
from typing import NamedTuple

from ..init_actions.shape import WorkerShape, worker_shape
from .errors import SpecError
from .history import Run
from .machines import GIB, known_type
from .sizes import LEAST
from .spec import ClusterSpec

EFFICIENT, SHRINK = 0.7, 0.8
"""Efficiency below which there are fewer workers, and by what factor. Source: ADR-003."""
PREEMPTIBLE, MOST_PREEMPTIBLE = 50, 80
"""Per cent of the workers that are preemptible where cost matters, unless said, and at most. Source: ADR-003."""
FULL = 0.85
"""Share of a worker's memory that may be used: above it Dask moves data to disk. Source: ADR-002, memory target."""
HINT = 0.1
"""What the CPUs say of the work counts as so much of a run: they see no waiting for data, which goes in parallel too.

Chosen on the jobs of tests/unit/test_rightsizing.py, where 0.01 to 0.3 do about as well, and 1 does worse.
"""
STEP = 2
"""A cluster grows to so many times the size that was tried at most: further the model is a guess."""


class Optimized(NamedTuple):
    """What ADR-003's rule makes of a cluster.

    Attributes
    ----------
    workers : int
    preemptible_percentage : int or None
        Per cent of the workers; None where cost does not matter.
    """

    workers: int
    preemptible_percentage: int | None


@dataclass(frozen=True, slots=True)
class RightSize:
    """The size that a workload's runs speak for.

    Attributes
    ----------
    workers : int
    seconds : float
        How long it should take then.
    efficiency : float
        Share of the workers' threads that should be busy, 0 to 1.
    reasons : tuple of str
        Why, a line each.
    """

    workers: int
    seconds: float
    efficiency: float
    reasons: tuple[str, ...]


class Demand(NamedTuple):
    """What a workload asks for.

    Attributes
    ----------
    work : float
        Seconds of one thread that any number of threads share.
    span : float
        Seconds that no thread shortens.
    """

    work: float
    span: float

    def seconds(self, threads: float) -> float:
        """Return how long it takes with ``threads``."""
        return self.span + self.work / threads

    def efficiency(self, threads: float) -> float:
        """Return the share of ``threads`` that is busy."""
        return self.work / threads / self.seconds(threads)


def optimize_cluster_spec(
    workers: int,
    historical_efficiency: float | None,
    *,
    cost_sensitive: bool = True,
    preemptible_percentage: int = PREEMPTIBLE,
    max_preemptible_percentage: int = MOST_PREEMPTIBLE,
) -> Optimized:
    """Return what ADR-003's ``ResourceManager._optimize_cluster_spec`` makes of a cluster.

    Parameters
    ----------
    workers : int
    historical_efficiency : float or None
        0 to 1; None where the workload has not run yet.
    cost_sensitive : bool
    preemptible_percentage, max_preemptible_percentage : int
        Per cent of the workers.
    """
    if historical_efficiency is not None and historical_efficiency < EFFICIENT:
        workers = max(LEAST, int(workers * SHRINK))
    share = min(preemptible_percentage, max_preemptible_percentage) if cost_sensitive else None
    return Optimized(workers, share)


def with_preemptible(spec: ClusterSpec, percentage: int) -> ClusterSpec:
    """Return ``spec`` with so many per cent of its workers as secondary spot workers; two stay primary.

    Secondary workers are of the primary ones' machine type, so the size stays what it was.
    """
    spot = min(int(spec.total_workers * percentage / 100), max(0, spec.total_workers - LEAST)) if spec.workers else 0
    if not spot:
        return spec
    return spec.replace(workers=spec.total_workers - spot, secondary_workers=spot, secondary_type="spot")


def historical_efficiency(runs: Iterable[Run]) -> float | None:
    """Return the CPU efficiency of the runs that came to their end, each by its workers' time; None without any."""
    done = [run for run in runs if run.ok]
    time = sum(run.workers * run.seconds for run in done)
    return sum(run.cpu_efficiency * run.workers * run.seconds for run in done) / time if time else None


def rightsized(
    spec: ClusterSpec,
    runs: Sequence[Run],
    input_bytes: int = 0,
    price: Callable[[int], float] = lambda workers: workers + 1.0,
) -> RightSize | None:
    """Return how many workers of the type of ``spec`` a workload should have, None where its runs do not say.

    Parameters
    ----------
    spec : ClusterSpec
        Its worker_machine, and max_workers as far as memory needs no more.
    runs : sequence of Run
        Of this workload, on whatever machines; those that failed count for memory alone.
    input_bytes : int
        What will be read; 0 takes the runs as they were.
    price : callable
        What so many workers cost an hour, in any unit; that of machines of one type, the master being one, by default.
    """
    shape = _shape(spec.worker_machine)
    done = [run for run in runs if run.ok and run.seconds > 0 and _shape(run.machine)]
    if shape is None or not done:
        return None
    needs = demand(done, input_bytes)
    least = max(LEAST, memory_need(runs, shape.memory, input_bytes))
    tried = max(run.workers * _threads(run) for run in done) / shape.threads
    greatest = max(least, min(spec.max_workers, ceil(STEP * tried)))

    def burden(workers: int) -> float:
        return needs.seconds(workers * shape.threads) ** 2 * price(workers)

    workers = min(range(least, greatest + 1), key=burden)
    threads = workers * shape.threads
    reasons = (*_reasons(done, needs, shape, workers), *_memory_reasons(runs, shape, least, workers, input_bytes))
    return RightSize(workers, needs.seconds(threads), needs.efficiency(threads), reasons)


def demand(runs: Sequence[Run], input_bytes: int = 0) -> Demand:
    """Return work and span of a workload, by weighted least squares over ``runs``; neither is below 0.

    Runs of different sizes say by their times how the two divide. What the runs were busy with,
    ``efficiency × threads × seconds``, is a weak observation of the work beside them: with runs of one size it alone
    decides, and with several it keeps noise from being taken for a slope. Residuals are relative, so a long run
    is not worth more.

    Parameters
    ----------
    runs : sequence of Run
        At least one; of machine types that are known.
    input_bytes : int
        What will be read; times are scaled to it where both inputs are known.
    """
    points = [(1 / (run.workers * _threads(run)), run.seconds * _scale(run, input_bytes)) for run in runs]
    busy = [run.cpu_efficiency * seconds / x for run, (x, seconds) in zip(runs, points, strict=True)]
    prior = max(sum(busy) / len(busy), 1e-9)
    ones = sum(1 / t**2 for _, t in points)
    xs = sum(x / t**2 for x, t in points)
    xxs = sum(x * x / t**2 for x, t in points) + HINT / prior**2
    ts, xts = sum(1 / t for _, t in points), sum(x / t for x, t in points) + HINT / prior
    work = (ones * xts - xs * ts) / (ones * xxs - xs * xs)
    span = (ts - xs * work) / ones
    if span < 0:
        return Demand(xts / xxs, 0.0)
    return Demand(work, span) if work > 0 else Demand(0.0, ts / ones)


def memory_need(runs: Iterable[Run], worker_memory: int, input_bytes: int = 0) -> int:
    """Return how many workers hold the most that the runs held, at 85 % of their memory; 0 where they held nothing.

    The largest worker is the measure: ``workers × worker_peak``, as unevenly as the run spread it, and at least all of
    ``peak_memory``. In proportion to the input, where both inputs are known.

    Parameters
    ----------
    runs : iterable of Run
        Failed ones too: they held at least that.
    worker_memory : int
        Bytes of a machine's Dask workers.
    input_bytes : int
        What will be read.
    """
    held = (max(run.peak_memory, run.workers * run.worker_peak) * _scale(run, input_bytes) for run in runs)
    return ceil(max(held, default=0) / (FULL * worker_memory))


def _shape(machine: str) -> WorkerShape | None:
    """Return the worker of a machine, None of one that is not known here."""
    try:
        kind = known_type(machine)
    except SpecError:
        return None
    return worker_shape(kind.vcpus, kind.memory) if kind else None


def _threads(run: Run) -> int:
    shape = _shape(run.machine)
    return shape.threads if shape else 1


def _scale(run: Run, input_bytes: int) -> float:
    return input_bytes / run.input_bytes if input_bytes and run.input_bytes else 1.0


def _reasons(runs: Sequence[Run], needs: Demand, shape: WorkerShape, workers: int) -> list[str]:
    sizes = sorted({run.workers for run in runs})
    tried = ", ".join(map(str, sizes))
    parallel = needs.work / shape.threads / needs.span if needs.span else float("inf")
    serial = f"{needs.span:,.0f} s of it go one after the other" if needs.span else "all of it goes in parallel"
    known = f"{len(runs)} run{'s' * (len(runs) != 1)} with {tried} workers: {serial}"
    if workers > parallel:
        return [known, f"more than {parallel:.1f} workers wait longer than they work"]
    return [known]


def _memory_reasons(
    runs: Sequence[Run], shape: WorkerShape, least: int, workers: int, input_bytes: int
) -> Iterable[str]:
    if workers == least and least > LEAST:
        yield f"{least} workers of {shape.memory / GIB:.0f} GB hold what it needs, at {FULL:.0%} of their memory"
    largest = max((run.worker_peak * _scale(run, input_bytes) for run in runs), default=0.0)
    evenly = max((run.peak_memory * _scale(run, input_bytes) for run in runs), default=0.0) / workers
    if largest > FULL * shape.memory and largest > STEP * evenly:
        uneven = f"one worker held {largest / GIB:.0f} GB, far more than the others"
        yield f"{uneven}: take a larger machine, or smaller partitions"
