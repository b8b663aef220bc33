"""DAGs of our operators for Airflow to run, one for each way that a run can go. Read by Airflow's own Python."""

import os
from datetime import UTC, datetime, timedelta
from itertools import pairwise
from pathlib import Path

from dask_dataproc.pipelines.operators import (
    DeleteDaskClusterOperator,
    EphemeralDataprocDaskOperator,
    create_batch_etl_dag,
    create_dynamic_etl_dag,
    create_etl_dag,
    create_ml_training_dag,
    create_real_time_dag,
)

try:
    from airflow.sdk import DAG
except ImportError:
    from airflow import DAG

FOLDER = Path(os.environ["OPERATORS_FOLDER"])
JOBS = Path(os.environ["OPERATORS_JOBS"])
TAG = os.environ["OPERATORS_TAG"]
CLUSTER = {"staging": f"file://{FOLDER}/staging", "workers": 0, "queue": "batch"}
QUICK = {"poll_interval": 0.2}


def job(name):
    return (JOBS / f"{name}.py").as_uri()


def dag_of(name, *makers, **settings):
    with DAG(dag_id=f"{name}_{TAG}", schedule=None, start_date=datetime(2024, 1, 1, tzinfo=UTC), **settings) as dag:
        tasks = [make() for make in makers]
        for before, after in pairwise(tasks):
            before >> after
    return dag


def compute(task_id="compute", *, file="says", config=None, **given):
    given = QUICK | {"job_file": job(file), "cluster_name": "{{ dag.dag_id }}"} | given
    return lambda: EphemeralDataprocDaskOperator(task_id=task_id, cluster_config=CLUSTER | (config or {}), **given)


TELLS = {"job_args": {"folder": str(FOLDER), "day": "{{ dag.dag_id }}", "parts": [1, 2], "share": 0.5}}

succeeds = dag_of("succeeds", compute(**TELLS))
deferred = dag_of("deferred", compute(**TELLS, deferrable=True))
refused = dag_of("refused", compute(config={"worker_machine": "n9-imagined-4", "workers": 2}))
misspelt = dag_of("misspelt", compute(config={"workerz": 2}))
start_fails = dag_of("start_fails", compute(config={"staging": "nowhere://bucket"}))
start_fails_deferred = dag_of("start_fails_deferred", compute(config={"staging": "nowhere://bucket"}, deferrable=True))
job_fails = dag_of("job_fails", compute(file="fails"))
job_fails_deferred = dag_of("job_fails_deferred", compute(file="fails", deferrable=True))
done_anew = dag_of("done_anew", compute(file="waits", job_args=[str(FOLDER), "{{ dag.dag_id }}"]))
unseen = dag_of("unseen", compute(deferrable=True))
LATE = {"file": "sleeps", "job_args": [str(FOLDER), "{{ dag.dag_id }}"], "execution_timeout": timedelta(seconds=3)}
times_out = dag_of("times_out", compute(**LATE))
times_out_deferred = dag_of("times_out_deferred", compute(**LATE, deferrable=True))
AGAIN = {"retries": 1, "retry_delay": timedelta(seconds=0)}
second_try = dag_of("second_try", compute(file="fails_once", job_args=[str(FOLDER), "{{ dag.dag_id }}"], **AGAIN))
stopped = dag_of("stopped", compute(file="sleeps", job_args=[str(FOLDER), "{{ dag.dag_id }}"]))
stopped_early = dag_of("stopped_early", compute(file="sleeps", job_args=[str(FOLDER), "{{ dag.dag_id }}"]))
lost_worker = dag_of("lost_worker", compute(file="waits", job_args=[str(FOLDER), "{{ dag.dag_id }}"]))
shared = dag_of(
    "shared",
    compute("first", cluster_name="{{ dag.dag_id }}", auto_delete=False),
    compute("second", cluster_name="{{ dag.dag_id }}", auto_delete=False),
    lambda: DeleteDaskClusterOperator(
        task_id="delete_cluster", cluster_name="{{ dag.dag_id }}", cluster_config=CLUSTER, **QUICK
    ).as_teardown(on_failure_fail_dagrun=True),
)


def model_dag(name, thresholds, **given):
    return create_ml_training_dag(
        f"{name}_{TAG}",
        {
            "model_name": f"{name}_{TAG}",
            "quality_thresholds": thresholds,
            "validation_metrics": ["auc"],
            "alias": "champion",
        }
        | given.pop("model", {}),
        f"{FOLDER}/in",
        given.pop("folder", f"{FOLDER}/{name}"),
        feature_script=job("features"),
        training_script=job(given.pop("trains", "trains")),
        cluster_config=CLUSTER | {"workload_type": None, "memory_gb": None},
        **QUICK | {"retries": 0} | given,
    )


model = model_dag("model", {"auc": 0.8, "rmse": {"max": 1}})
model_not_good_enough = model_dag("model_not_good_enough", {"auc": 0.95})
MEASURES = {"trains": "measures", "folder": f"{FOLDER}/{{{{ dag.dag_id }}}}"}
model_in_a_folder = model_dag("model_in_a_folder", {"auc": 0.8}, **MEASURES)
model_told = model_dag("model_told", {"auc": 0.8}, **MEASURES)
model_registry_away = model_dag("model_registry_away", {"auc": 0.8}, tracking_uri="http://127.0.0.1:9")
CHAMPION = {"model_name": f"churn_{TAG}", "not_worse_than_champion": True}
model_champion = model_dag("model_champion", {"auc": 0.1}, model=CHAMPION)
model_worse = model_dag("model_worse", {"auc": 0.1}, model=CHAMPION)


def etl_dag(name, script="transforms", rules=None, **given):
    return create_etl_dag(
        f"{name}_{TAG}",
        f"{FOLDER}/{name}_{TAG}/in.csv",
        f"{FOLDER}/{name}_{TAG}/out",
        job(script),
        quality_rules=rules,
        cluster_config=CLUSTER | {"workload_type": None, "data_size_gb": None},
        **QUICK | {"retries": 0, "wait": 5} | given,
    )


RULES = {"rows": {"min": 3}, "columns": {"id": {"nulls": 0, "unique": True}, "cents": {"max": 3000}}}
etl = etl_dag("etl", rules=RULES)
CLOSED = {"rows": {"min": 4}, "columns": {"cents": {"max": 2000}}}
etl_gate_closed = etl_dag("etl_gate_closed", rules=CLOSED, **AGAIN)
etl_processing_fails = etl_dag("etl_processing_fails", "fails")
etl_no_input = etl_dag("etl_no_input", wait=0.2)


UNSIZED = {"workload_type": None, "data_size_gb": None}


def batch_dag(name, *stages, **given):
    return create_batch_etl_dag(
        f"{name}_{TAG}",
        f"{FOLDER}/{name}_{TAG}/in.csv",
        f"{FOLDER}/{name}_{TAG}/out",
        [job(stage) for stage in stages],
        temp_storage=f"{FOLDER}/{name}_{TAG}/tmp",
        quality_rules=RULES,
        cluster_config=CLUSTER | UNSIZED,
        **QUICK | {"retries": 0, "wait": 5} | given,
    )


batch = batch_dag("batch", "transforms", "keeps")
batch_again = batch_dag("batch_again", "transforms", "keeps", **AGAIN)


def dynamic_dag(name, **given):
    return create_dynamic_etl_dag(
        f"{name}_{TAG}",
        "repository:run",
        f"{FOLDER}/{name}_{TAG}/out",
        None,
        git_repository=f"file://{FOLDER}/repository",
        data_size_gb=60,
        max_workers=4,
        quality_rules={"rows": {"min": 3}},
        cluster_config={"staging": CLUSTER["staging"]},
        **QUICK | {"retries": 0} | given,
    )


dynamic = dynamic_dag("dynamic")
dynamic_no_ref = dynamic_dag("dynamic_no_ref", git_ref="nowhere")


def stream_dag(name, subscription):
    return create_real_time_dag(
        f"{name}_{TAG}",
        f"projects/local/subscriptions/{subscription}",
        f"{FOLDER}/{name}_{TAG}/out",
        f"{FOLDER}/{name}_{TAG}/state",
        "shop",
        "amount",
        None,
        at="at",
        idle="1s",
        cluster_config=CLUSTER,
        **QUICK | {"retries": 0},
    )


stream = stream_dag("stream", f"sales-{TAG}")
stream_nobody = stream_dag("stream_nobody", "none")


preset, cron = (etl_dag(name, schedule_interval=at) for name, at in (("preset", "@daily"), ("cron", "0 6 * * *")))
