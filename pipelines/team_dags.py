"""The templates that a data team starts from: each a call of a function of ours, as the text of a DAG file. Pure."""

from __future__ import annotations

from typing import Any

from ..clusters.errors import SpecError
from .dag_templates import Duration
from .literals import STEP, literal
from .quality.rules import read_rules
from .schedule import check_schedule

HEAD = '''"""{about}

Made from the template {template} by `dask dataproc dag`; an Airflow DAG. It needs this package beside the DAGs, which
that command puts there.
"""

from dask_dataproc.pipelines.operators import {function}

dag = {function}(
{arguments})
'''


def etl_dag(
    *,
    dag_id: str,
    input_path: str,
    output_path: str,
    processing_script: str,
    schedule: str = "",
    estimated_data_size: float = 50,
    quality_rules: dict[str, Any] | None = None,
    cluster: dict[str, Any] | None = None,
    notify: list[str] | None = None,
    owner: str = "data-platform",
) -> str:
    """Return the text of ADR-003's ETL: wait for the input, process, hold against rules, publish, notify."""
    given = {"input_path": input_path, "output_path": output_path, "processing_script": processing_script}
    given |= {"estimated_data_size": estimated_data_size, "quality_rules": quality_rules, "cluster_config": cluster}
    return _text("etl", "create_etl_dag", dag_id, schedule, given | {"notify": notify, "owner": owner})


def ml_training_dag(
    *,
    dag_id: str,
    model_name: str,
    training_data_path: str,
    model_output_path: str,
    feature_script: str = "",
    training_script: str = "",
    schedule: str = "",
    memory_requirement: float = 64,
    gpu_enabled: bool = False,
    quality_thresholds: dict[str, Any] | None = None,
    validation_metrics: list[str] | None = None,
    not_worse_than_champion: bool = False,
    alias: str = "",
    tracking_uri: str = "",
    cluster: dict[str, Any] | None = None,
    notify: list[str] | None = None,
    owner: str = "ml-platform",
) -> str:
    """Return the text of ADR-003's training: features, training, validation, registration with MLflow."""
    model = {
        "model_name": model_name,
        "memory_requirement": memory_requirement,
        "use_gpu": gpu_enabled,
        "quality_thresholds": quality_thresholds,
        "validation_metrics": validation_metrics,
        "not_worse_than_champion": not_worse_than_champion,
        "alias": alias,
    }
    given = {"model_config": _said(model), "training_data_path": training_data_path}
    given |= {"model_output_path": model_output_path, "feature_script": feature_script}
    given |= {"training_script": training_script, "tracking_uri": tracking_uri, "cluster_config": cluster}
    return _text("ml-training", "create_ml_training_dag", dag_id, schedule, given | {"notify": notify, "owner": owner})


def dynamic_etl_dag(
    *,
    dag_id: str,
    job: str,
    output_path: str,
    schedule: str = "@daily",
    git_repository: str = "",
    git_ref: str = "main",
    data_size_gb: float = 100,
    max_workers: int = 20,
    quality_rules: dict[str, Any] | None = None,
    cluster: dict[str, Any] | None = None,
    notify: list[str] | None = None,
    owner: str = "data-team",
) -> str:
    """Return the text of report A02's ETL, whose size and git ref are of each run."""
    given = {"job": job, "output_path": output_path, "git_repository": git_repository, "git_ref": git_ref}
    given |= {"data_size_gb": data_size_gb, "max_workers": max_workers, "quality_rules": quality_rules}
    given |= {"cluster_config": cluster, "notify": notify, "owner": owner}
    return _text("dynamic-etl", "create_dynamic_etl_dag", dag_id, schedule, given)


def batch_etl_dag(
    *,
    dag_id: str,
    input_source: str,
    output_sink: str,
    stages: list[str],
    temp_storage: str,
    schedule: str = "",
    estimated_data_size: float = 50,
    wait: Duration = 6 * 3600,
    quality_rules: dict[str, Any] | None = None,
    cluster: dict[str, Any] | None = None,
    notify: list[str] | None = None,
    owner: str = "data-platform",
) -> str:
    """Return the text of ADR-002's batch ETL, each of whose stages leaves its output for the next."""
    given = {"input_source": input_source, "output_sink": output_sink, "stages": stages, "temp_storage": temp_storage}
    given |= {"estimated_data_size": estimated_data_size, "wait": wait, "quality_rules": quality_rules}
    given |= {"cluster_config": cluster, "notify": notify, "owner": owner}
    return _text("batch-etl", "create_batch_etl_dag", dag_id, schedule, given)


def real_time_dag(
    *,
    dag_id: str,
    subscription: str,
    output_path: str,
    state_store: str,
    by: str,
    value: str,
    schedule: str = "@hourly",
    at: str = "",
    window: Duration = 60,
    lateness: Duration = 30,
    run_for: Duration = 3300,
    idle: Duration = 0,
    cluster: dict[str, Any] | None = None,
    notify: list[str] | None = None,
    owner: str = "data-platform",
) -> str:
    """Return the text of ADR-002's real-time analytics: Pub/Sub by windows of time, from run to run."""
    given = {"subscription": subscription, "output_path": output_path, "state_store": state_store}
    given |= {"by": by, "value": value, "at": at}
    times = {"window": window, "run_for": run_for, "idle": idle}
    given |= {name: f"{seconds}s" if seconds else "" for name, seconds in times.items()}
    given |= {"lateness": f"{lateness}s"}  # 0 is said too: nothing is waited for
    given |= {"cluster_config": cluster, "notify": notify, "owner": owner}
    return _text("real-time", "create_real_time_dag", dag_id, schedule, given)


def _text(template: str, function: str, dag_id: str, schedule: str, given: dict[str, Any]) -> str:
    """Return the file that calls ``function``; what is not said is left to it.

    Raises
    ------
    SpecError
        ``schedule`` is no cron expression, or ``quality_rules`` are none.
    """
    check_schedule(schedule)
    try:
        read_rules(given.get("quality_rules") or {})
    except SpecError as error:
        raise SpecError(f"quality_rules: {error}", error.hint) from error
    said = {"dag_id": dag_id, **_said(given), "schedule_interval": schedule or None}
    lines = "".join(f"{STEP}{name}={literal(v, indent=1, used=len(name) + 2)},\n" for name, v in said.items())
    return HEAD.format(about=f"The DAG {dag_id}.", template=template, function=function, arguments=lines)


def _said(given: dict[str, Any]) -> dict[str, Any]:
    return {name: value for name, value in given.items() if value not in (None, "")}
