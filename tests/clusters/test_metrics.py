"""What a Prometheus gets from a cluster, and what is left of one that it never came to ask."""

from __future__ import annotations

import json
import os
import signal
import urllib.request

import grpc
import pytest
from click.testing import CliRunner
from distributed import wait
from prometheus_client.parser import text_string_to_metric_families

from dask_dataproc import DataprocCluster
from dask_dataproc.clusters.errors import QuotaExceeded
from dask_dataproc.clusters.fleet import delete_cluster
from dask_dataproc.clusters.metric_names import DASK, OURS
from dask_dataproc.clusters.phases import UP
from dask_dataproc.magics.cli import dataproc

from .monitoring import monitoring


def scraped(url: str) -> dict[tuple[str, frozenset[tuple[str, str]]], float]:
    with urllib.request.urlopen(url, timeout=10) as answer:
        text = answer.read().decode()
    found = text_string_to_metric_families(text)
    return {(s.name, frozenset(s.labels.items())): s.value for family in found for s in family.samples}


def of(page: dict, name: str, **labels: str) -> float | None:
    """The value of the one series of that name that has these labels; None if there is none."""
    found = [value for (each, has), value in page.items() if each == name and labels.items() <= dict(has).items()]
    assert len(found) < 2, found
    return found[0] if found else None


def page_of(cluster: DataprocCluster) -> dict:
    return scraped(cluster.dashboard_link.replace("/status", "/metrics"))


def told(laptop, cluster: DataprocCluster) -> dict:
    """The head's page once it has been told what it cannot see."""
    laptop.until(lambda: of(page_of(cluster), "dask_dataproc_lease_seconds"))
    return page_of(cluster)


def of_the_notebook(function):
    """Have ``function`` travel by value, as one of a notebook does: workers cannot import this file."""
    function.__module__ = "__main__"
    return function


@of_the_notebook
def held(lock: str) -> int:
    import os
    import time

    while os.path.exists(lock):
        time.sleep(0.01)
    return 1


@of_the_notebook
def fill(megabytes: int) -> bytes:
    return b"x" * (megabytes << 20)


def test_a_living_cluster_says_every_metric_beside_dasks_own(laptop, cluster):
    page = told(laptop, cluster)
    names = {name.removesuffix("_bucket").removesuffix("_count").removesuffix("_sum") for name, _ in page}
    unsaid = {"dask_dataproc_creation_failures_total", "dask_dataproc_user_budget_usd"}  # it is here; there is none
    assert {metric.name for metric in (*DASK, *OURS)} - names == unsaid
    assert of(page, "dask_scheduler_clients") is not None, "Dask's own"
    of_cluster = {"cluster": cluster.name, "owner": cluster.record.owner}
    ours = [dict(labels) for name, labels in page if name.startswith("dask_dataproc_")]
    assert all(of_cluster.items() <= labels.items() for labels in ours)


def test_lease_cost_size_and_the_way_up_are_those_of_the_cluster(laptop, cluster):
    page = told(laptop, cluster)
    assert cluster.lease.left - 5 < of(page, "dask_dataproc_lease_seconds") < cluster.lease.left + 5
    assert of(page, "dask_dataproc_cost_usd_per_hour") == pytest.approx(cluster.price_per_hour)
    assert 0 < of(page, "dask_dataproc_cost_usd_total") <= cluster.cost
    assert (of(page, "dask_dataproc_workers"), of(page, "dask_dataproc_workers_wanted")) == (2, 2)
    for phase in cluster.phases[: len(UP)]:
        assert of(page, "dask_dataproc_up_seconds", phase=phase.name) == pytest.approx(phase.seconds)
    user = cluster.record.owner
    assert of(page, "dask_dataproc_user_spending_usd", user=user, period="hourly") >= cluster.price_per_hour


def test_tasks_without_a_thread_queue_and_are_timed_when_they_are_done(laptop, cluster, tmp_path):
    lock = tmp_path / "lock"
    lock.touch()
    before = page_of(cluster)
    with cluster.get_client() as client:
        threads = sum(client.nthreads().values())
        futures = client.map(held, [str(lock)] * (threads + 5), pure=False)
        laptop.until(lambda: of(page_of(cluster), "dask_scheduler_queue_length") == 5)
        assert of(page_of(cluster), "dask_dataproc_busy") == 1
        lock.unlink()
        assert sum(client.gather(futures)) == threads + 5
        laptop.until(lambda: of(page_of(cluster), "dask_dataproc_busy") == 0)
    after = page_of(cluster)
    assert of(after, "dask_scheduler_queue_length") == 0
    name = "dask_task_duration_seconds"
    assert of(after, f"{name}_count") - of(before, f"{name}_count") == threads + 5
    assert of(after, f"{name}_bucket", le="+Inf") == of(after, f"{name}_count")
    assert of(after, f"{name}_sum") > of(before, f"{name}_sum")


def test_head_and_worker_say_of_a_worker_how_full_it_is(laptop, cluster):
    with cluster.get_client() as client:
        address, about = next(iter(client.scheduler_info()["workers"].items()))
        of_worker = f"http://127.0.0.1:{about['services']['dashboard']}/metrics"
        share = {"name": "dask_worker_memory_usage", "worker": about["name"]}
        before = of(scraped(of_worker), **share)
        data = client.submit(fill, 256, workers=[address], pure=False)
        wait(data)
        grown = 0.9 * (256 << 20) / about["memory_limit"]
        laptop.until(lambda: of(scraped(of_worker), **share) > before + grown)
        laptop.until(lambda: of(page_of(cluster), **share) > before + grown)
        assert 0 <= of(scraped(of_worker), "dask_worker_cpu_utilization", worker=about["name"]) <= 1
        assert of(scraped(of_worker), "dask_dataproc_workers") is None, "the cluster's are the head's to say"


def test_a_single_node_says_the_clusters_metrics_once(laptop):
    with DataprocCluster(workers=0) as cluster, cluster.get_client() as client:
        assert of(told(laptop, cluster), "dask_dataproc_workers") == 1
        (about,) = client.scheduler_info()["workers"].values()
        of_worker = scraped(f"http://127.0.0.1:{about['services']['dashboard']}/metrics")
        assert of(of_worker, "dask_worker_memory_usage", worker=about["name"]) > 0
        assert not [name for name, _ in of_worker if name.startswith("dask_dataproc_")]


def test_the_lease_is_the_holders_word_whoever_is_attached_beside_and_the_lifetime_of_one_that_is_kept(laptop):
    lease = lambda: of(page_of(cluster), "dask_dataproc_lease_seconds")  # noqa: E731
    with DataprocCluster(workers=0, keep=True, lifetime="4h") as cluster:
        told(laptop, cluster)
        with DataprocCluster.from_name(cluster.name, hold_lease=False) as beside:
            cluster.sync(cluster._tenure._updates.extend, cluster.lease.clock.now() + 5400)
            beside.sync(beside._tell_once)
            assert 5300 < lease() < 5402
    assert 4 * 3600 - 100 < lease() < 4 * 3600 + 2
    delete_cluster(cluster.name)


def left(laptop, name: str) -> list[dict]:
    found = (laptop.state / "staging" / "metrics").glob(f"{name}.*.json")
    return [json.loads(file.read_text()) for file in found]


def last(said: dict) -> dict:
    return {(s["name"], frozenset(s["labels"].items())): s["value"] for s in said["samples"]}


def test_of_a_deleted_cluster_the_last_metrics_are_in_staging_and_a_verb_says_them(laptop):
    with DataprocCluster(n_workers=2) as cluster, cluster.get_client() as client:
        client.gather(client.map(abs, range(20)))
        told(laptop, cluster)
    (said,) = left(laptop, cluster.name)
    assert said["ended"]
    assert 0 < of(last(said), "dask_dataproc_cost_usd_total") <= cluster.cost
    assert said["used"]["tasks_done"] == 20
    assert said["tasks"]["dask_task_duration_seconds"]["buckets"][-1] == ["+Inf", 20]
    ran = CliRunner().invoke(dataproc, ["metrics", "--local"])
    line = f'dask_dataproc_creations_total{{cluster="{cluster.name}",owner="{cluster.record.owner}"}} 1.0'
    assert line in ran.stdout.splitlines()


def test_of_a_head_that_had_no_last_word_there_is_what_it_was_told(laptop):
    with DataprocCluster(n_workers=2) as cluster:
        laptop.until(lambda: of(last(left(laptop, cluster.name)[0]), "dask_dataproc_cost_usd_total"))
        (head,) = [pid for pid, name in laptop.machines(cluster.name).items() if name.endswith("-m")]
        os.kill(head, signal.SIGKILL)
    (said,) = left(laptop, cluster.name)
    assert not said["ended"]
    assert of(last(said), "dask_dataproc_up_seconds", phase="ready") > 0


@pytest.fixture(scope="module")
def watched(new_laptop):
    """A laptop whose clusters write to a Cloud Monitoring on loopback."""
    with monitoring() as (written, host):
        laptop = new_laptop(monitoring="true", budgets__user="0.000001", budgets__hourly="5")
        laptop.environment["MONITORING_EMULATOR_HOST"] = host
        yield laptop, written


def test_a_clusters_last_metrics_are_in_cloud_monitoring_when_it_has_gone(watched):
    laptop, written = watched
    with laptop.here(), DataprocCluster(n_workers=2) as cluster:
        page = told(laptop, cluster)
        user = cluster.record.owner
        spent = of(page, "dask_dataproc_user_spending_usd", user=user, period="monthly")
        assert spent > of(page, "dask_dataproc_user_budget_usd", user=user, period="monthly") == 0.000001
        assert of(page, "dask_dataproc_user_budget_usd", user=user, period="hourly") == 5
        assert written.points == []
    (cost,) = written.of("cost_usd_total", cluster=cluster.name, owner=user)
    assert 0 < cost.value <= cluster.cost
    assert cost.project == "local"
    assert {p.labels["phase"] for p in written.of("up_seconds", cluster=cluster.name)} == set(UP)


def test_a_cluster_that_does_not_come_up_is_counted_with_its_reason(watched):
    laptop, written = watched
    with laptop.here():
        from dask_dataproc.clusters.faults import emulator_fault

        emulator_fault("quota", 1)
        with pytest.raises(QuotaExceeded):
            DataprocCluster(name="not-to-be", n_workers=2)
    (said,) = left(laptop, "not-to-be")
    assert of(last(said), "dask_dataproc_creation_failures_total", reason="QuotaExceeded") == 1
    assert of(last(said), "dask_dataproc_up_seconds", phase="admit") > 0
    (point,) = written.of("creation_failures_total", cluster="not-to-be", reason="QuotaExceeded")
    assert point.value == 1


def test_a_cloud_monitoring_that_refuses_changes_nothing_of_the_error_or_the_end(watched):
    laptop, written = watched
    written.refuses = grpc.StatusCode.PERMISSION_DENIED
    try:
        with laptop.here():
            from dask_dataproc.clusters.faults import emulator_fault

            emulator_fault("quota", 1)
            with pytest.raises(QuotaExceeded, match="CPUS"):
                DataprocCluster(name="refused-too", n_workers=2)
            with DataprocCluster(n_workers=2) as cluster:
                told(laptop, cluster)
    finally:
        written.refuses = None
    assert left(laptop, "refused-too")
    assert left(laptop, cluster.name)[0]["ended"]
    assert written.of("cost_usd_total", cluster=cluster.name) == []
