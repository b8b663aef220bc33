"""What a cluster has done is kept when it ends, and the next one of its workload knows of it."""

from __future__ import annotations

import time

import numpy as np
import pytest

from dask_dataproc import DataprocCluster
from dask_dataproc.clusters.runs import read_runs
from dask_dataproc.clusters.standings import ledger_url
from dask_dataproc.clusters.sync import run

MADE = 300_000_000


@pytest.fixture(scope="module")
def fresh(new_laptop):
    """A laptop whose workloads have never run."""
    return new_laptop()


@pytest.fixture(autouse=True)
def there(fresh):
    with fresh.here():
        yield


def kept(cluster: DataprocCluster):
    return run(read_runs(ledger_url(cluster.spec.staging), cluster.spec.workload))


def worked(seconds: float = 0.0, **spec) -> DataprocCluster:
    """A cluster that has held an array for so long, and has ended."""
    with DataprocCluster(n_workers=2, **spec) as cluster, cluster.get_client() as client:
        held = client.submit(np.ones, MADE // 8)
        client.submit(lambda array: time.sleep(seconds) or float(array.sum()), held).result()
    return cluster


def test_a_run_says_what_the_workers_held_and_for_how_long_they_worked():
    cluster = worked(1.2, workload="ml", input_bytes=12345)
    (ran,) = kept(cluster)
    assert (ran.workload, ran.workers, ran.machine, ran.input_bytes) == ("ml", 2, "n2-standard-4", 12345)
    assert MADE < ran.worker_peak <= ran.peak_memory < MADE + 2e9
    assert 1.2 < ran.seconds < 30
    assert ran.cost == pytest.approx(cluster.cost, rel=0.2)
    assert ran.ok


def test_a_cluster_that_did_nothing_is_no_run_and_one_that_failed_is_no_good_one():
    with DataprocCluster(workers=0, workload="analytics") as idle:
        pass
    assert kept(idle) == ()
    with DataprocCluster(workers=0, workload="analytics") as cluster, cluster.get_client() as client:
        client.submit(int, "1").result()
        client.submit(int, "no number", retries=0).exception()
    assert [ran.ok for ran in kept(cluster)] == [False]


def test_the_next_one_says_what_its_workload_usually_costs():
    for _ in range(3):
        worked(workload="etl")
    with DataprocCluster(workers=0, workload="etl") as cluster:
        (admitted,) = (phase for phase in cluster.phases if phase.name == "admit")
        assert admitted.detail.startswith("about $0.00 if it takes ")
        assert admitted.detail.endswith(" as etl did")
