"""The size a workload should have: ADR-003's rule as it stands there, and the better one, measured against it."""

from __future__ import annotations

import random
from statistics import mean, median

import pytest
from hypothesis import given
from hypothesis import strategies as st

from dask_dataproc import ClusterSpec
from dask_dataproc.clusters.history import KEPT, Run, kept, of_workload
from dask_dataproc.clusters.machines import GIB
from dask_dataproc.clusters.rightsizing import (
    Demand,
    demand,
    historical_efficiency,
    memory_need,
    optimize_cluster_spec,
    rightsized,
    with_preemptible,
)

SPEC = ClusterSpec(name="c", workers=10, max_workers=100)
THREADS, MEMORY = 3, 14 * GIB
"""Of a worker of n2-standard-4."""


def run(workers: int, seconds: float, efficiency: float, **fields) -> Run:
    given = {"workload": "etl", "at": 0.0, "machine": "n2-standard-4", "input_bytes": 0, "cost": 1.0, "ok": True}
    return Run(
        **{**given, "peak_memory": 0, "worker_peak": 0, **fields},
        workers=workers,
        seconds=seconds,
        cpu_efficiency=efficiency,
    )


def ran(needs: Demand, workers: int, noise: float = 1.0, **fields) -> Run:
    """Return the run of a job of these needs, its times off by ``noise``."""
    threads = workers * THREADS
    return run(workers, needs.seconds(threads) * noise, min(1.0, needs.efficiency(threads)), **fields)


@pytest.mark.parametrize(
    ("workers", "efficiency", "expected"),
    [(10, 0.69, 8), (10, 0.7, 10), (10, 0.95, 10), (9, 0.5, 7), (4, 0.1, 3), (3, 0.1, 2), (2, 0.1, 2), (10, None, 10)],
)
def test_adr_003_takes_a_fifth_of_the_workers_below_70_per_cent_and_leaves_two(workers, efficiency, expected):
    assert optimize_cluster_spec(workers, efficiency).workers == expected


@pytest.mark.parametrize(
    ("given", "expected"),
    [
        ({}, 50),
        ({"preemptible_percentage": 90}, 80),
        ({"preemptible_percentage": 30}, 30),
        ({"max_preemptible_percentage": 40}, 40),
        ({"cost_sensitive": False}, None),
    ],
)
def test_adr_003_makes_half_of_them_preemptible_where_cost_matters_and_never_more_than_80_per_cent(given, expected):
    assert optimize_cluster_spec(10, 0.9, **given).preemptible_percentage == expected


@pytest.mark.parametrize(
    ("workers", "percentage", "split"), [(10, 50, (5, 5)), (10, 80, (2, 8)), (4, 80, (2, 2)), (5, 50, (3, 2))]
)
def test_preemptible_workers_are_spot_machines_in_the_place_of_primary_ones(workers, percentage, split):
    spec = with_preemptible(SPEC.replace(workers=workers), percentage)
    assert (spec.workers, spec.secondary_workers, spec.secondary_type) == (*split, "spot")


@pytest.mark.parametrize("workers", [0, 2])
def test_a_cluster_of_two_has_no_preemptible_ones(workers):
    assert with_preemptible(SPEC.replace(workers=workers), 80) == SPEC.replace(workers=workers)


def test_efficiency_is_by_the_workers_time_and_of_runs_that_came_to_their_end():
    runs = [run(10, 300, 0.5), run(10, 100, 0.9), run(10, 1e6, 0.01, ok=False)]
    assert historical_efficiency(runs) == pytest.approx(0.6)
    assert historical_efficiency([]) is None


def test_runs_of_different_sizes_say_what_goes_in_parallel():
    needs = Demand(work=9000, span=60)
    found = demand([ran(needs, n) for n in (2, 5, 10)])
    assert (found.work, found.span) == (pytest.approx(9000), pytest.approx(60))


def test_runs_of_one_size_say_it_by_what_they_were_busy_with():
    found = demand([run(10, 100, 0.4)])
    assert (found.work, found.span) == (pytest.approx(0.4 * 30 * 100), pytest.approx(60))


def test_times_count_more_than_what_the_cpus_say_of_waiting_that_goes_in_parallel():
    needs = Demand(work=9000, span=60)
    waiting = [run(n, needs.seconds(n * THREADS), needs.efficiency(n * THREADS) / 2) for n in (2, 2, 4, 8, 16, 16)]
    assert demand(waiting).work == pytest.approx(9000, rel=0.2)


def test_a_workload_that_twice_the_workers_made_no_faster_gets_few():
    found = rightsized(SPEC, [run(5, 100, 0.2), run(10, 100, 0.1)])
    assert found.workers == 2
    assert found.reasons[0].startswith("2 runs with 5, 10 workers: ")


def test_a_workload_that_is_all_parallel_grows_and_not_beyond_twice_what_was_tried():
    assert rightsized(SPEC, [run(4, 1000, 1.0)]).workers == 8
    assert rightsized(SPEC.replace(workers=2, max_workers=6), [run(4, 1000, 1.0)]).workers == 6


def test_a_failed_run_counts_for_its_memory_and_not_for_its_time():
    failed = run(4, 5, 0.01, ok=False, peak_memory=100 * GIB, worker_peak=25 * GIB)
    found = rightsized(SPEC, [ran(Demand(1000, 500), 4), failed])
    assert found.workers == 9
    assert "9 workers of 14 GB hold what it needs, at 85% of their memory" in found.reasons
    assert rightsized(SPEC, [failed]) is None


def test_memory_and_time_grow_with_the_input():
    half = [ran(Demand(9000, 60), n, input_bytes=10 * GIB, peak_memory=30 * GIB, worker_peak=3 * GIB) for n in (5, 10)]
    assert memory_need(half, MEMORY, 10 * GIB) == 3
    assert memory_need(half, MEMORY, 40 * GIB) == 11
    assert demand(half, 20 * GIB).work == pytest.approx(18000)


def test_memory_that_a_run_spread_unevenly_is_measured_by_the_worker_that_held_most():
    assert memory_need([run(5, 1, 1, peak_memory=40 * GIB, worker_peak=8 * GIB)], MEMORY) == 4
    assert memory_need([run(5, 1, 1, peak_memory=40 * GIB, worker_peak=13 * GIB)], MEMORY) == 6


def test_one_worker_that_holds_far_more_than_the_others_is_said():
    found = rightsized(SPEC, [ran(Demand(9000, 60), 5, peak_memory=20 * GIB, worker_peak=13 * GIB)])
    assert (
        found.reasons[-1]
        == "one worker held 13 GB, far more than the others: take a larger machine, or smaller partitions"
    )


def test_runs_on_other_machines_count_by_their_threads():
    eight = run(5, 100, 1.0, machine="n2-standard-8")
    assert demand([eight]).work == pytest.approx(5 * 7 * 100)
    assert rightsized(SPEC, [eight]).workers == 24


def test_without_a_run_or_a_known_machine_nothing_is_said():
    assert rightsized(SPEC, []) is None
    assert rightsized(SPEC.replace(worker_machine="n4-standard-8"), [run(4, 100, 1.0)]) is None
    assert rightsized(SPEC, [run(4, 100, 1.0, machine="n4-standard-8")]) is None


RUNS = st.lists(
    st.builds(
        lambda workers, seconds, efficiency, peak, skew, ok, read: run(
            workers,
            seconds,
            efficiency,
            peak_memory=peak,
            worker_peak=int(peak / workers * skew),
            ok=ok,
            input_bytes=read,
        ),
        st.integers(1, 60),
        st.floats(0.01, 1e5),
        st.floats(0, 1),
        st.integers(0, 500 * GIB),
        st.floats(1, 3),
        st.booleans(),
        st.sampled_from([0, GIB, 50 * GIB]),
    ),
    max_size=8,
)


@given(RUNS, st.integers(2, 40), st.sampled_from([0, GIB, 100 * GIB]))
def test_it_is_never_below_two_nor_below_what_the_memory_needs(runs, most, read):
    found = rightsized(SPEC.replace(workers=2, max_workers=most), runs, read)
    if found is None:
        assert not any(each.ok for each in runs)
        return
    need = memory_need(runs, MEMORY, read)
    assert found.workers >= max(2, need)
    assert found.workers <= max(2, need, most)
    assert found.seconds > 0
    assert 0 <= found.efficiency <= 1 + 1e-9


@given(st.integers(2, 1000), st.none() | st.floats(0, 1))
def test_adr_003_never_grows_a_cluster_and_never_goes_below_two(workers, efficiency):
    assert 2 <= optimize_cluster_spec(workers, efficiency).workers <= workers


class Job:
    """A job that is not quite what the model takes it for: some of it waits for data, and more workers talk more."""

    def __init__(self, chance: random.Random):
        self.chance = chance
        self.work, self.span = 10 ** chance.uniform(2, 5.5), 10 ** chance.uniform(0.5, 2.5)
        self.busy, self.talk = chance.uniform(0.5, 1), 10 ** chance.uniform(-2, 0.3)

    def seconds(self, workers: int) -> float:
        return self.span + self.work / (workers * THREADS) + self.talk * workers

    def run(self, workers: int) -> Run:
        seconds = self.seconds(workers)
        noise = self.chance.lognormvariate(0, 0.1)
        return run(workers, seconds * noise, self.busy * self.work / (workers * THREADS) / seconds)

    def regret(self, workers: int) -> float:
        """Return how much more time × cost than the best size this one takes; the master costs as much as a worker."""
        burdens = {n: self.seconds(n) ** 2 * (n + 1) for n in range(2, 101)}
        return burdens[workers] / min(burdens.values()) - 1


def learned(job: Job, repeats: int) -> tuple[float, float]:
    """Return the regret of ADR-003's rule and of ours after so many runs, from ten workers on."""
    theirs, ours, history = 10, 10, []
    for _ in range(repeats):
        theirs = optimize_cluster_spec(theirs, historical_efficiency([job.run(theirs)])).workers
        history.append(job.run(ours))
        ours = rightsized(SPEC, history).workers
    return job.regret(theirs), job.regret(ours)


def test_after_six_runs_it_is_nearer_to_the_best_size_than_the_rule_of_adr_003():
    chance = random.Random(7)
    theirs, ours = zip(*(learned(Job(chance), 6) for _ in range(200)), strict=True)
    assert median(ours) < 0.02 < 1 < median(theirs)
    assert mean(ours) < 0.2 < 2 < mean(theirs)


def test_of_each_workload_the_newest_50_runs_are_kept_and_read_back_as_they_were():
    runs = [run(2, 1, 1, at=float(n), workload=name) for n in range(60) for name in ("etl", "ml")]
    found = kept(runs, run(2, 1, 1, at=99.0), runs[-1])
    assert [each.at for each in of_workload(found, "etl")] == [*range(11, 60), 99]
    assert len(of_workload(found, "ml")) == KEPT
    assert [Run.from_dict({**each.to_dict(), "later": 1}) for each in found] == list(found)
