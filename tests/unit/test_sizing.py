"""How large a cluster is recommended, and why: small data none, large data a large one, runs known a better one."""

from __future__ import annotations

import random

import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from dask_dataproc.clusters.advice import HIGH, partitions
from dask_dataproc.clusters.dataset import Estimate, Input, extrapolated, in_words
from dask_dataproc.clusters.errors import SpecError
from dask_dataproc.clusters.forecast import capacity, forecast
from dask_dataproc.clusters.machines import machine_type
from dask_dataproc.clusters.sizing import WORKLOADS, Here, Sizing, by_adr, size
from dask_dataproc.clusters.spec import ClusterSpec

GB = 10**9
LAPTOP = Here(16 * GB, 4)


class Run:
    """A run as the history has it."""

    def __init__(self, workers, machine, input_bytes, seconds, peak_memory, cpu_efficiency=0.9, ok=True):
        self.workers, self.machine, self.ok = workers, machine, ok
        self.input_bytes, self.seconds = input_bytes, seconds
        self.peak_memory, self.worker_peak, self.cpu_efficiency = peak_memory, peak_memory / workers, cpu_efficiency


def an_input(stored: float, growth: float = 3.0, **more) -> Input:
    return Input("gs://b/data", "parquet", round(stored), 10, Estimate.about(stored * growth, 0.1), **more)


def memory_of(sizing: Sizing) -> int:
    """Return bytes of memory of all machines that work."""
    spec = ClusterSpec.from_dict(sizing.spec)
    machine = machine_type(spec.worker_machine if spec.workers else spec.master_machine)
    return machine.memory * spec.total_workers


inputs = st.builds(an_input, st.floats(1, 1e14), st.floats(0.2, 20), pieces=st.none() | st.integers(1, 100_000))
runs = st.builds(
    Run,
    st.integers(1, 20),
    st.sampled_from(["n2-standard-4", "n2-highmem-8", "n9-unheard-4"]),
    st.integers(0, 10**13),
    st.floats(0, 1e6),
    st.integers(0, 10**13),
    st.floats(0, 1),
    st.booleans(),
)


@settings(max_examples=25, deadline=None)
@given(inputs, st.sampled_from(WORKLOADS), st.lists(runs, max_size=5), st.integers(2, 30), st.none() | st.just(LAPTOP))
def test_the_answer_is_a_cluster_that_can_be_made_with_reasons_and_bounds_in_order(
    input, workload, history, most, here
):
    found = size(input, workload, history, most=most, here=here)
    spec = ClusterSpec.from_dict(found.spec)
    assert spec.workload == workload
    assert spec.total_workers <= most
    assert (found.recommend == "cluster") <= (spec.workers >= 2)
    assert found.reasons
    assert all(found.reasons)
    for low, high in (found.expected_minutes, found.expected_cost):
        assert 0 <= low <= high
    assert found.partitions.count >= 1


@settings(max_examples=20, deadline=None)
@given(inputs, st.sampled_from(WORKLOADS), st.lists(runs, max_size=6), st.randoms(use_true_random=False))
def test_the_order_of_the_history_is_irrelevant_and_nothing_is_remembered(input, workload, history, dice):
    first = size(input, workload, history).to_dict()
    shuffled = dice.sample(history, len(history))
    assert size(input, workload, shuffled).to_dict() == first


@settings(max_examples=30, deadline=None)
@given(st.floats(1e6, 1e13), st.floats(1, 50), st.floats(0.5, 10), st.sampled_from(WORKLOADS))
def test_more_data_never_gives_less_memory(stored, times, growth, workload):
    small, large = an_input(stored, growth), an_input(stored * times, growth)
    assert forecast(small, workload).memory.mid <= forecast(large, workload).memory.mid
    assert memory_of(size(small, workload)) <= 1.05 * memory_of(size(large, workload))  # two shapes can be nearly alike


@pytest.mark.parametrize("workload", WORKLOADS)
def test_what_fits_into_the_notebook_gets_no_cluster_and_is_told_what_to_use(workload):
    found = size(an_input(0.2 * GB), workload, here=LAPTOP)
    assert found.recommend == "none"
    assert found.price_per_hour == 0
    assert found.expected_cost == (0, 0)
    assert "fits into this notebook's memory" in found.reasons[0]
    assert any(tool in found.reasons[0] for tool in ("polars", "scikit-learn"))


def test_what_does_not_fit_into_the_notebook_gets_one_machine_and_much_data_a_cluster():
    assert size(an_input(3 * GB), "etl", here=Here(4 * GB, 4)).recommend == "single-node"
    assert size(an_input(300 * GB), "etl", here=LAPTOP).recommend == "cluster"


def test_only_batch_work_gets_spot_workers_and_half_of_them():
    found = {workload: size(an_input(300 * GB), workload).spec for workload in WORKLOADS}
    assert found["etl"]["secondary_workers"] == found["etl"]["workers"]
    assert found["etl"]["secondary_type"] == "spot"
    assert not any(found[workload]["secondary_workers"] for workload in WORKLOADS if workload != "etl")


def test_a_deadline_gives_the_cheapest_cluster_that_keeps_it():
    data = an_input(100 * GB, 1.5)
    slow, quick = (size(data, "etl", deadline=minutes * 60) for minutes in (180, 15))
    assert slow.expected_minutes[1] <= 180
    assert quick.expected_minutes[1] <= 15
    assert slow.price_per_hour < quick.price_per_hour
    assert slow.expected_cost[0] < quick.expected_cost[0]
    assert "cheapest" in slow.reasons[0]


def test_a_deadline_that_nothing_keeps_gives_the_fastest_and_says_so():
    assert "none of 10 workers is sure to keep 1 min" in size(an_input(100 * GB), "etl", deadline=60).reasons[0]


@pytest.mark.parametrize(
    ("asked", "said"),
    [
        ({"workload": "small_etl"}, "workload: 'small_etl' given, allowed is one of interactive, etl, ml, analytics"),
        ({"most": 1}, "max_workers: 1 given, allowed is at least 2"),
        ({"deadline": 0}, "deadline: 0 s given, allowed is more than 0"),
    ],
)
def test_what_cannot_be_asked_is_one_line_with_what_is_allowed(asked, said):
    with pytest.raises(SpecError, match=said):
        size(an_input(GB), **({"workload": "etl"} | asked))


def test_more_than_any_cluster_holds_is_said():
    assert any("does not fit" in reason for reason in size(an_input(100_000 * GB), "ml").reasons)


def test_one_run_narrows_the_forecast_to_what_it_took():
    data = an_input(100 * GB)
    before = forecast(data, "etl")
    run = Run(4, "n2-standard-4", 100 * GB, 3600, 40 * GB)
    after = forecast(data, "etl", [run])
    took = after.seconds(capacity("n2-standard-4", 4).threads)
    assert took.low <= 3600 <= took.high
    assert took.mid == pytest.approx(3600, rel=0.15)
    assert after.memory.mid == pytest.approx(40 * GB, rel=0.15)
    assert took.high / took.low < before.seconds(12).high / before.seconds(12).low
    assert after.memory.high / after.memory.low < before.memory.high / before.memory.low


def test_a_job_that_its_runs_say_is_serial_gets_few_workers():
    data = an_input(100 * GB)
    busy, idle = (
        size(data, "etl", [Run(8, "n2-standard-4", 100 * GB, 7200, 30 * GB, cpu_efficiency=e)] * 3)
        for e in (0.95, 0.06)
    )
    assert idle.price_per_hour < busy.price_per_hour / 2


def test_workers_that_were_full_and_a_run_that_failed_full_ask_for_more_memory():
    data, full = an_input(100 * GB), 0.94 * capacity("n2-standard-4", 4).memory
    roomy = Run(4, "n2-highmem-16", 100 * GB, 1800, full)
    for tight in (
        Run(4, "n2-standard-4", 100 * GB, 1800, full),
        Run(4, "n2-standard-4", 100 * GB, 1800, full, ok=False),
    ):
        assert forecast(data, "etl", [tight]).memory.mid > 1.3 * forecast(data, "etl", [roomy]).memory.mid
        assert any("memory was full" in reason for reason in forecast(data, "etl", [tight]).reasons)


def test_the_fullest_worker_is_what_has_to_be_enough():
    even, skewed = (Run(4, "n2-highmem-8", 100 * GB, 1800, 80 * GB) for _ in range(2))
    skewed.worker_peak = 50 * GB
    assert (
        forecast(an_input(100 * GB), "etl", [skewed]).memory.mid
        > 2 * forecast(an_input(100 * GB), "etl", [even]).memory.mid
    )


def test_runs_of_a_known_job_find_its_serial_time_and_its_work():
    dice, data = random.Random(1), an_input(100 * GB)
    history = []
    for workers in (2, 3, 5, 8, 12):
        threads = capacity("n2-standard-4", workers).threads
        took = (120 + 20_000 / threads) * dice.lognormvariate(0, 0.05)
        history.append(Run(workers, "n2-standard-4", 100 * GB, took, 30 * GB, min(1.0, 20_120 / threads / took)))
    found = forecast(data, "etl", history)
    assert found.work.mid == pytest.approx(20_000, rel=0.15)
    assert found.serial.mid == pytest.approx(120, abs=60)


def test_adr_003s_answer_is_reckoned_for_the_same_job():
    found = by_adr(an_input(50 * GB), "etl")
    assert "medium_etl" in found.reasons[0]
    assert found.spec["workers"] == 4
    assert found.expected_cost[1] > found.expected_cost[0] > 0


def test_the_json_has_the_names_that_are_promised():
    found = size(an_input(50 * GB), "etl").to_dict()
    assert set(found) == {
        *("recommend", "spec", "reasons", "bytes", "decoded_bytes"),
        *("price_per_hour", "expected_minutes", "expected_cost", "prices"),
    }
    assert {"as_of", "source"} <= set(found["prices"])


@given(inputs, st.integers(1, 1000))
def test_partitions_are_neither_too_large_nor_more_than_pieces(input, threads):
    found = partitions(input, threads)
    assert found.count * found.bytes == pytest.approx(max(1.0, input.decoded.mid))
    if input.pieces is None:
        assert found.bytes <= HIGH
    else:
        assert found.count <= input.pieces
    assert found.reasons


def test_advice_on_partitions_can_be_pasted_and_names_what_cannot_be_cut():
    text = Input("d.csv", "csv", GB, 1, Estimate.about(1.6 * GB, 0.1))
    assert partitions(text, 4).read == 'dd.read_csv("d.csv", blocksize="77MB")'
    packed = Input("d.csv.gz", "csv", GB, 1, Estimate.about(6 * GB, 0.1), "gzip", pieces=1, largest_piece=6 * GB)
    assert partitions(packed, 4).read == 'dd.read_csv("d.csv.gz", blocksize=None)'
    assert "cannot be cut" in partitions(packed, 4).reasons[-1]
    groups = an_input(GB, rows=10**7, row_groups=2, pieces=2, largest_piece=1.5 * GB)
    assert "row groups of 426,667 rows" in partitions(groups, 4).reasons[-1]


@given(st.lists(st.floats(0.1, 100), min_size=1, max_size=20), st.floats(0.01, 1))
def test_an_extrapolated_mean_lies_within_its_bounds(ratios, least):
    found = extrapolated(ratios, [1.0] * len(ratios), least)
    assert found.low <= found.mid <= found.high
    assert min(ratios) <= found.mid * 1.000001
    assert found.mid <= max(ratios) * 1.000001


@pytest.mark.parametrize(
    ("octets", "said"), [(0, "0 B"), (999, "999 B"), (1500, "1.5 KB"), (2e9, "2.0 GB"), (1.5e12, "1.5 TB")]
)
def test_sizes_are_said_in_the_units_that_storage_is_billed_in(octets, said):
    assert in_words(octets) == said
