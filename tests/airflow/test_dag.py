"""The generated DAG on real Airflows: real Papermill and Google operators, with the emulator as their Dataproc."""

from __future__ import annotations

import ast
import json
from pathlib import Path

import nbformat

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


def test_the_file_imports_nothing_of_ours(runs):
    file = runs.airflows["3"].folder / "succeeds_3" / "dags" / "succeeds_3.py"
    runs.outcome("3", "succeeds")
    imported = {
        name.split(".")[0]
        for node in ast.walk(ast.parse(file.read_text()))
        if isinstance(node, ast.Import | ast.ImportFrom)
        for name in ([node.module or ""] if isinstance(node, ast.ImportFrom) else [a.name for a in node.names])
    }
    assert imported == {"__future__", "airflow", "datetime", "hashlib", "json", "logging", "os", "time"}
