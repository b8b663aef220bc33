"""Six metrics of an Airflow's runs in Cloud Monitoring, ADR-003's: a plugin, for the folder plugins/ of a Composer.

Written there by ``dask dataproc composer plugin``. It imports Airflow, with its Google provider, and nothing else. What
it cannot write is a line in the log: no run fails by it, and no scheduler waits for it.
"""

# pyright: reportMissingImports=false
# Airflow lies in an environment of its own, where this is imported.

from __future__ import annotations

import functools
import json
import logging
import os
import threading
import time
from concurrent.futures import ThreadPoolExecutor
from typing import Any

from airflow.listeners import hookimpl
from airflow.plugins_manager import AirflowPlugin

PREFIX = "custom.googleapis.com/dask_dataproc/"
TIMEOUT = 10.0
"""Seconds for one call of Cloud Monitoring."""
WAITING = threading.BoundedSemaphore(100)
"""Writes that may wait while Cloud Monitoring does not answer; more are not made."""
OF_COMPOSER = {"airflow_monitoring"}
"""DAGs that are not of a person's making."""
log = logging.getLogger("dask_dataproc.metrics")
writer = ThreadPoolExecutor(1, "dask-dataproc-metrics")


def guarded(hook: Any) -> Any:
    """Have a hook that fails say so in the log, and be none of Airflow's troubles."""

    @functools.wraps(hook)
    def safe(*arguments: Any, **keywords: Any) -> None:
        try:
            hook(*arguments, **keywords)
        except Exception:
            log.exception("metrics could not be written")

    return safe


class Runs:
    """Hears of runs, in the scheduler."""

    @hookimpl
    def on_dag_run_running(self, dag_run: Any) -> None:
        """Say how long the queue is."""
        later(write_queue_depth)

    @hookimpl
    def on_dag_run_success(self, dag_run: Any) -> None:
        """Say how a run ended."""
        ended(dag_run, "success")

    @hookimpl
    def on_dag_run_failed(self, dag_run: Any) -> None:
        """Say how a run ended."""
        ended(dag_run, "failed")


class Tasks:
    """Hears of tasks, in their own processes."""

    began = 0.0

    @hookimpl
    def on_task_instance_running(self) -> None:
        """Note when the task began: Airflow itself does not where a DAG is tried by hand."""
        self.began = time.time()

    @hookimpl
    def on_task_instance_success(self, task_instance: Any) -> None:
        """Say how long a cluster took, or what it had been used for."""
        started = task_instance.start_date  # of its first process, where it was deferred
        of_task(task_instance, time.time() - (started.timestamp() if started else self.began))


@guarded
def ended(dag_run: Any, state: str) -> None:
    """Write what a run came to."""
    if dag_run.dag_id in OF_COMPOSER:
        return
    of_dag = {"dag_id": dag_run.dag_id}
    later(write_queue_depth)
    later(write, {"job_success_rate": float(state == "success")}, of_dag)
    if dag_run.start_date and dag_run.end_date:
        seconds = (dag_run.end_date - dag_run.start_date).total_seconds()
        later(write, {"dag_execution_time": seconds}, {**of_dag, "state": state})


@guarded
def of_task(task_instance: Any, seconds: float) -> None:
    """Write what a task says of its run's cluster, if it makes or deletes one."""
    task = getattr(task_instance, "task", None)
    of_dag = {"dag_id": task_instance.dag_id}
    if is_a(task, "DataprocCreateClusterOperator"):
        write({"cluster_creation_time": seconds}, of_dag)
    elif is_a(task, "DataprocDeleteClusterOperator"):
        left = snapshot(task_instance)
        values = {each["name"]: each["value"] for each in left.get("samples", [])}
        used = left.get("used", {}).get("occupancy")
        write({"cost_per_job": values.get("dask_dataproc_cost_usd_total"), "cluster_utilization": used}, of_dag)


def is_a(task: Any, name: str) -> bool:
    """Say whether a task is of an operator of that name, or of one made from it."""
    return any(kind.__name__ == name for kind in type(task).__mro__)


def snapshot(task_instance: Any) -> dict:
    """Return what the head of the cluster that a task deletes has left in staging; nothing if it has not."""
    try:
        from airflow.sdk import ObjectStoragePath
    except ImportError:  # Airflow 2
        from airflow.io.path import ObjectStoragePath

    task = task_instance.task
    makers = [other for other in task.dag.tasks if is_a(other, "DataprocCreateClusterOperator")]
    for maker in makers:
        told = (maker.cluster_config or {}).get("gce_cluster_config", {}).get("metadata", {})
        context = task_instance.get_template_context()
        staging = task.render_template(told.get("dask-staging", ""), context)
        if "://" in staging:
            left = ObjectStoragePath(f"{staging.rstrip('/')}/metrics").glob(f"{task.cluster_name}.*.json")
            return max((json.loads(each.read_text()) for each in left), key=lambda said: said["at"], default={})
    return {}


def write_queue_depth() -> None:
    """Write how many tasks of the whole Airflow are scheduled or queued, as its database says.

    In the hook's own thread the session would be the scheduler's, whose transaction is none of ours to end.
    """
    from airflow.models.taskinstance import TaskInstance
    from airflow.utils.session import create_session
    from sqlalchemy import func, select

    with create_session() as session:
        waiting = select(func.count()).where(TaskInstance.state.in_(("scheduled", "queued")))
        depth = session.scalar(waiting)
    write({"queue_depth": float(depth)}, {})


def later(act: Any, *arguments: Any) -> None:
    """Have ``act`` called in another thread: the scheduler has other things to do."""
    if not WAITING.acquire(blocking=False):
        log.warning("Cloud Monitoring does not answer: %s is not called", act.__name__)
        return
    writer.submit(guarded(act), *arguments).add_done_callback(lambda _: WAITING.release())


def write(values: dict[str, float | None], labels: dict[str, str]) -> None:
    """Write the values that are known, by their metrics' names, each with ``labels``."""
    now, project = time.time(), project_id()
    moment = {"seconds": int(now), "nanos": int(now % 1 * 1e9)}
    series = [
        {
            "metric": {"type": PREFIX + name, "labels": labels},
            "resource": {"type": "global", "labels": {"project_id": project}},
            "metric_kind": "GAUGE",
            "value_type": "DOUBLE",
            "points": [{"interval": {"end_time": moment}, "value": {"double_value": value}}],
        }
        for name, value in values.items()
        if value is not None
    ]
    if series:
        with client() as monitoring:
            monitoring.create_time_series(name=f"projects/{project}", time_series=series, timeout=TIMEOUT)


def project_id() -> str:
    """Return the project: Composer's own, which it says in the environment, else that of the credentials."""
    import google.auth

    return os.environ.get("GCP_PROJECT") or os.environ.get("GOOGLE_CLOUD_PROJECT") or google.auth.default()[1] or ""


def client() -> Any:
    """Return Google's client; MONITORING_EMULATOR_HOST leads it to another server, without TLS, as tests have one."""
    from google.cloud.monitoring_v3 import MetricServiceClient

    host = os.environ.get("MONITORING_EMULATOR_HOST", "")
    if not host:
        return MetricServiceClient()
    import grpc
    from google.cloud.monitoring_v3.services.metric_service.transports import MetricServiceGrpcTransport

    channel = grpc.insecure_channel(host, options=[("grpc.enable_http_proxy", 0)])
    return MetricServiceClient(transport=MetricServiceGrpcTransport(channel=channel))


class DaskDataprocMetrics(AirflowPlugin):
    """What Airflow finds in its plugins folder."""

    name = "dask_dataproc_metrics"
    listeners = [Runs(), Tasks()]  # noqa: RUF012
