"""How far from the best cluster the sizing is, on simulated jobs whose best cluster is known.

Every job has an input, a workload, and a nature that no sizing is told: thread-seconds a byte, a serial share, how
badly threads share the work, how it grows with the data, how much of it is waiting, memory, how unevenly that lies on
the workers, what a lack of it costs, what is held besides, the time of a start. They are drawn from wide ranges, none
of which is taken from what the sizing reckons with. What both have in common is the list of machines and its prices,
and that a part of a job is serial. The best cluster is found by trying all of them on the true job; regret is time ×
cost over that of the best. History are runs of the same job, on inputs of other sizes, on what was recommended then.
"""

from __future__ import annotations

import argparse
import dataclasses
import math
import random
import statistics
from collections.abc import Callable, Sequence
from dataclasses import dataclass
from pathlib import Path

from summary import table

from dask_dataproc.clusters.candidates import Candidate, candidates
from dask_dataproc.clusters.dataset import Estimate, Input
from dask_dataproc.clusters.sizing import size
from dask_dataproc.clusters.sizing_rules import by_rule, rule_name
from dask_dataproc.clusters.spec import FIELDS

MOST = 15
"""Workers that ADR-003's rules go up to; all may have so many."""
DEATH = 3.0
"""A job that needs so many times the memory there is fails, and is begun anew where there is most; there it goes on."""
REGION = "us-central1"


@dataclass(frozen=True)
class Job:
    """A job as it really is: bytes; thread-seconds; seconds; the rest are factors and shares."""

    stored: float
    growth: float
    kind: str
    workload: str
    work: float
    serial: float
    sharing: float
    memory: float
    skew: float
    spilling: float
    start: float
    partition: float
    power: float
    waiting: float
    litter: float

    @classmethod
    def draw(cls, dice: random.Random) -> Job:
        kind = dice.choice(["csv", "parquet"])
        growth = between(dice, 0.6, 3) if kind == "csv" else between(dice, 1.5, 12)
        stored = between(dice, 0.1e9, 2e12)
        return cls(
            stored=stored,
            growth=growth,
            kind=kind,
            workload=dice.choice(FIELDS["workload"].choices),
            work=between(dice, 3e-9, 300e-9),
            serial=between(dice, 1e-4, 3e-2),
            sharing=dice.uniform(0.8, 1.0),
            memory=between(dice, 0.05, 5),
            skew=dice.uniform(1, 2.5),
            spilling=between(dice, 1, 10),
            start=dice.uniform(120, 420),
            partition=between(dice, 30e6, 500e6),
            power=dice.uniform(0.85, 1.25),
            waiting=dice.uniform(0, 0.7),
            litter=dice.uniform(1, 1.6),
        )

    def resized(self, by: float) -> Job:
        """Return the same job on another amount of data."""
        work = self.work * by ** (self.power - 1)
        return dataclasses.replace(self, stored=self.stored * by, work=work)

    @property
    def need(self) -> float:
        return self.memory * self.stored * self.growth

    def seconds(self, on: Candidate) -> float:
        """Return its time without the start, however little memory there is."""
        total = self.work * self.stored * self.growth
        pieces = max(1.0, self.stored * self.growth / self.partition)
        threads = min(on.capacity.threads, pieces)
        took = self.serial * total + (1 - self.serial) * total / threads**self.sharing
        return took * (1 + self.spilling * max(0.0, min(self.lack(on), DEATH) - 1))

    def lack(self, on: Candidate) -> float:
        """Return memory needed by memory there is, where most of it lies."""
        return self.need * (self.skew if on.workers > 1 else 1) / on.capacity.memory

    def time_and_cost(self, on: Candidate, largest: Candidate) -> tuple[float, float]:
        took = self.start + self.seconds(on)
        cost = took * on.price
        if self.lack(on) > DEATH and on != largest:
            again = self.start + self.seconds(largest)
            return took + again, cost + again * largest.price
        return took, cost


@dataclass(frozen=True)
class Run:
    """What is known of a run afterwards."""

    workers: int
    machine: str
    input_bytes: float
    seconds: float
    peak_memory: float
    worker_peak: float
    cpu_efficiency: float
    ok: bool


def between(dice: random.Random, low: float, high: float) -> float:
    """Return a number between ``low`` and ``high``, each order of magnitude as likely."""
    return math.exp(dice.uniform(math.log(low), math.log(high)))


def seen(job: Job, dice: random.Random) -> Input:
    """Return the job's input as a look at it has it: its decoded size is out by a tenth or so."""
    decoded = job.stored * job.growth * dice.lognormvariate(0, 0.1)
    return Input("gs://bucket/data", job.kind, round(job.stored), 100, Estimate.about(decoded, 0.2))


def run(job: Job, on: Candidate, dice: random.Random) -> Run:
    """Return what is seen of ``job`` on a cluster."""
    machines = max(1, on.workers)
    took = job.seconds(on) * dice.lognormvariate(0, 0.1)
    each = on.capacity.memory / machines
    base = dice.uniform(0.1e9, 0.4e9)
    held = min(0.95 * on.capacity.memory, job.need * job.litter + base * machines)
    most = min(0.95 * each, job.need * job.litter * (job.skew if machines > 1 else 1) / machines + base)
    computing = (1 - job.waiting) * job.work * job.stored * job.growth
    busy = computing / on.capacity.threads / took * dice.lognormvariate(0, 0.1)
    fine = job.lack(on) <= DEATH
    return Run(machines, on.machine, job.stored, took, held, most, min(1.0, busy), fine)


def chosen(every: Sequence[Candidate], machine: str, workers: int, spot: int) -> Candidate:
    """Return the candidate that is so."""
    return next(c for c in every if (c.machine, c.workers, c.spot) == (machine, workers, spot))


def ours(job: Job, history: Sequence[Run], every: Sequence[Candidate], dice: random.Random) -> Candidate:
    """Return what the sizing recommends."""
    spec = size(seen(job, dice), job.workload, history, REGION, most=MOST).spec
    machine = spec["worker_machine"] if spec["workers"] else spec["master_machine"]
    return chosen(every, machine, spec["workers"] + spec["secondary_workers"], spec["secondary_workers"])


def after(runs: int) -> Callable[[Job, Sequence[Candidate], random.Random], Candidate]:
    """Return the sizing after so many runs of the job, each on what was recommended then, on 0.4 to 2.5 of the data."""

    def policy(job: Job, every: Sequence[Candidate], dice: random.Random) -> Candidate:
        history: list[Run] = []
        for _ in range(runs):
            other = job.resized(between(dice, 0.4, 2.5))
            history.append(run(other, ours(other, history, every, dice), dice))
        return ours(job, history, every, dice)

    return policy


def adr(job: Job, every: Sequence[Candidate], dice: random.Random) -> Candidate:
    """Return ADR-003's cluster; the memory that its caller has to say is the true one."""
    gigabytes = job.stored / 1e9
    rule = by_rule(rule_name(job.workload, gigabytes), gigabytes, job.need / 1e9)
    return chosen(every, rule.machine, rule.workers, 0)


def default(job: Job, every: Sequence[Candidate], dice: random.Random) -> Candidate:
    """Return what ``up`` makes when nothing is said."""
    return chosen(every, FIELDS["worker_machine"].default, FIELDS["workers"].default, 0)


POLICIES = {
    "two n2-standard-4, always": default,
    "ADR-003's rules": adr,
    "ours, no history": after(0),
    "ours, after 1 run": after(1),
    "ours, after 3 runs": after(3),
    "ours, after 10 runs": after(10),
}


def regrets(jobs: int, seed: int) -> dict[str, list[float]]:
    """Return the regret of each policy for each job."""
    found: dict[str, list[float]] = {name: [] for name in POLICIES}
    plain = list(candidates(REGION, MOST, spot=False))
    spots = list(candidates(REGION, MOST, spot=True))
    for number in range(jobs):
        job = Job.draw(random.Random(f"{seed} {number}"))
        every = spots if job.workload == "etl" else plain
        open_to = [*every, *(c for c in plain if c not in every)]
        largest = max(open_to, key=lambda c: (c.capacity.memory, -c.price))
        best = min(math.prod(job.time_and_cost(c, largest)) for c in open_to)
        for name, policy in POLICIES.items():
            picked = policy(job, open_to, random.Random(f"{seed} {number} {name}"))
            found[name].append(math.prod(job.time_and_cost(picked, largest)) / best)
    return found


def row(values: Sequence[float]) -> list[str]:
    """Return a policy's row of the table."""
    tenths = statistics.quantiles(values, n=10)
    near = sum(value <= 1.5 for value in values) / len(values)
    return [f"{statistics.median(values):.2f}", f"{tenths[-1]:.1f}", f"{max(values):.0f}", f"{near:.0%}"]


def plot(found: dict[str, list[float]], file: Path) -> None:
    """Write the share of jobs, bottom to top, whose regret is at most so much, left to right on a log scale, as SVG."""
    wide, high, left, most = 560, 300, 50, 1000.0
    colours = ["#999999", "#d95f02", "#a6cee3", "#6baed6", "#2171b5", "#08306b"]
    parts = [f'<svg xmlns="http://www.w3.org/2000/svg" viewBox="0 0 {wide + left + 20} {high + 60}" font-size="12">']
    parts.append(f'<rect width="{wide + left + 20}" height="{high + 60}" fill="white"/>')

    def x(value: float) -> float:
        return left + wide * math.log(min(value, most)) / math.log(most)

    for tick in (1, 2, 5, 10, 100, 1000):
        at = x(tick)
        parts.append(f'<path d="M{at:.0f} 10V{high + 10}" stroke="#ddd"/>')
        parts.append(f'<text x="{at:.0f}" y="{high + 26}" text-anchor="middle">{tick}</text>')
    for share in (0, 50, 90, 100):
        at = 10 + high * (1 - share / 100)
        parts.append(f'<path d="M{left} {at:.0f}h{wide}" stroke="#ddd"/>')
        parts.append(f'<text x="{left - 6}" y="{at + 4:.0f}" text-anchor="end">{share} %</text>')
    for i, ((name, values), colour) in enumerate(zip(found.items(), colours, strict=True)):
        line = " ".join(
            f"{x(value):.1f},{10 + high * (1 - (n + 1) / len(values)):.1f}" for n, value in enumerate(sorted(values))
        )
        parts.append(f'<polyline points="{line}" fill="none" stroke="{colour}" stroke-width="2"/>')
        at = high - 100 + 17 * i
        parts.append(f'<path d="M{wide - 130} {at - 4}h20" stroke="{colour}" stroke-width="3"/>')
        parts.append(f'<text x="{wide - 104}" y="{at}">{name}</text>')
    parts.append(
        f'<text x="{left + wide / 2}" y="{high + 48}" text-anchor="middle">time × cost, of the best</text></svg>'
    )
    file.write_text("\n".join(parts) + "\n", encoding="utf-8")


def main() -> None:
    """Simulate, print the table, write the plot."""
    parser = argparse.ArgumentParser(description=__doc__)
    parser.add_argument("--jobs", type=int, default=400)
    parser.add_argument("--seed", type=int, default=6)
    parser.add_argument("--plot", type=Path, help="an SVG file to write")
    asked = parser.parse_args()
    found = regrets(asked.jobs, asked.seed)
    print(f"{asked.jobs} jobs, seed {asked.seed}: time × cost as a multiple of the best cluster's")
    print(table(["median", "p90", "worst", "within 1.5"], {name: row(values) for name, values in found.items()}))
    if asked.plot:
        plot(found, asked.plot)


if __name__ == "__main__":
    main()
