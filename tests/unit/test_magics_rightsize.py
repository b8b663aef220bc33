"""What the runs of a workload say of the size of its next cluster."""

import pytest

from dask_dataproc.clusters.errors import SpecError
from dask_dataproc.clusters.history import Run
from dask_dataproc.clusters.spec import ClusterSpec
from dask_dataproc.magics.rightsize import next_run

GB = 10**9


def ran(workers: int, seconds: float, efficiency: float, ok: bool = True) -> Run:
    peak = 12 * GB
    return Run(
        "etl", 1e9 + seconds, workers, "n2-standard-4", 5 * GB, seconds, peak, 2 * peak // workers, efficiency, 1.0, ok
    )


def test_idle_workers_make_the_next_cluster_smaller_by_both_rules():
    answer = next_run("etl", [ran(8, 600, 0.2), ran(4, 620, 0.4)], "us-central1")
    assert answer.spec.workers < 4
    assert answer.theirs.workers == 3
    assert dict(answer.rows())["recommended"] == f"{answer.spec.workers} × n2-standard-4"
    assert answer.pasted().startswith(
        f"%dask_cluster up --workers {answer.spec.workers} --worker-machine n2-standard-4"
    )


def test_what_it_says_as_json_makes_a_cluster_and_has_a_price_and_reasons():
    said = next_run("etl", [ran(4, 900, 0.9)], "us-central1").to_dict()
    assert ClusterSpec.from_dict(said["spec"]).workload == "etl"
    assert said["recommend"] == "cluster"
    assert said["price_per_hour"] > 0
    assert said["expected_cost"][0] == pytest.approx(said["price_per_hour"] * said["expected_minutes"][0] / 60)
    assert said["reasons"]
    assert {"as_of", "source"} <= said["prices"].keys()


@pytest.mark.parametrize("runs", [[], [ran(4, 900, 0.9, ok=False)]])
def test_without_a_run_that_says_something_it_asks_for_an_input(runs):
    with pytest.raises(SpecError, match="path: none given") as refused:
        next_run("etl", runs, "us-central1")
    assert refused.value.hint == "%dask_cluster size PATH"
