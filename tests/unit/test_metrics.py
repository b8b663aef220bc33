"""The metrics, as far as they are known without a cluster: names, sums, and what is placed for who scrapes them."""

from __future__ import annotations

import ast
import json
import re
from pathlib import Path

import pytest
import yaml
from click.testing import CliRunner
from hypothesis import given
from hypothesis import strategies as st
from prometheus_client import CollectorRegistry, generate_latest
from prometheus_client.parser import text_string_to_metric_families

import dask_dataproc
from dask_dataproc.clusters import left_metrics, metric_names, reporting
from dask_dataproc.clusters.account import Account
from dask_dataproc.clusters.budget import budgets_of
from dask_dataproc.clusters.errors import Stockout
from dask_dataproc.clusters.phases import Phase
from dask_dataproc.clusters.spec import ClusterSpec
from dask_dataproc.init_actions.exporter import families
from dask_dataproc.init_actions.histogram import Histogram
from dask_dataproc.init_actions.samples import Sample, samples_of, snapshot
from dask_dataproc.init_actions.scrape_config import of_node
from dask_dataproc.init_actions.told import SILENCE, Told
from dask_dataproc.magics.cli import dataproc
from dask_dataproc.pipelines.composer.begin import FILES, PLUGIN

ROOT = Path(dask_dataproc.__file__).parent
HOUR = 3600.0


def values(samples) -> dict[str, float]:
    return {name + "".join(sorted(labels.values())): value for name, labels, value in samples}


# -- the table


def test_adr_002s_four_and_adr_003s_six_are_in_the_table():
    assert {metric.name for metric in metric_names.DASK} == {
        "dask_worker_memory_usage",
        "dask_task_duration_seconds",
        "dask_scheduler_queue_length",
        "dask_worker_cpu_utilization",
    }
    assert {metric.name for metric in metric_names.COMPOSER} == {
        "dag_execution_time",
        "cluster_creation_time",
        "job_success_rate",
        "cluster_utilization",
        "cost_per_job",
        "queue_depth",
    }


def test_counters_and_no_others_are_named_total_as_prometheus_wants_it():
    named = [metric for metric in metric_names.BY_NAME.values() if metric.name.endswith("_total")]
    assert [metric.kind for metric in named] == ["counter"] * len(named)
    assert [m for m in metric_names.BY_NAME.values() if m.kind == "counter"] == named


def test_the_document_lists_every_metric_with_its_kind_and_labels():
    text = (ROOT / "docs" / "monitoring.md").read_text()
    rows = dict(re.findall(r"^\| `(\w+)` \| ([^|]*) \|", text, re.MULTILINE))
    for metric in (*metric_names.BY_NAME.values(), *metric_names.COMPOSER):
        more = [label for label in metric.labels if label not in metric_names.OF_CLUSTER]
        assert rows.pop(metric.name) == ", ".join([metric.kind, *(f"`{label}`" for label in more)]), metric.name
    assert not rows


def test_the_plugin_writes_the_six_and_knows_no_other():
    tree = ast.parse((FILES / PLUGIN).read_text())
    calls = [node for node in ast.walk(tree) if isinstance(node, ast.Dict) and node.keys]
    keys = {key.value for node in calls for key in node.keys if isinstance(key, ast.Constant)}
    six = {metric.name for metric in metric_names.COMPOSER}
    assert six <= keys
    assert metric_names.CUSTOM in (FILES / PLUGIN).read_text()


def test_the_plugin_is_written_into_a_folder_and_imports_nothing_of_ours(tmp_path):
    ran = CliRunner().invoke(dataproc, ["composer", "plugin", str(tmp_path / "plugins")])
    written = Path(ran.stdout.strip())
    assert written == tmp_path / "plugins" / "dask_dataproc_metrics.py"
    named = re.findall(r"^ *(?:from|import) (\w+)", written.read_text(), re.MULTILINE)
    assert {"airflow", "google"} <= set(named)
    assert not [name for name in named if name.startswith("dask")]


# -- sums


@given(st.lists(st.floats(0, 1000)))
def test_each_bucket_of_a_histogram_holds_what_is_at_most_its_bound(durations):
    histogram = Histogram((0.1, 1.0, 10.0))
    for each in durations:
        histogram.observe(each)
    expected = [(str(bound), sum(each <= bound for each in durations)) for bound in (0.1, 1.0, 10.0)]
    assert histogram.buckets() == [*expected, ("+Inf", len(durations))]
    assert histogram.total == pytest.approx(sum(durations))


def test_a_lease_runs_out_and_costs_grow_while_nobody_says_so_by_the_services_clock():
    told = Told()
    spending = {"hourly": 3.0, "monthly": 40.0}
    told.take({"scale": 60, "lease": 600, "rate": 2.0, "cost": 5.0, "user": "ana", "spending": spending}, 100.0)
    found = values(told.samples(105.0))
    assert found["dask_dataproc_lease_seconds"] == 300
    assert found["dask_dataproc_cost_usd_total"] == pytest.approx(5 + 2 * 300 / HOUR)
    assert found["dask_dataproc_user_spending_usdanamonthly"] == pytest.approx(40 + 3 * 300 / HOUR)
    assert found["dask_dataproc_user_spending_usdanahourly"] == 3
    assert values(told.samples(1000.0))["dask_dataproc_lease_seconds"] == 0


def test_what_an_owner_spends_is_not_said_any_more_when_nobody_holds_the_cluster():
    told = Told()
    told.take({"cost": 5.0, "rate": 2.0, "user": "ana", "spending": {"monthly": 40.0}, "budget": {"monthly": 50}}, 0.0)
    assert "dask_dataproc_user_spending_usdanamonthly" in values(told.samples(SILENCE - 1))
    assert values(told.samples(SILENCE)).keys() == {"dask_dataproc_cost_usd_per_hour", "dask_dataproc_cost_usd_total"}


def test_what_nobody_has_told_is_not_said_and_neither_is_what_is_not_known_any_more():
    told = Told()
    assert list(told.samples(1.0)) == []
    told.take({"rate": 2.0, "cost": 1.0, "phases": {"boot": 3.0}}, 1.0)
    told.take({"rate": None, "cost": None}, 2.0)
    assert list(told.samples(3.0)) == [Sample("dask_dataproc_up_seconds", {"phase": "boot"}, 3.0)]


# -- what the client knows


def test_spending_is_told_with_the_budgets_that_there_are():
    now = 1_795_000_000.0
    account = Account("ana", spent={"2026-11-01": {"etl": 30.0}, "2026-10-31": {"etl": 500.0}})
    told = reporting.of_owner(account, budgets_of("ana", {"user": 100, "hourly": 4}), now)
    assert told == {
        "user": "ana",
        "spending": {"hourly": 0, "monthly": 30.0},
        "budget": {"hourly": 4.0, "monthly": 100.0},
    }
    assert reporting.of_owner(account, budgets_of("ana", {}), now)["budget"] == {}


def test_a_failed_creation_says_why_and_how_far_it_came():
    phases = [Phase("admit", 0.0, 1.0), Phase("create", 1.0, 2.0), Phase("create", 4.0, 3.0, failed=True)]
    spec = ClusterSpec(name="c", labels={"owner": "ana"})
    found = reporting.failure_samples(spec, type(Stockout("no machines")).__name__, phases)
    of_cluster = {"cluster": "c", "owner": "ana"}
    assert found == [
        Sample("dask_dataproc_creation_failures_total", of_cluster | {"reason": "Stockout"}, 1),
        Sample("dask_dataproc_up_seconds", of_cluster | {"phase": "admit"}, 1.0),
        Sample("dask_dataproc_up_seconds", of_cluster | {"phase": "create"}, 5.0),
    ]


# -- what is left in staging


def left(folder: Path, cluster: str, uuid: str, at: float, ended: bool, *samples: Sample) -> None:
    said = snapshot(cluster, "ana", samples, at, ended=ended)
    (folder / f"{cluster}.{uuid}.json").write_text(json.dumps(said))


def counted(name: str, value: float, **labels: str) -> Sample:
    return Sample(f"dask_dataproc_{name}_total", {"cluster": "c", "owner": "ana"} | labels, value)


def test_clusters_that_are_no_more_are_counted_and_living_and_old_ones_are_not(tmp_path):
    (tmp_path / "metrics").mkdir()
    put = lambda uuid, at, ended, *samples: left(tmp_path / "metrics", "c", uuid, at, ended, *samples)  # noqa: E731
    put("a", 9000.0, True, counted("cost_usd", 2.0), counted("creation_failures", 1, reason="Stockout"))
    put("b", 9500.0, True, counted("cost_usd", 3.0), counted("creation_failures", 1, reason="Stockout"))
    put("living", 9900.0, False, counted("cost_usd", 100.0))
    put("silent", 8000.0, False, counted("cost_usd", 10.0), Sample("dask_dataproc_busy", counted("x", 0).labels, 1))
    put("old", 10.0, True, counted("cost_usd", 1000.0))
    found = left_metrics.left_metrics(f"file://{tmp_path}", 5000.0, 10000.0)
    assert values(found) == {
        "dask_dataproc_cost_usd_totalanac": 15.0,
        "dask_dataproc_creation_failures_totalStockoutanac": 2,
    }


def test_no_staging_is_no_metrics(tmp_path):
    assert left_metrics.left_metrics(f"file://{tmp_path}/nowhere", 0.0, 1.0) == []


def test_a_snapshot_is_read_as_it_was_written():
    samples = [counted("cost_usd", 2.5), Sample("dask_scheduler_queue_length", {}, 3)]
    assert samples_of(json.loads(json.dumps(snapshot("c", "ana", samples, 1.0, ended=True)))) == samples


def test_what_is_exported_is_prometheus_own_text_with_every_label():
    odd = {"cluster": 'a"b\\c\nd', "owner": "ana", "reason": "Stockout"}

    class Two:
        def collect(self):
            return list(families([Sample("dask_dataproc_creation_failures_total", odd, 2)]))

    registry = CollectorRegistry()
    registry.register(Two())
    (family,) = text_string_to_metric_families(generate_latest(registry).decode())
    (sample,) = family.samples
    assert (family.type, sample.name, sample.labels, sample.value) == (
        "counter",
        "dask_dataproc_creation_failures_total",
        odd,
        2.0,
    )


# -- what is placed on a node for the Ops Agent


def node(role: str, runtime: str = "standalone", workers: str = "2", **more: str) -> dict[str, str]:
    machine = {"dataproc-cluster-name": "etl", "dask-vcpus": "16", "dask-memory": str(64 << 30)}
    return {"dataproc-role": role, "dataproc-worker-count": workers, "dask-runtime": runtime} | machine | more


def jobs(metadata: dict[str, str]) -> dict[str, list[str]]:
    placed = yaml.safe_load(of_node(metadata))["metrics"]
    ((name, receiver),) = placed["receivers"].items()
    assert receiver["type"] == "prometheus"
    assert placed["service"]["pipelines"] == {"dask": {"receivers": [name]}}
    scraped = receiver["config"]["scrape_configs"]
    return {job["job_name"]: [t for each in job["static_configs"] for t in each["targets"]] for job in scraped}


@pytest.mark.parametrize(
    ("metadata", "expected"),
    [
        (node("Master"), {"dask-head": ["127.0.0.1:8787"]}),
        (node("Worker"), {"dask-worker": ["127.0.0.1:8788"]}),
        (node("Worker", **{"dask-workload": "etl"}), {"dask-worker": [f"127.0.0.1:{p}" for p in (8788, 8789, 8790)]}),
        (node("Master", workers="0"), {"dask-head": ["127.0.0.1:8787"], "dask-worker": ["127.0.0.1:8788"]}),
        (node("Master", "yarn"), {"dask-head": ["127.0.0.1:8787"]}),
    ],
)
def test_each_node_has_its_own_programs_scraped_on_its_own_loopback(metadata, expected):
    assert jobs(metadata) == expected


def test_a_node_of_containers_has_nothing_to_scrape():
    assert of_node(node("Worker", "yarn")) == ""


def test_nothing_reaches_google_twice_or_under_a_label_that_google_has_itself():
    (head,) = yaml.safe_load(of_node(node("Master")))["metrics"]["receivers"]["dask"]["config"]["scrape_configs"]
    (dropped,) = head["metric_relabel_configs"]
    assert (dropped["action"], dropped["regex"]) == ("labeldrop", "exported_cluster")
    assert head["static_configs"][0]["labels"] == {"dask_cluster": "etl"}
    (worker,) = yaml.safe_load(of_node(node("Worker")))["metrics"]["receivers"]["dask"]["config"]["scrape_configs"]
    (rule,) = worker["metric_relabel_configs"]
    assert rule["action"] == "drop"
    assert set(rule["regex"].split("|")) == {"dask_worker_memory_usage", "dask_worker_cpu_utilization"}
