"""The rules of benchmarks/cost.py: a day of jobs has the length that is said, each way of running it its price."""

from __future__ import annotations

import importlib.util
import sys
from pathlib import Path

import pytest
from hypothesis import given
from hypothesis import strategies as st

import dask_dataproc

FILE = Path(dask_dataproc.__file__).parent / "benchmarks" / "cost_rules.py"
found = importlib.util.spec_from_file_location("cost_rules", FILE)
assert found is not None
assert found.loader is not None
rules = importlib.util.module_from_spec(found)
sys.modules["cost_rules"] = rules
found.loader.exec_module(rules)
Job, Rates, Size = rules.Job, rules.Rates, rules.Size

RATES = Rates(lambda size: 1.0 + size.primary + 0.4 * size.spot, lambda size: 0.1 * (1 + size.primary))
"""A dollar a machine, 40 cents a spot one, 10 cents for the disk of a stopped one."""
ONE = Job(600.0, 2.0, 180.0, 10)
SEEDS = st.integers(0, 10_000)


@given(SEEDS)
def test_a_day_s_jobs_take_the_mean_on_the_largest_cluster_and_are_the_same_for_the_same_seed(seed):
    jobs = rules.day(seed)
    assert sum(job.minutes(rules.MOST) for job in jobs) / len(jobs) == pytest.approx(20.0)
    assert jobs == rules.day(seed) == sorted(jobs)
    assert all(rules.DAY[0] <= job.start <= rules.DAY[1] for job in jobs)


@given(SEEDS, st.integers(0, 20))
def test_more_workers_never_make_a_job_longer(seed, workers):
    assert all(job.minutes(workers + 1) <= job.minutes(workers) for job in rules.day(seed))


def test_a_standing_cluster_is_paid_for_day_and_night():
    assert rules.standing([ONE], RATES, Size(10)) == (24 * 11.0, 20.0)


def test_a_scaled_one_has_its_workers_while_there_are_jobs_and_for_the_lag():
    alone = rules.scaled([ONE], RATES, Size(2), Size(10), 10.0)
    assert alone.usd == pytest.approx(24 * 3.0 + 8.0 * 30 / 60)
    beside = ONE._replace(start=610.0)  # begins while the first runs: 20 + 10 min from its own start
    assert rules.scaled([beside, ONE], RATES, Size(2), Size(10), 10.0).usd == pytest.approx(24 * 3.0 + 8.0 * 40 / 60)


def test_a_job_s_own_cluster_is_paid_for_the_job_and_its_coming_up():
    bill = rules.own_clusters([ONE, ONE], RATES, lambda job: Size(10), 4.0)
    assert (bill.usd, bill.waiting) == (pytest.approx(2 * 11.0 * 24 / 60), pytest.approx(24.0))


def test_what_spot_workers_lose_is_run_again():
    bill = rules.own_clusters([ONE], RATES, lambda job: Size(5, 5), 4.0, lost=0.1)
    minutes = 4 + 2 + 18 * 1.05  # half of the workers are spot
    assert (bill.usd, bill.waiting) == (pytest.approx(8.0 * minutes / 60), pytest.approx(minutes))


def test_a_stopped_cluster_costs_its_disks_until_the_next_job_and_nothing_after_the_last():
    later = ONE._replace(start=ONE.start + 24 + 60)
    bill = rules.stopped_between([later, ONE], RATES, lambda job: Size(10), 4.0, 1.0)
    assert bill.usd == pytest.approx(11.0 * 24 / 60 + 1.1 * 1 + 11.0 * 21 / 60)
    busy = ONE._replace(start=ONE.start + 5)
    bill = rules.stopped_between([ONE, busy], RATES, lambda job: Size(10), 4.0, 1.0)
    assert bill.usd == pytest.approx(2 * 11.0 * 24 / 60)


@given(SEEDS, st.floats(0, 10), st.floats(1, 3))
def test_the_right_size_never_costs_more_than_the_largest_nor_takes_longer_than_allowed(seed, overhead, slack):
    jobs = rules.day(seed)
    sizes = {job: rules.right_size(job, RATES, overhead, slack) for job in jobs}
    assert all(job.minutes(size.workers) <= slack * job.minutes(rules.MOST) + 1e-9 for job, size in sizes.items())
    ours = rules.own_clusters(jobs, RATES, sizes.__getitem__, overhead)
    assert ours.usd <= rules.own_clusters(jobs, RATES, lambda job: Size(rules.MOST), overhead).usd + 1e-9


@given(st.sampled_from(rules.SIZES), st.floats(0, 1))
def test_spot_workers_are_at_most_the_share_and_two_primary_ones_stay(primary, share):
    size = rules.with_spot(Size(primary), share)
    assert size.workers == primary
    assert size.spot <= share * primary
    assert size.primary >= min(2, primary)


def test_adr_002_s_figures_are_12_minutes_short_a_job():
    """$800 of a cluster for $2,400 pay for 32 minutes for each of 450 jobs, not for 20."""
    assert rules.minutes_a_job(800, 2400 / 720, 15, 30) == pytest.approx(32.0)
    assert rules.largest_below(2400, lambda size: 0.3 * size.primary, 720, map(Size, range(2, 41))) == Size(11)
