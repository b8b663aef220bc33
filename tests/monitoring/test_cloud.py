"""What Cloud Monitoring is given: its own messages read it, and it speaks of metrics that there are."""

from __future__ import annotations

import json
import os
import re
import shutil
import subprocess
from pathlib import Path

import pytest
from google.cloud.monitoring_dashboard_v1 import Dashboard
from google.cloud.monitoring_v3 import AlertPolicy, NotificationChannel
from google.protobuf import json_format

from dask_dataproc.clusters.metric_names import BY_NAME, COMPOSER, custom_type

from .conftest import MONITORING, ROOT
from .queries import names_in, queries_of

POLICIES, BOARDS = sorted(MONITORING.glob("policies/*.json")), sorted(MONITORING.glob("dashboards/*.json"))
CHANNELS = sorted(MONITORING.glob("channels/*.json"))
OTHERS = {
    "up",
    "composer_googleapis_com:workflow_run_count",
    "dataproc_googleapis_com:cluster_operation_failed_count",
}
"""Metrics that are not ours: Prometheus' own, Composer's and Dataproc's."""


def in_promql(kind: str) -> str:
    """A Cloud Monitoring type as PromQL has it: the first slash is a colon, what else is no letter an underscore."""
    domain, _, path = kind.partition("/")
    return re.sub(r"\W", "_", domain) + ":" + re.sub(r"\W", "_", path)


KNOWN = {
    *OTHERS,
    *(name for name, metric in BY_NAME.items() if metric.kind != "histogram"),
    *(
        f"{name}_{part}"
        for name, metric in BY_NAME.items()
        if metric.kind == "histogram"
        for part in ("count", "bucket")
    ),
    *(in_promql(custom_type(name)) for name in (*BY_NAME, *(metric.name for metric in COMPOSER))),
}


def read(file, kind):
    return json_format.ParseDict(json.loads(file.read_text()), kind.pb()())


def test_names_are_found_in_queries():
    query = (
        'sum by (dask_cluster) (increase(a_b_com:c_total{x="y"}[5m])) / on (user) foo_bar > 0.9 and max(up{${C}}) == 1'
    )
    assert names_in(query) == {"a_b_com:c_total", "foo_bar", "up"}


@pytest.mark.parametrize("file", POLICIES, ids=lambda file: file.stem)
def test_a_policy_is_one_of_the_api_and_speaks_of_metrics_that_there_are(file):
    policy = read(file, AlertPolicy)
    (condition,) = policy.conditions
    asked = condition.condition_prometheus_query_language
    assert asked.alert_rule == file.stem
    assert asked.evaluation_interval.seconds % 30 == 0
    assert names_in(asked.query)
    assert names_in(asked.query) <= KNOWN
    assert len(policy.documentation.subject) <= 255
    assert "docs/runbook.md#" in policy.documentation.content


@pytest.mark.parametrize("file", POLICIES, ids=lambda file: file.stem)
def test_what_a_policy_says_of_its_result_the_result_has(file):
    policy = read(file, AlertPolicy)
    said = set(re.findall(r"metric_or_resource\.label\.(\w+)", policy.documentation.subject))
    kept = re.findall(r"by \(([^)]*)\)", policy.conditions[0].condition_prometheus_query_language.query)
    assert said <= {label.strip() for labels in kept for label in labels.split(",")}


@pytest.mark.parametrize("file", BOARDS, ids=lambda file: file.stem)
def test_a_dashboard_is_one_of_the_api_and_speaks_of_metrics_that_there_are(file):
    board = read(file, Dashboard)
    queries = queries_of(file)
    assert len(queries) >= len(board.mosaic_layout.tiles) - 1  # the list of open alerts asks nothing
    for query in queries:
        assert names_in(query)
        assert names_in(query) <= KNOWN, query


@pytest.mark.parametrize("file", BOARDS, ids=lambda file: file.stem)
def test_the_tiles_of_a_dashboard_lie_side_by_side(file):
    layout = read(file, Dashboard).mosaic_layout
    taken: set[tuple[int, int]] = set()
    for tile in layout.tiles:
        place = {(tile.x_pos + x, tile.y_pos + y) for x in range(tile.width) for y in range(tile.height)}
        assert not place & taken, tile.widget.title
        assert tile.x_pos + tile.width <= layout.columns
        taken |= place


def test_the_dashboards_show_every_metric_of_a_cluster_and_of_composer():
    shown = {name for file in BOARDS for query in queries_of(file) for name in names_in(query)}
    ours = {name for name, metric in BY_NAME.items() if metric.kind != "histogram"} - {
        "dask_dataproc_busy",
        "dask_dataproc_creation_failures_total",
    }
    assert ours | {in_promql(custom_type(metric.name)) for metric in COMPOSER} <= shown


def test_the_cluster_of_a_dashboard_is_chosen_by_the_label_that_queries_have(generate):
    board = read(MONITORING / "dashboards" / "cluster.json", Dashboard)
    (choice,) = board.dashboard_filters
    assert (choice.label_key, choice.template_variable) == (generate.OF_SCRAPER, "Cluster")
    assert all("{${Cluster}}" in query for query in queries_of(MONITORING / "dashboards" / "cluster.json"))


@pytest.mark.parametrize("file", CHANNELS, ids=lambda file: file.stem)
def test_a_channel_is_one_of_the_api_and_holds_the_name_of_its_secret_only(file):
    channel = read(file, NotificationChannel)
    assert channel.type_ == file.stem
    assert set(channel.labels) <= {"email_address", "channel_name"}
    assert set(channel.user_labels) <= {"secret", "secret-for"}
    assert bool(channel.user_labels) == (file.stem != "email")


def test_the_commands_of_the_document_install_all_wake_nobody_for_a_warning_and_show_no_secret(tmp_path):
    (block,) = re.findall(
        r"^    cd infra/monitoring\n(?:    .*\n)+", (ROOT / "docs" / "alerts.md").read_text(), re.MULTILINE
    )
    shutil.copy(Path(__file__).with_name("gcloud"), tmp_path)
    environment = os.environ | {"PATH": f"{tmp_path}:{os.environ['PATH']}"}
    ran = subprocess.run(
        ["bash", "-euo", "pipefail", "-c", block],
        cwd=ROOT,
        env=environment,
        capture_output=True,
        text=True,
        timeout=120,
    )
    assert ran.returncode == 0, ran.stderr
    asked = (tmp_path / "asked").read_text()
    assert "key-of" not in asked
    told = dict(
        re.findall(r"^monitoring policies create --policy-from-file=policies/(\S+) .*=(\S+)$", asked, re.MULTILINE)
    )
    assert sorted(told) == [file.name for file in POLICIES]
    for file in POLICIES:
        critical = json.loads(file.read_text())["userLabels"]["severity"] == "critical"
        assert told[file.name].count("channels/") == (3 if critical else 2), "PagerDuty's only for what is critical"
    assert asked.count("monitoring dashboards create") == len(BOARDS)
    given = (tmp_path / "channels").read_text()
    assert '"auth_token": "key-of-dask-alerts-slack"' in given
    assert '"service_key": "key-of-dask-alerts-pagerduty"' in given
