"""ADR-003's two DAGs, as functions: a data team writes one call a pipeline."""

# pyright: reportMissingImports=false
# Airflow lies in an environment of its own, where this is imported.

from __future__ import annotations

import json
from collections.abc import Mapping, Sequence
from datetime import timedelta
from typing import Any

from .common import DAY, Common, notified, program, staged
from .ephemeral import EphemeralDataprocDaskOperator
from .models import MLModelRegistryOperator, MLModelValidationOperator
from .sdk import DAG, chain

SCRIPTS = "gs://{{ var.value.scripts_bucket }}"
TRAINED = "ti.xcom_pull(task_ids='train_model')"


def create_etl_dag(
    dag_id: str,
    input_path: str,
    output_path: str,
    processing_script: str,
    schedule_interval: str | None = None,
    *,
    quality_rules: Mapping[str, Any] | None = None,
    estimated_data_size: float = 50,
    cluster_config: Mapping[str, Any] | None = None,
    report_path: str = "",
    notify: Sequence[str] = (),
    wait: float = 300,
    **common: Any,
) -> DAG:
    """Return the DAG of an ETL: wait for the input, process, hold the output against its rules, publish, notify.

    The processing writes to a place of the run, ``--output-path``; what it has written is moved to ``output_path`` if
    it passes, and only then. All of a run computes on one cluster.

    Parameters
    ----------
    dag_id : str
    input_path, output_path : str
        Paths or URLs, templated.
    processing_script : str
        URI of a Python file, or ``module:function``; given ``--input-path``, ``--output-path``, ``--execution-date``.
    schedule_interval : str, optional
        Airflow's ``schedule``, under ADR-003's name.
    quality_rules : mapping, optional
        As docs/quality.md has them; none publishes whatever is there.
    estimated_data_size : float
        GB of input, of which the cluster's size is made.
    cluster_config : mapping, optional
        As `EphemeralDataprocDaskOperator` takes it; counts before what the size says.
    report_path : str
        Folder of the quality report; beside the output where not given.
    notify : sequence of str
        Email addresses told of success and failure, through the connection ``smtp_default``.
    wait : float
        Seconds that a run waits for its input.
    **common
        ``owner``, ``retries`` (2), ``retry_delay`` (5 min), ``timeout`` of a try (2 h), ``max_active_runs`` (1),
        ``tags``, ``deferrable``, ``poll_interval``, ``project_id``, ``region``, ``environment``, ``gcp_conn_id``.
    """
    given = Common(dag_id, {"owner": "data-platform", "retries": 2, "retry_delay": timedelta(minutes=5)}, common)
    sized = {"workload_type": "medium_etl", "data_size_gb": estimated_data_size, **(cluster_config or {})}
    cluster = given.cluster(f"etl-{dag_id}", sized)
    told = ["--input-path", input_path, "--output-path", staged(output_path), "--execution-date", DAY]
    with given.dag(f"ETL pipeline {dag_id}", schedule_interval, ["etl", "dask"], notify):
        arrived = given.arrived(input_path, wait)
        process = EphemeralDataprocDaskOperator(
            task_id="process_data", job_args=told, writes=staged(output_path), **program(processing_script), **cluster
        )
        gate = given.gate(output_path, quality_rules, cluster, report_path)
        done = notified(notify, f"ETL pipeline {dag_id} is done", f"The data is at {output_path}.")
        chain(arrived, process, gate, [done, given.delete(cluster)])
    return given.made


def create_ml_training_dag(
    dag_id: str,
    model_config: Mapping[str, Any],
    training_data_path: str,
    model_output_path: str,
    *,
    schedule_interval: str | None = None,
    feature_script: str = f"{SCRIPTS}/feature_engineering.py",
    training_script: str = f"{SCRIPTS}/train_model.py",
    cluster_config: Mapping[str, Any] | None = None,
    tracking_uri: str = "",
    notify: Sequence[str] = (),
    **common: Any,
) -> DAG:
    """Return the DAG of a model: features, training, validation, registration with MLflow.

    Features and training share one cluster; with ``use_gpu`` each has its own, for features need no GPUs.

    Parameters
    ----------
    dag_id : str
    model_config : mapping
        ``model_name``; of ``memory_requirement`` (GB), ``use_gpu``, ``validation_metrics``, ``quality_thresholds``,
        ``not_worse_than_champion`` and ``alias`` what is wanted. The features' job gets all of it, as ``--config``.
    training_data_path, model_output_path : str
        Paths or URLs, templated. Features are under ``features/``, the model is under ``model/`` with its
        ``metrics.json``, unless the training's result says ``mlflow_run_id`` and ``model`` (``runs:/RUN/model``).
    schedule_interval : str, optional
        Airflow's ``schedule``.
    feature_script, training_script : str
        URI of a Python file, or ``module:function``.
    cluster_config : mapping, optional
        As `EphemeralDataprocDaskOperator` takes it.
    tracking_uri : str
        The MLflow server, as `MLModelRegistryOperator` takes it.
    notify : sequence of str
        As in `create_etl_dag`.
    **common
        As in `create_etl_dag`; ``retries`` are 1, ``retry_delay`` 10 min.
    """
    given = Common(dag_id, {"owner": "ml-platform", "retries": 1, "retry_delay": timedelta(minutes=10)}, common)
    sized = {"workload_type": "ml_training", "memory_gb": model_config.get("memory_requirement", 64)}
    gpu = bool(model_config.get("use_gpu", False))
    plain = given.cluster(f"ml-{dag_id}", {**sized, **(cluster_config or {})}, own=gpu)
    cluster = given.cluster(f"ml-{dag_id}", {**sized, "gpu_enabled": gpu, **(cluster_config or {})}, own=gpu)
    output, name = model_output_path.rstrip("/"), model_config["model_name"]
    features = ["--output-path", f"{output}/features/", "--config", json.dumps(dict(model_config))]
    training = ["--features-path", f"{output}/features/", "--model-output", f"{output}/model/"]
    training += ["--experiment-name", dag_id, "--run-id", "{{ run_id }}"]
    model = {
        "model_path": _trained("model", f"{output}/model"),
        "mlflow_run_id": _trained("mlflow_run_id", ""),
        "tracking_uri": tracking_uri,
        "gcp_conn_id": given.gcp_conn_id,
        "model_name": name,
    }
    with given.dag(f"ML training of {name}", schedule_interval, ["ml", "training", "dask"], notify):
        make = EphemeralDataprocDaskOperator(
            task_id="feature_engineering",
            job_args=["--data-path", training_data_path, *features],
            **program(feature_script),
            **plain,
        )
        train = EphemeralDataprocDaskOperator(
            task_id="train_model", job_args=training, **program(training_script), **cluster
        )
        validate = MLModelValidationOperator(
            task_id="validate_model",
            validation_metrics=model_config.get("validation_metrics", ()),
            threshold_config=model_config.get("quality_thresholds", {}),
            not_worse_than_champion=bool(model_config.get("not_worse_than_champion", False)),
            **model,
        )
        register = MLModelRegistryOperator(
            task_id="register_model",
            model_version=DAY,
            metadata={"training_dag": dag_id, "run_id": "{{ run_id }}", "data_path": training_data_path},
            alias=model_config.get("alias", ""),
            **model,
        )
        chain(make, train, validate, register, notified(notify, f"{name} is trained", f"{name} is registered."))
        if not gpu:
            chain([make, train], given.delete(cluster))
    return given.made


def _trained(name: str, otherwise: str) -> str:
    """Return what the training says of ``name``, templated; where it says nothing, ``otherwise``, which may be too."""
    says = f"{TRAINED} is mapping and {TRAINED}.get('{name}')"
    return f"{{% if {says} %}}{{{{ {TRAINED}['{name}'] }}}}{{% else %}}{otherwise}{{% endif %}}"
