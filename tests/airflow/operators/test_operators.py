"""Our operators on real Airflows: what became of the run, of its cluster, and of what it was to leave behind."""

from __future__ import annotations

import json
import os
import subprocess
import urllib.parse
import urllib.request
from pathlib import Path

import pandas
import pytest

HERE = Path(__file__).parent
ROOT = HERE.parents[2]
HEAVY = ("dask", "distributed", "pandas", "pyarrow", "numpy", "mlflow", "click", "yaml")


@pytest.mark.parametrize("release", ["2.10", "2.11", "3"])
def test_every_dag_of_the_operators_is_parsed_and_importing_them_imports_nothing_heavy(rows, release):
    file = rows["3"].file
    program = (
        "import sys; sys.path.insert(0, sys.argv[1]); start = set(sys.modules); "
        "import dask_dataproc.pipelines.operators.plan; "
        "import dask_dataproc.pipelines.operators.thresholds, dask_dataproc.pipelines.operators.naming; "
        "pure = sorted(set(sys.modules) - start); "  # without the namespaces that an environment begins with
        "import airflow; "
        "from airflow.providers.google.cloud.triggers import dataproc; "
        "before = set(sys.modules); "
        "from dask_dataproc.pipelines.operators import *; "
        "from dask_dataproc.pipelines.operators import create_etl_dag, create_ml_training_dag, create_real_time_dag; "
        "import json; print(json.dumps([pure, sorted(set(sys.modules) - before)]))"
    )
    python = ROOT / "build" / f"airflow-{release}" / "bin" / "python"
    home = {"AIRFLOW_HOME": str(rows["3"].folder / f"parse-{release}"), "AIRFLOW__CORE__LOAD_EXAMPLES": "False"}
    environment = (
        os.environ | home | {"OPERATORS_FOLDER": "/nowhere", "OPERATORS_JOBS": "/nowhere", "OPERATORS_TAG": "x"}
    )
    run = subprocess.run(
        [python, "-c", program, str(file.parent)], env=environment, capture_output=True, text=True, timeout=120
    )
    assert run.returncode == 0, run.stderr[-3000:]
    pure, ours = json.loads(run.stdout.splitlines()[-1])
    assert set(ours) & set(HEAVY) == set()
    assert set(pure) & {*HEAVY, "airflow", "google.cloud", "google.api_core"} == set()
    environment["AIRFLOW__CORE__DAGS_FOLDER"] = str(file.parent)
    told = subprocess.run(
        [python, HERE.parent / "dag_run.py", file], env=environment, capture_output=True, text=True, timeout=120
    )
    assert told.returncode == 0, told.stderr[-3000:]
    parsed = json.loads(told.stdout)
    assert parsed["errors"] == {}
    assert {"succeeds_x", "model_x", "etl_no_input_x"} <= set(parsed["dags"])


@pytest.mark.parametrize("name", ["succeeds", "deferred"])
def test_a_job_computes_on_a_cluster_of_its_own_and_its_result_is_the_tasks(row, name):
    outcome = row.outcome(name)
    assert outcome.state == "success", outcome.log[-4000:]
    given = outcome.results["compute"]["given"]
    assert given == {"--folder": str(row.folder), "--day": outcome.dag, "--parts": "[1, 2]", "--share": "0.5"}
    assert "hello from the driver" in outcome.log
    assert '"labels": {"owner": "airflow"}' in outcome.log  # the task's owner
    assert row.gone(name)


def test_tasks_that_name_the_same_cluster_share_it_and_the_teardown_deletes_it(row):
    outcome = row.outcome("shared")
    assert outcome.state == "success", outcome.log[-4000:]
    assert outcome.times("is being made") == 1
    assert outcome.times("Attached to cluster") == 1
    assert row.gone("shared")


def test_a_retry_after_a_failed_job_gets_a_new_cluster_and_leaves_none(row):
    outcome = row.outcome("second_try")
    assert outcome.state == "success", outcome.log[-4000:]
    assert outcome.results["compute"] == "the second time"
    assert outcome.times("is being made") == 2
    assert row.gone("second_try")


@pytest.mark.parametrize(
    ("name", "cause"),
    [
        ("refused", "was refused: cluster.config.worker_config.machine_type_uri: machine type 'n9-imagined-4' given"),
        ("misspelt", "SpecError: 'workerz': no such field of a cluster, the nearest is workers"),
        ("start_fails", "did not start, it is ERROR: "),
        ("start_fails_deferred", "did not start, it is ERROR: "),
        ("job_fails", "is ERROR: The driver exited with status 3"),
        ("job_fails_deferred", "is ERROR: The driver exited with status 3"),
    ],
)
def test_a_failure_is_one_line_that_says_why_and_leaves_no_cluster(row, name, cause):
    outcome = row.outcome(name)
    assert (outcome.state, outcome.tasks) == ("failed", {"compute": "failed"})
    assert cause in outcome.cause
    assert row.gone(name)


@pytest.mark.parametrize("name", ["job_fails", "job_fails_deferred"])
def test_a_failed_jobs_last_lines_are_in_the_failure(row, name):
    log = row.outcome(name).log
    assert "    there is no such column: amount" in log[log.index("JobFailed: ") :]


@pytest.mark.parametrize("name", ["times_out", "times_out_deferred"])
def test_a_task_whose_time_is_over_fails_and_leaves_no_cluster(row, name):
    outcome = row.outcome(name)
    let_through = "AirflowTaskTimeout"  # by Airflow 2 when it tests a DAG
    assert outcome.state in ("failed", let_through)
    assert outcome.tasks == {"compute": "failed"}
    assert row.gone(name)


def test_a_task_that_is_stopped_while_its_job_runs_cancels_it_and_leaves_no_cluster(row):
    outcome = row.outcome("stopped")
    assert outcome.tasks["compute"] == "failed"
    assert set(outcome.seen["jobs"]) <= {"CANCELLED", "CANCEL_PENDING", "CANCEL_STARTED", "ERROR"}
    assert row.gone("stopped")


def test_a_task_that_is_stopped_while_its_cluster_is_made_leaves_none(row):
    outcome = row.outcome("stopped_early")
    assert outcome.tasks["compute"] == "failed"
    assert row.gone("stopped_early")


def test_a_deferred_task_that_cannot_look_at_its_cluster_any_more_fails_and_leaves_none(row):
    outcome = row.outcome("unseen")
    assert (outcome.state, outcome.tasks) == ("failed", {"compute": "failed"})
    assert f"{outcome.dag.replace('_', '-')}-" in outcome.cause
    assert "could not be looked at, 5 times in a row: " in outcome.cause
    assert "dataproc.clusters.get" in outcome.cause
    assert row.gone("unseen")


def test_a_deferred_task_that_is_ended_ends_its_job_and_its_cluster(row):
    over = row.outcome("job_fails_deferred")
    cluster, job = row.begin("ended")
    row.call("ends_deferred.py", cluster, job, over.dag)
    assert [each.status.state.name for each in row.jobs_on(cluster)] in ([], ["CANCELLED"])
    assert row.gone("ended")


def test_after_a_lost_worker_the_run_goes_on_with_the_same_cluster_and_the_same_job(row):
    outcome = row.outcome("lost_worker")
    assert outcome.seen["found"] == [outcome.seen["left"]]
    assert outcome.tasks == {"compute": "success"}, outcome.log[-4000:]
    assert outcome.results["compute"] == 1, "the job was started once"
    assert row.gone("lost_worker")


def test_a_cluster_that_airflow_has_made_says_so_in_the_label_that_the_clean_up_looks_for(row):
    assert all("airflow-version" in labels for labels in row.outcome("lost_worker").seen["labels"])


def test_a_run_that_is_done_anew_computes_anew(row):
    outcome = row.outcome("done_anew")
    assert outcome.seen["first"].results["compute"] == 1, outcome.seen["first"].log[-4000:]
    assert outcome.tasks == {"compute": "success"}, outcome.log[-4000:]
    assert outcome.results["compute"] == 2, "the job was started again"
    assert row.gone("done_anew")


def versions(mlflow: str, model: str) -> list[dict]:
    query = urllib.parse.urlencode({"filter": f"name='{model}'"})
    with urllib.request.urlopen(f"{mlflow}/api/2.0/mlflow/model-versions/search?{query}", timeout=30) as answer:
        return json.loads(answer.read()).get("model_versions", [])


def champion(mlflow: str, model: str) -> dict:
    query = urllib.parse.urlencode({"name": model, "alias": "champion"})
    with urllib.request.urlopen(f"{mlflow}/api/2.0/mlflow/registered-models/alias?{query}", timeout=30) as answer:
        return json.loads(answer.read())["model_version"]


def test_a_model_that_is_good_enough_is_registered_with_its_tags_and_its_alias(row, mlflow):
    outcome = row.outcome("model")
    assert outcome.state == "success", outcome.log[-4000:]
    assert outcome.results["validate_model"] == {"auc": 0.9, "rmse": 0.7}
    (version,) = versions(mlflow, outcome.dag)
    tags = {tag["key"]: tag["value"] for tag in version["tags"]}
    assert champion(mlflow, outcome.dag)["version"] == version["version"] == "1"
    assert version["run_id"] == outcome.results["train_model"]["mlflow_run_id"]
    assert version["source"].endswith("/model")
    assert (tags["training_dag"], tags["data_path"]) == (outcome.dag, f"{row.folder}/in")
    assert outcome.results["register_model"]["url"] == f"{mlflow}/#/models/{outcome.dag}/versions/1"
    assert outcome.times("is being made") == 1
    assert row.gone("model")


@pytest.mark.parametrize("name", ["model_in_a_folder", "model_told"])
def test_a_model_whose_training_says_no_run_of_mlflow_is_registered_where_its_templated_path_leads(row, mlflow, name):
    outcome = row.outcome(name)
    assert outcome.state == "success", outcome.log[-4000:]
    assert outcome.results["validate_model"] == {"auc": 0.9}
    assert [version["source"] for version in versions(mlflow, outcome.dag)] == [f"{row.folder}/{outcome.dag}/model"]
    assert row.gone(name)


@pytest.mark.parametrize(
    ("name", "cause"),
    [
        ("model_not_good_enough", "is not good enough: auc: 0.9, allowed is at least 0.95"),
        ("model_registry_away", "MLflow at http://127.0.0.1:9 does not answer"),
    ],
)
def test_a_model_that_cannot_be_let_through_is_not_registered(row, mlflow, name, cause):
    outcome = row.outcome(name)
    assert outcome.state == "failed"
    assert (outcome.tasks["validate_model"], outcome.tasks["register_model"]) == ("failed", "upstream_failed")
    assert cause in outcome.log
    assert versions(mlflow, outcome.dag) == []
    assert row.gone(name)


def test_the_connections_password_goes_to_its_own_server_alone(row):
    own, other = json.loads(row.call("told.py"))
    assert own.startswith("Basic ")
    assert other is None


def test_a_model_that_is_worse_than_the_champion_is_not_registered(row, mlflow):
    assert row.outcome("model_champion").state == "success", "the first has nobody to be compared with"
    outcome = row.outcome("model_worse")
    assert outcome.state == "failed"
    assert "auc: 0.5, allowed is at least the champion's 0.9" in outcome.log
    (version,) = versions(mlflow, f"churn_{row.tag}")
    assert champion(mlflow, f"churn_{row.tag}")["version"] == version["version"]


def test_an_etl_publishes_what_keeps_its_rules_and_leaves_nothing_staged(row):
    outcome = row.outcome("etl")
    assert outcome.state == "success", outcome.log[-4000:]
    folder = row.folder / outcome.dag
    assert pandas.read_parquet(folder / "out").to_dict("list") == {
        "id": [1, 2, 3],
        "amount": [10, 20, 30],
        "cents": [1000, 2000, 3000],
    }
    assert list((folder / "_staged").rglob("*.parquet")) == []
    assert outcome.results["validate_output_quality"]["passed"] is True
    assert outcome.times("is being made") == 1
    assert row.gone("etl")


def test_an_etl_whose_gate_is_closed_publishes_nothing_and_names_each_failure_in_one_line(row):
    outcome = row.outcome("etl_gate_closed")
    ends = {"process_data": "success", "validate_output_quality": "failed", "notify_success": "upstream_failed"}
    assert outcome.state == "failed"
    assert outcome.tasks == {"validate_input_data": "success", **ends, "delete_cluster": "success"}
    folder = row.folder / outcome.dag
    assert not (folder / "out").exists()
    assert len(list((folder / "_staged").rglob("*.parquet"))) == 1
    rows, cents = "rows.min (3 rows, at least 4 asked)", "columns.cents.max (1 of 3 rows break it: at most 2000 asked)"
    assert f"GateClosed: {folder}/out is not published: {rows}; {cents}" in outcome.cause
    assert outcome.times("is submitted to cluster") == 2, "a closed gate is not tried again"
    assert row.gone("etl_gate_closed")


@pytest.mark.parametrize(
    ("name", "failed"), [("etl_no_input", "validate_input_data"), ("etl_processing_fails", "process_data")]
)
def test_an_etl_that_fails_before_its_gate_publishes_nothing(row, name, failed):
    outcome = row.outcome(name)
    assert outcome.state == "failed"
    assert (outcome.tasks[failed], outcome.tasks["validate_output_quality"]) == ("failed", "upstream_failed")
    assert (outcome.tasks["notify_success"], outcome.tasks["delete_cluster"]) == ("upstream_failed", "success")
    assert not (row.folder / outcome.dag / "out").exists()
    assert row.gone(name)


def test_a_run_of_the_schedule_is_of_the_day_on_which_its_interval_begins_in_every_airflow(row):
    midnight, six = ([f"2025-01-0{day}T0{hour}:00:00+00:00" for day in (2, 1)] for hour in (0, 6))
    said = row.call("dates.py", str(row.file), row.dag("preset"), row.dag("cron"))
    assert json.loads(said) == {row.dag("preset"): midnight, row.dag("cron"): six}


def test_a_batch_goes_through_its_stages_and_publishes(row):
    outcome = row.outcome("batch")
    assert outcome.state == "success", outcome.log[-4000:]
    assert list(pandas.read_parquet(row.folder / outcome.dag / "out").cents) == [1000, 2000, 3000]
    assert outcome.times("is being made") == 1
    assert row.gone("batch")


def test_a_stage_that_fails_is_tried_again_without_those_before_it_and_without_what_it_has_left(row):
    outcome = row.outcome("batch_again")
    assert outcome.state == "success", outcome.log[-4000:]
    assert outcome.times("is submitted to cluster") == 4, "one stage, another twice, the gate"
    assert list(pandas.read_parquet(row.folder / outcome.dag / "out").id) == [1, 2, 3]
    assert row.gone("batch_again")


def test_every_folder_that_a_template_has_a_job_write_for_a_gate_is_emptied_before(row):
    told = row.call("writes.py", str(row.file), *map(row.dag, ("etl", "batch", "dynamic")))
    for task in json.loads(told):
        assert task["writes"] == task["told"], task["id"]


def test_a_dynamic_etl_has_the_size_and_the_code_of_its_run(row):
    outcome = row.outcome("dynamic")
    assert outcome.state == "success", outcome.log[-4000:]
    assert outcome.results["run_dynamic_etl"] == 60
    assert '"workers": 3' in outcome.log
    assert len(pandas.read_parquet(row.folder / outcome.dag / "out")) == 3
    assert row.gone("dynamic")


def test_code_that_is_not_there_fails_the_run_and_publishes_nothing(row):
    outcome = row.outcome("dynamic_no_ref")
    assert outcome.state == "failed"
    assert "nowhere" in outcome.log[outcome.log.index("JobFailed: ") :]
    assert outcome.tasks["validate_output_quality"] == "upstream_failed"
    assert not (row.folder / outcome.dag / "out").exists()
    assert row.gone("dynamic_no_ref")


def test_a_stream_is_summed_up_by_windows(row):
    outcome = row.outcome("stream")
    assert outcome.state == "success", outcome.log[-4000:]
    assert outcome.results["consume"]["messages"] == 3
    first, second = sorted((row.folder / outcome.dag / "out").glob("*.parquet"))
    assert pandas.read_parquet(first).to_dict("list") == {"shop": ["a"], "count": [2], "sum": [4.0], "mean": [2.0]}
    assert list(pandas.read_parquet(second).shop) == ["b"]
    assert row.gone("stream")


def test_a_subscription_that_is_not_there_fails_the_run(row):
    outcome = row.outcome("stream_nobody")
    assert outcome.state == "failed"
    assert "subscription: projects/local/subscriptions/none given" in outcome.log
    assert row.gone("stream_nobody")
