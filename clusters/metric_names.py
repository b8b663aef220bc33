"""The names of all our metrics: those that nodes export, and the six that a Composer's runs write. Pure.

The nodes' table lies with their programs, which import nothing else of ours; whoever speaks of a metric takes it here.
"""

from __future__ import annotations

from ..init_actions.metric_names import BY_NAME, CUSTOM, DASK, OF_CLUSTER, OURS, PERIODS, Metric, custom_type

COMPOSER = (
    Metric("dag_execution_time", "gauge", "s", ("dag_id", "state"), "From a run's start to its end"),
    Metric("cluster_creation_time", "gauge", "s", ("dag_id",), "How long a run's cluster took to come up"),
    Metric(
        "job_success_rate", "gauge", "1", ("dag_id",), "1 for a run that succeeded, 0 for one that failed: take means"
    ),
    Metric("cluster_utilization", "gauge", "1", ("dag_id",), "Thread time of the run's workers that tasks took"),
    Metric("cost_per_job", "gauge", "USD", ("dag_id",), "What the run's cluster cost at list prices"),
    Metric("queue_depth", "gauge", "1", (), "Tasks of the whole Airflow that are scheduled or queued"),
)
"""ADR-003's, of type ``custom.googleapis.com/dask_dataproc/NAME``: of the plugin in pipelines/composer/files."""

__all__ = ["BY_NAME", "COMPOSER", "CUSTOM", "DASK", "OF_CLUSTER", "OURS", "PERIODS", "Metric", "custom_type"]
