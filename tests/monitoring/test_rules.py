"""Prometheus' rules: promtool has each alert fire, resolve, and say nothing at its bound."""

from __future__ import annotations

import copy
import re
import subprocess

import pytest
import yaml

from dask_dataproc.clusters.budget import LEVELS
from dask_dataproc.clusters.config import LEASE_BOUNDS
from dask_dataproc.clusters.lease import RENEWALS
from dask_dataproc.init_actions import scrape_config
from dask_dataproc.init_actions.settings import DASK

from .conftest import MONITORING, ROOT

RULES, TESTS = sorted(MONITORING.glob("rules/*.yaml")), sorted(MONITORING.glob("rules/tests/*.yaml"))


def cases_of(alert: str) -> list[list]:
    """The alerts that are expected of ``alert``, each time that it is asked for in a promtool test."""
    tests = (test for file in TESTS for test in yaml.safe_load(file.read_text())["tests"])
    return [case["exp_alerts"] for test in tests for case in test["alert_rule_test"] if case["alertname"] == alert]


def test_the_rules_are_what_prometheus_reads(promtool):
    assert promtool("check", "rules", *RULES).count("SUCCESS") == len(RULES)


def test_the_alerts_fire_and_resolve_as_the_tests_of_promtool_say(promtool):
    assert promtool("test", "rules", *TESTS).count("SUCCESS") == len(TESTS)


def test_every_alert_is_seen_to_fire_and_to_be_silent(generate, source):
    for alert in generate.alerts(source):
        cases = cases_of(alert["alert"])
        assert any(cases), f"{alert['alert']} never fires"
        assert [] in cases, f"{alert['alert']} is never silent"


@pytest.mark.parametrize("factor", [0.98, 1.08])
def test_the_tests_notice_every_bound_that_is_moved(prometheus_program, generate, source, tmp_path, factor):
    moved = copy.deepcopy(source)
    bounded = {a["alert"]: a for group in moved["groups"] for a in group["alerts"] if "bound" in a}
    for alert in bounded.values():
        alert["bound"] = round(alert["bound"] * factor, 4)
    (tmp_path / "tests").mkdir()
    for name, made in generate.rules(moved).items():
        (tmp_path / f"{name}.yaml").write_text(yaml.safe_dump(made))
        (tmp_path / "tests" / f"{name}.yaml").write_bytes(
            (MONITORING / "rules" / "tests" / f"{name}.yaml").read_bytes()
        )
    asked = [prometheus_program("promtool"), "test", "rules", *(tmp_path / "tests").iterdir()]
    said = subprocess.run(asked, capture_output=True, text=True, timeout=120)
    noticed = set(re.findall(r"alertname: (\w+), time", said.stdout + said.stderr))
    assert noticed == set(bounded)


def test_the_files_are_what_the_tables_make(generate, source, boards):
    made = generate.files(source, boards, generate.DOCUMENT.read_text())
    assert {path: path.read_text() for path in made} == made, "python infra/monitoring/generate.py"
    there = {
        file for kind in ("rules/*.yaml", "policies/*.json", "dashboards/*.json") for file in MONITORING.glob(kind)
    }
    assert there == set(made) - {generate.DOCUMENT}


def test_every_alert_says_how_grave_it_is_whose_it_is_and_what_to_do(generate, source):
    headings = re.findall(r"^## (.+)$", (ROOT / source["runbook"]).read_text(), re.MULTILINE)
    anchors = {f"{source['runbook']}#{heading.lower().replace(' ', '-')}" for heading in headings}
    for alert in generate.alerts(source):
        assert alert["severity"] in {"critical", "error", "warning", "info"}
        assert "{" in alert["summary"], alert["alert"]
        assert alert["runbook"] in anchors, alert["alert"]


def test_the_bounds_are_those_of_the_program(generate, source):
    by_name = {alert["alert"]: alert for alert in generate.alerts(source)}
    levels = {share for share, _ in LEVELS if share < 1}
    assert {alert["bound"] for name, alert in by_name.items() if name.startswith("UserSpending")} == levels
    assert by_name["ClusterLeaseEnding"]["bound"] < LEASE_BOUNDS[0] * (1 - 1 / RENEWALS)
    exhausted = by_name["WorkerMemoryExhausted"]
    assert exhausted["bound"] == DASK["distributed.worker.memory.pause"]
    assert str(DASK["distributed.worker.memory.terminate"]) in exhausted["summary"]


def test_the_cloud_groups_by_the_label_that_the_ops_agent_is_told_to_put_on(generate):
    assert generate.OF_SCRAPER == scrape_config.LABEL


def test_a_quicker_pace_shortens_how_long_and_how_far_back_but_no_bound(generate, source):
    (slow, *_), (quick, *_) = (generate.rules(source, pace)["health"]["groups"][0]["rules"] for pace in (1, 120))
    assert (slow["for"], quick["for"]) == ("2m", "1000ms")
    assert "[10m]" in slow["expr"]
    assert "[5000ms]" in quick["expr"]
