"""A day of jobs, and what it costs: on a standing cluster, on the jobs' own ones, smaller, spot or stopped. Pure.

A job has work that some number of workers can share, and a part that they cannot (Amdahl). Money comes in through the
rates of a `Rates`, so that the rules know no price.
"""

from __future__ import annotations

import random
from collections.abc import Callable, Iterable, Sequence
from typing import NamedTuple

HOUR = 60.0
MOST = 10
"""Primary workers of ADR-002's cluster at its largest; its jobs' minutes are those on this many."""
SIZES = (0, *range(2, MOST + 1))
"""Primary workers a cluster may have: none is a single node, one is not possible."""
WIDTHS = (1, 2, 3, 4, 6, 8, 10)
"""How many workers a job can keep busy: made up, each as likely as the next."""
SERIAL = (0.1, 0.3)
"""The share of a job's minutes that no worker can take off it: made up, anything between as likely."""
DAY = (8 * HOUR, 20 * HOUR)
"""Minutes of the day between which jobs begin."""
SPREAD = 0.8
"""Sigma of the jobs' lognormal lengths: the longest of fifteen is about four times the mean."""


class Job(NamedTuple):
    """One job of the day.

    Attributes
    ----------
    start : float
        Minute of the day at which somebody wants it.
    serial : float
        Minutes that it takes however many workers there are.
    work : float
        Worker-minutes that its workers share.
    width : int
        Workers it can keep busy.
    """

    start: float
    serial: float
    work: float
    width: int

    def minutes(self, workers: int) -> float:
        """Return how long it runs on so many primary workers; on a single node the master does a worker's work."""
        return self.serial + self.work / min(max(workers, 1), self.width)


class Size(NamedTuple):
    """A cluster's workers: primary ones, and spot ones beside them."""

    primary: int
    spot: int = 0

    @property
    def workers(self) -> int:
        """All of them."""
        return self.primary + self.spot


class Rates(NamedTuple):
    """USD per hour of a cluster by its size: running, and stopped."""

    running: Callable[[Size], float]
    stopped: Callable[[Size], float]


class Bill(NamedTuple):
    """What a day comes to.

    Attributes
    ----------
    usd : float
        For the day.
    waiting : float
        Minutes from wanting a result to having it, on average.
    """

    usd: float
    waiting: float


def day(seed: int, count: int = 15, mean: float = 20.0) -> list[Job]:
    """Return ``count`` jobs that take ``mean`` minutes on average on `MOST` workers, in the order of their starts."""
    source = random.Random(seed)
    lengths = [source.lognormvariate(0, SPREAD) for _ in range(count)]
    scale = mean * count / sum(lengths)
    return sorted(_job(source, length * scale) for length in lengths)


def standing(jobs: Sequence[Job], rates: Rates, size: Size) -> Bill:
    """Return the bill of one cluster that stands all day and night; jobs never wait for each other on it."""
    return Bill(24 * rates.running(size), _mean_minutes(jobs, size))


def scaled(jobs: Sequence[Job], rates: Rates, least: Size, most: Size, lag: float) -> Bill:
    """Return the bill of one that has ``most`` workers while there is a job and ``lag`` minutes on, else ``least``."""
    busy, until = 0.0, 0.0
    for job in sorted(jobs):
        end = job.start + job.minutes(most.workers) + lag
        busy += max(end - max(job.start, until), 0.0)
        until = max(until, end)
    usd = 24 * rates.running(least) + busy / HOUR * (rates.running(most) - rates.running(least))
    return Bill(usd, _mean_minutes(jobs, most))


def own_clusters(
    jobs: Sequence[Job], rates: Rates, choose: Callable[[Job], Size], overhead: float, lost: float = 0.0
) -> Bill:
    """Return the bill of a cluster for each job.

    Parameters
    ----------
    jobs, rates
    choose : callable
        The size of a job's cluster.
    overhead : float
        Minutes of it that are paid for besides the job's: it comes up and is deleted.
    lost : float
        The share of their work that spot workers do again after a preemption.
    """
    runs = [(choose(job), overhead + _minutes(job, choose(job), lost)) for job in jobs]
    usd = sum(rates.running(size) * paid / HOUR for size, paid in runs)
    return Bill(usd, sum(paid for _, paid in runs) / len(jobs))


def stopped_between(
    jobs: Sequence[Job], rates: Rates, choose: Callable[[Job], Size], overhead: float, starting: float
) -> Bill:
    """Return the bill of clusters that are stopped after a job and started by the next of their size that day.

    The first job of a size, and one that finds its cluster busy, pays for a cluster that comes up; what is stopped
    costs its disks until it is started, and the last job of the day deletes it.
    """
    free: dict[Size, float] = {}
    usd = waiting = 0.0
    for job in sorted(jobs):
        size = choose(job)
        idle = job.start - free.get(size, float("inf"))
        extra = starting if idle >= 0 else overhead
        paid = extra + job.minutes(size.workers)
        usd += rates.running(size) * paid / HOUR + rates.stopped(size) * max(idle, 0.0) / HOUR
        waiting += paid
        if idle >= 0 or size not in free:
            free[size] = job.start + paid
    return Bill(usd, waiting / len(jobs))


def right_size(job: Job, rates: Rates, overhead: float, slack: float) -> Size:
    """Return the cheapest size on which ``job`` takes at most ``slack`` times as long as on `MOST` workers."""
    allowed = slack * job.minutes(MOST)
    fitting = [size for size in map(Size, SIZES) if job.minutes(size.workers) <= allowed]
    return min(fitting, key=lambda size: rates.running(size) * (overhead + job.minutes(size.workers)))


def with_spot(size: Size, share: float) -> Size:
    """Return ``size`` with at most ``share`` of its workers as spot ones; two primary workers always stay."""
    spot = min(int(size.workers * share), max(size.workers - 2, 0))
    return Size(size.workers - spot, spot)


def minutes_a_job(monthly: float, rate: float, jobs: int, days: int) -> float:
    """Return the minutes of a cluster at ``rate`` USD per hour that ``monthly`` USD pay for, for each job."""
    return monthly / rate / (jobs * days) * HOUR


def largest_below(monthly: float, rate: Callable[[Size], float], hours: float, sizes: Iterable[Size]) -> Size:
    """Return the dearest of ``sizes`` that costs at most ``monthly`` USD for ``hours``."""
    return max((size for size in sizes if rate(size) * hours <= monthly), key=rate)


def _mean_minutes(jobs: Sequence[Job], size: Size) -> float:
    return sum(job.minutes(size.workers) for job in jobs) / len(jobs)


def _job(source: random.Random, minutes: float) -> Job:
    serial, width = source.uniform(*SERIAL) * minutes, source.choice(WIDTHS)
    return Job(source.uniform(*DAY), serial, (minutes - serial) * width, width)


def _minutes(job: Job, size: Size, lost: float) -> float:
    share = size.spot / size.workers if size.spot else 0.0
    return job.serial + (job.minutes(size.workers) - job.serial) * (1 + lost * share)
