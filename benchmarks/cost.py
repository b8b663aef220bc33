"""ADR-002's comparison of costs over real list prices: a standing cluster, and clusters of jobs, one step at a time.

``python benchmarks/cost.py [--region us-central1] [--seeds 200] [--svg FILE]``: nothing is started, nothing is measured
but money. The rules are in cost_rules.py; the prices are the package's, of the day that is printed.
"""

from __future__ import annotations

import argparse
from collections.abc import Callable, Mapping
from functools import cache
from pathlib import Path
from typing import NamedTuple
from xml.sax.saxutils import escape

from cost_rules import (
    HOUR,
    MOST,
    Bill,
    Job,
    Rates,
    Size,
    day,
    largest_below,
    minutes_a_job,
    own_clusters,
    right_size,
    scaled,
    standing,
    stopped_between,
    with_spot,
)
from summary import spread, table

from dask_dataproc.clusters.price_table import shipped
from dask_dataproc.clusters.prices import groups, price_per_hour, stopped_price_per_hour
from dask_dataproc.clusters.spec import ClusterSpec

MONTHLY, EPHEMERAL, EFFECTIVE, USE = 2400.0, 800.0, 3.33, 0.3
"""What ADR-002 says: USD a month of the standing cluster and of the jobs' own, USD per hour, and the share in use."""
JOBS, MINUTES = 15, 20.0
"""ADR-002's jobs a day, and their average length."""
DAYS, WORKDAYS = 30, 22
LAG = 10.0
"""Minutes that ADR-002's policy waits before it takes workers away."""
OVERHEAD = 4.0
"""Minutes that a cluster of a job costs besides: ADR-001's 3 to 5 for it to come up."""
STARTING = 2.0
"""Minutes that a stopped cluster takes to start: an assumption, half of coming up."""
LOST = 0.05
"""The share of work that spot workers do twice: an assumption."""
SLACK = 1.5
"""How much longer than on the largest cluster a job of the right size may take."""
SHARES = (0.5, 0.8)
"""ADR-003's usual and greatest share of preemptible workers."""


class Row(NamedTuple):
    """A way to run the day's jobs: USD a month by seed, and the minutes a result takes by seed."""

    usd: list[float]
    waiting: list[float]


def main() -> None:
    """Print what ADR-002's figures need, and what each step saves; draw the second."""
    given = arguments()
    prices = shipped()
    print(f"List prices of {prices['as_of']}, {given.region}; a month is {DAYS} days\n")
    rates = rates_of(given.region, local_ssds=1)
    for line in assumptions(rates, given.region):
        print(line)
    rows = simulated(given.region, given.seeds)
    print(
        f"\nThe same day's {JOBS} jobs of {MINUTES:.0f} min on average; median [least–greatest] of {given.seeds} days:"
    )
    print(table(["USD a month", "saves", "min to a result"], {name: cells(row, rows) for name, row in rows.items()}))
    if given.svg:
        given.svg.write_text(drawing(rows, f"USD a month, {given.region}, list prices of {prices['as_of']}"))


def assumptions(rates: Rates, region: str) -> list[str]:
    """Return, line by line, which assumptions ADR-002's figures need."""
    largest, hours = rates.running(Size(MOST)), 24 * DAYS
    named = {
        "ADR-002's cluster as it is made, 2 workers": Size(2),
        "the same at its largest, 10 workers": Size(MOST),
        "the same with its 5 preemptible workers": Size(MOST, 5),
    }
    near = largest_below(MONTHLY, rates.running, hours, map(Size, range(2, 41)))
    per_hour, run = MONTHLY / hours, JOBS * MINUTES / HOUR
    paid = {days: minutes_a_job(EPHEMERAL, per_hour, JOBS, days) for days in (DAYS, WORKDAYS)}
    return [
        table(
            ["USD per hour", "USD a month", f"at {USE:.0%} in use, USD per hour of use"],
            {name: prices_of(rates.running(size), hours) for name, size in named.items()},
        ),
        f"${MONTHLY:,.0f} a month pay for a master and at most {near.workers} workers ({region}). They are"
        f" ${per_hour:.2f} per hour of {DAYS} days:",
        f"  ADR-002's effective ${EFFECTIVE} is the price of an hour, used or not; used to {USE:.0%} it is"
        f" ${per_hour / USE:.2f}.",
        f"{USE:.0%} of a day are {JOBS} jobs of {USE * 24 * HOUR / JOBS:.1f} min, not of {MINUTES:.0f}:"
        f" those are {run / 24:.0%} of it.",
        f"${EPHEMERAL:,.0f} at ${per_hour:.2f} pay for {paid[DAYS]:.1f} min a job on {DAYS} days, {paid[WORKDAYS]:.1f}"
        f" on {WORKDAYS} workdays; at ${largest:.2f} on {DAYS} days",
        f"  for {minutes_a_job(EPHEMERAL, largest, JOBS, DAYS):.1f}. {JOBS} × {MINUTES:.0f} min alone are"
        f" ${run * DAYS * per_hour:,.0f} a month at ${per_hour:.2f}, {1 - run / 24:.0%} less than ${MONTHLY:,.0f}.",
    ]


def prices_of(rate: float, hours: float) -> list[str]:
    """Return the price of an hour, of a month and of an hour that is used."""
    return [f"{rate:.2f}", f"{rate * hours:,.0f}", f"{rate / USE:.2f}"]


def simulated(region: str, seeds: int) -> dict[str, Row]:
    """Return the bills of every way to run the same days."""
    ssd, plain = rates_of(region, local_ssds=1), rates_of(region, local_ssds=0)

    def largest(job: Job) -> Size:
        return Size(MOST)

    def sized(job: Job) -> Size:
        return right_size(job, plain, OVERHEAD, SLACK)

    def spot(share: float) -> Callable[[Job], Size]:
        return lambda job: with_spot(sized(job), share)

    ways: dict[str, Callable[[list[Job]], Bill]] = {
        "standing, 10 workers, day and night": lambda jobs: standing(jobs, ssd, Size(MOST)),
        "standing, 2 workers, 10 for the jobs": lambda jobs: scaled(jobs, ssd, Size(2), Size(MOST), LAG),
        "a cluster for each job, as large": lambda jobs: own_clusters(jobs, ssd, largest, OVERHEAD),
        "as large, without local SSDs": lambda jobs: own_clusters(jobs, plain, largest, OVERHEAD),
        "as large, stopped between jobs": lambda jobs: stopped_between(jobs, plain, largest, OVERHEAD, STARTING),
        "of the right size": lambda jobs: own_clusters(jobs, plain, sized, OVERHEAD),
        "right size, stopped between jobs": lambda jobs: stopped_between(jobs, plain, sized, OVERHEAD, STARTING),
        **{
            f"right size, {share:.0%} of it spot": lambda jobs, share=share: own_clusters(
                jobs, plain, spot(share), OVERHEAD, LOST
            )
            for share in SHARES
        },
    }
    days = [day(seed, JOBS, MINUTES) for seed in range(seeds)]
    bills = {name: [way(jobs) for jobs in days] for name, way in ways.items()}
    return {name: Row([b.usd * DAYS for b in of], [b.waiting for b in of]) for name, of in bills.items()}


def cells(row: Row, rows: Mapping[str, Row]) -> list[str]:
    """Return a row's figures, the saving being against the first row's, day by day."""
    first = next(iter(rows.values()))
    saved = spread(100 * (1 - mine / theirs) for mine, theirs in zip(row.usd, first.usd, strict=True))
    usd = spread(row.usd)
    return [str(usd), "" if row is first else f"{saved} %", str(spread(row.waiting))]


def rates_of(region: str, local_ssds: int) -> Rates:
    """Return the package's list prices of ADR-002's cluster by its size; every machine is of the same type."""
    spec = ClusterSpec(name="a", region=region, local_ssds=local_ssds, secondary_type="spot")

    def machines(size: Size) -> tuple:
        return groups(spec, workers=size.primary, secondary=size.spot)

    @cache
    def running(size: Size) -> float:
        return price_per_hour(machines(size), region, table=shipped()).total

    @cache
    def stopped(size: Size) -> float:
        return stopped_price_per_hour(machines(size), region, table=shipped()).total

    return Rates(running, stopped)


def drawing(rows: Mapping[str, Row], title: str) -> str:
    """Return the medians as bars, with a line from the least to the greatest, as SVG that any page can show."""
    usd = {name: spread(row.usd) for name, row in rows.items()}
    most = max(found.greatest for found in usd.values() if found)
    left, width, step = 270, 420, 30
    bars = []
    for number, (name, found) in enumerate(usd.items()):
        if found is None:
            continue
        top = 40 + number * step
        low, middle, high = (left + width * value / most for value in (found.least, found.median, found.greatest))
        bars += [
            f'<text x="{left - 8}" y="{top + 14}" text-anchor="end">{escape(name)}</text>',
            f'<rect x="{left}" y="{top}" width="{middle - left:.1f}" height="20" fill="#4c78a8"/>',
            f'<path d="M{low:.1f} {top + 10}H{high:.1f}" stroke="#222" stroke-width="2"/>',
            f'<text x="{high + 8:.1f}" y="{top + 14}">{found.median:,.0f}</text>',
        ]
    height = 50 + len(usd) * step
    head = (
        f'<svg xmlns="http://www.w3.org/2000/svg" viewBox="0 0 {left + width + 70} {height}" font-family="sans-serif"'
    )
    ground = '<rect width="100%" height="100%" fill="white"/>'
    return "\n".join(
        [f'{head} font-size="13">', ground, f'<text x="8" y="20">{escape(title)}</text>', *bars, "</svg>\n"]
    )


def arguments() -> argparse.Namespace:
    """Return what was given on the command line."""
    parser = argparse.ArgumentParser(description=__doc__.splitlines()[0])
    parser.add_argument("--region", default="us-central1", help="whose prices (us-central1)")
    parser.add_argument("--seeds", type=int, default=200, help="days to try (200)")
    parser.add_argument("--svg", type=Path, help="draw the bars into this file")
    return parser.parse_args()


if __name__ == "__main__":
    main()
