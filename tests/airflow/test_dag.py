"""The generated DAG on real Airflows: real Papermill and Google operators, with the emulator as their Dataproc."""

from __future__ import annotations

import ast
import json
import subprocess
from datetime import UTC, date, datetime
from pathlib import Path

import dask
import nbformat
import pandas

from .conftest import HERE, airflow

DATE = "2026-03-01T06:00:00+00:00"
DRIFTED = "is not the environment"
NOTEBOOK = json.loads(Path(__file__).with_name("job.ipynb").read_text())


def defaults() -> dict[str, str]:
    scope: dict[str, object] = {}
    exec("".join(NOTEBOOK["cells"][1]["source"]), scope)
    return {name: repr(value) for name, value in scope.items()}


def test_a_run_computes_on_its_own_cluster_and_deletes_it(runs, emulator, version):
    outcome = runs.outcome(version, "succeeds")
    assert outcome.state == "success", outcome.log[-4000:]
    assert set(outcome.tasks.values()) == {"success"}
    assert outcome.report["total"] == 45
    assert outcome.report["run"]["cluster"].startswith(outcome.dag.replace("_", "-"))
    assert emulator.of(outcome.dag) == []


def test_the_executed_notebook_says_what_the_runs_cluster_cost(runs, version):
    outcome = runs.outcome(version, "succeeds")
    (output,) = outcome.notebooks
    document = nbformat.read(output, as_version=4)
    (cost,) = document.metadata.dask_dataproc_cost
    assert cost.cluster == outcome.report["run"]["cluster"]
    assert 0 < cost.usd < cost.price_per_hour * 300 / 3600
    assert document.metadata.papermill.exception is None


def test_cloud_monitoring_has_adr_003s_six_of_a_run(runs, version):
    outcome, written = runs.outcome(version, "succeeds"), runs.told.written
    (seconds,) = written.of("dag_execution_time", dag_id=outcome.dag, state="success")
    (creation,) = written.of("cluster_creation_time", dag_id=outcome.dag)
    assert 0 < creation.value < seconds.value
    assert [point.value for point in written.of("job_success_rate", dag_id=outcome.dag)] == [1]
    (cost,) = written.of("cost_per_job", dag_id=outcome.dag)
    assert 0 < cost.value < 1
    (used,) = written.of("cluster_utilization", dag_id=outcome.dag)
    assert 0 < used.value <= 1
    assert {(point.value >= 0, point.project) for point in written.of("queue_depth")} == {(True, "local")}


def test_cloud_monitoring_hears_that_a_run_failed(runs, version):
    outcome, written = runs.outcome(version, "notebook_fails"), runs.told.written
    assert [point.value for point in written.of("job_success_rate", dag_id=outcome.dag)] == [0]
    assert len(written.of("dag_execution_time", dag_id=outcome.dag, state="failed")) == 1


def test_parameters_reach_the_notebook_with_equal_value_and_type(runs, version):
    given = runs.outcome(version, "succeeds").report["given"]
    assert given == {name: value for name, value in defaults().items() if name in given}


def test_a_failing_notebook_fails_the_run_and_its_cluster_is_deleted(runs, emulator, version):
    outcome = runs.outcome(version, "notebook_fails")
    assert outcome.state == "failed"
    assert (outcome.tasks["run_notebook"], outcome.tasks["delete_cluster"]) == ("failed", "success")
    (output,) = outcome.notebooks
    assert "asked to fail" in json.dumps(nbformat.read(output, as_version=4))
    assert emulator.of(outcome.dag) == []


def test_a_failing_teardown_fails_the_run(runs, emulator, version):
    """The notebook revokes Airflow's credentials: the work is done, the cluster cannot be deleted any more."""
    outcome = runs.outcome(version, "teardown_fails")
    assert outcome.state == "failed"
    assert (outcome.tasks["run_notebook"], outcome.tasks["delete_cluster"]) == ("success", "failed")
    assert outcome.tasks["finish"] == "success"
    assert emulator.of(outcome.dag) == [outcome.report["run"]["cluster"]]


def test_a_refused_create_fails_the_run_and_leaves_nothing(runs, emulator, version):
    outcome = runs.outcome(version, "create_refused")
    assert outcome.state == "failed"
    assert (outcome.tasks["create_cluster"], outcome.tasks["run_notebook"]) == ("failed", "upstream_failed")
    assert "n9-imagined-4" in outcome.log
    assert emulator.of(outcome.dag) == []


def test_a_cluster_that_fails_to_start_fails_the_run_and_is_deleted(runs, emulator, version):
    outcome = runs.outcome(version, "create_fails")
    assert outcome.state == "failed"
    assert (outcome.tasks["create_cluster"], outcome.tasks["run_notebook"]) == ("failed", "upstream_failed")
    assert emulator.of(outcome.dag) == []


def test_what_the_gate_lets_through_is_published_at_the_day_of_the_run(runs, version):
    """A run by hand has no date in Airflow 3: its input and its output are those of the day it was asked for."""
    outcome = runs.outcome(version, "succeeds")
    assert (outcome.tasks["wait_for_input_1"], outcome.tasks["publish"]) == ("success", "success")
    (published,) = outcome.published
    assert published.parent.name == outcome.report["run"]["day"]
    assert abs((date.fromisoformat(published.parent.name) - datetime.now(UTC).date()).days) <= 1
    assert sorted(pandas.read_parquet(published).n) == list(range(10))
    assert outcome.staged == []


def test_a_closed_gate_publishes_nothing_fails_the_run_and_the_cluster_is_deleted(runs, emulator, version):
    outcome = runs.outcome(version, "gate_closed")
    assert outcome.state == "failed"
    assert (outcome.tasks["run_notebook"], outcome.tasks["publish"]) == ("success", "failed")
    assert (outcome.tasks["finish"], outcome.tasks["delete_cluster"]) == ("upstream_failed", "success")
    assert outcome.published == []
    # The first try has written more parts, and failed: none of them is left.
    assert sum(len(pandas.read_parquet(part)) for part in outcome.staged) == 10
    assert emulator.of(outcome.dag) == []


def test_on_the_master_the_notebook_is_the_same_job(runs, emulator, version):
    outcome = runs.outcome(version, "job_succeeds")
    assert outcome.state == "success", outcome.log[-4000:]
    assert set(outcome.tasks.values()) == {"success"}
    assert outcome.report["total"] == 45
    assert outcome.report["given"] == {
        name: value for name, value in defaults().items() if name in outcome.report["given"]
    }
    (output,) = outcome.notebooks
    assert nbformat.read(output, as_version=4).metadata.dask_dataproc_cost[0].usd > 0
    assert emulator.of(outcome.dag) == []


def test_a_run_of_the_schedule_has_the_dates_of_its_interval_in_every_airflow(runs, version):
    outcome = runs.outcome(version, "job_succeeds")
    (published,) = outcome.published
    assert published.parent.name == outcome.report["run"]["day"] == DATE[:10]


def test_a_notebook_that_fails_on_the_master_fails_the_run_and_publishes_nothing(runs, emulator, version):
    outcome = runs.outcome(version, "job_fails")
    assert outcome.state == "failed"
    assert (outcome.tasks["run_notebook"], outcome.tasks["publish"]) == ("failed", "upstream_failed")
    assert outcome.tasks["delete_cluster"] == "success"
    (output,) = outcome.notebooks
    assert "asked to fail" in json.dumps(nbformat.read(output, as_version=4))
    assert outcome.published == []
    assert emulator.of(outcome.dag) == []


def test_a_retry_waits_for_the_job_of_a_killed_try_on_the_same_cluster_and_starts_none(runs, emulator, version):
    outcome = runs.outcome(version, "killed")
    assert outcome.state == "success", outcome.log[-4000:]
    assert (runs.airflows[version].folder / outcome.dag / "begun").read_text() == "once\n"
    assert len(outcome.notebooks) == 1
    assert emulator.of(outcome.dag) == []


def test_a_run_that_is_done_anew_computes_anew(runs, emulator, version):
    outcome = runs.outcome(version, "anew")
    assert outcome.state == "success", outcome.log[-4000:]
    assert outcome.report["total"] == 45
    assert len(outcome.notebooks) == 1
    assert emulator.of(outcome.dag) == []


def test_a_kernel_with_other_packages_is_told_of_before_a_cluster_is_paid_for(runs, version):
    outcome = runs.outcome(version, "drift")
    assert outcome.state == "failed"
    assert (outcome.tasks["resolve_run"], outcome.tasks["create_cluster"]) == ("failed", "upstream_failed")
    (said,) = {line[line.index("kernel dask-dataproc-") :] for line in outcome.log.splitlines() if DRIFTED in line}
    assert f"dask {dask.__version__} (exported with 1.2.3), tea missing (exported with 9); delete it" in said


def test_success_and_failure_are_told_and_what_cannot_be_told_fails_nothing(runs, version):
    good, bad = runs.outcome(version, "succeeds"), runs.outcome(version, "gate_closed")
    ((post,), (mail,)) = runs.told.of(good.dag)
    assert (post["outcome"], post["text"].startswith(f"{good.dag} has succeeded")) == ("succeeded", True)
    assert "ana@example.org" in mail
    ((post,), _) = runs.told.of(bad.dag)
    assert (post["outcome"], post["run_id"] in post["text"]) == ("failed", True)


def test_the_file_imports_nothing_of_ours(runs):
    runs.outcome("3", "succeeds")
    runs.outcome("3", "job_succeeds")
    allowed = {"__future__", "airflow", "datetime", "functools", "hashlib", "itertools", "json"}
    allowed |= {"jupyter_client", "logging", "os", "pathlib", "subprocess", "tempfile", "time", "urllib"}
    files = [runs.airflows["3"].folder / name / "dags" / f"{name}.py" for name in ("succeeds_3", "job_succeeds_3")]
    assert imported(files[0]) == allowed
    assert imported(files[1]) == allowed - {"jupyter_client", "pathlib", "subprocess", "tempfile"}


def test_airflow_2_10_parses_it_too(runs, emulator, tmp_path):
    """Where there is no time to run it: all that the scenarios have of a notebook's metadata."""
    names = [runs.outcome("3", name).dag for name in ("succeeds", "job_succeeds", "gate_closed", "killed")]
    (tmp_path / "dags").mkdir()
    for name in names:
        made = runs.airflows["3"].folder / name / "dags" / f"{name}.py"
        (tmp_path / "dags" / made.name).write_bytes(made.read_bytes())
    settings = {"AIRFLOW_HOME": str(tmp_path / "home"), "AIRFLOW__CORE__LOAD_EXAMPLES": "False"}
    command = [str(airflow("2.10")), str(HERE / "dag_run.py"), str(tmp_path / "dags")]
    told = subprocess.run(command, env=emulator.env | settings, capture_output=True, text=True, timeout=120)
    assert told.returncode == 0, told.stderr[-3000:]
    assert json.loads(told.stdout) == {"errors": {}, "dags": sorted(names)}


def imported(file: Path) -> set[str]:
    return {
        name.split(".")[0]
        for node in ast.walk(ast.parse(file.read_text()))
        if isinstance(node, ast.Import | ast.ImportFrom)
        for name in ([node.module or ""] if isinstance(node, ast.ImportFrom) else [a.name for a in node.names])
    }
