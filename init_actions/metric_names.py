"""The metrics that nodes export: name, kind, unit, labels, and what each says; for all who speak of them. Pure.

Those who export them are `figures.py` and `worker_metrics.py`; rules, dashboards and documents are held to this table.
"""

from __future__ import annotations

from typing import NamedTuple

OF_CLUSTER = ("cluster", "owner")
"""Labels of every metric of ours: the cluster's name, and whose it is."""
TASK_DURATION = "dask_task_duration_seconds"
DURATIONS = (0.001, 0.005, 0.01, 0.05, 0.1, 0.5, 1.0, 5.0, 10.0, 30.0, 60.0, 300.0)
"""Upper bounds of its buckets, seconds; ADR-002 lets a task run for 300 s."""


class Metric(NamedTuple):
    """One metric.

    Attributes
    ----------
    name : str
        As Prometheus has it.
    kind : str
        ``gauge``, ``counter`` or ``histogram``.
    unit : str
        ``1`` for a number or a share.
    labels : tuple of str
    help : str
        What it says, in one line.
    """

    name: str
    kind: str
    unit: str
    labels: tuple[str, ...]
    help: str


def _ours(name: str, kind: str, unit: str, help: str, *more: str) -> Metric:
    return Metric(f"dask_dataproc_{name}", kind, unit, (*OF_CLUSTER, *more), help)


DASK = (
    Metric("dask_worker_memory_usage", "gauge", "1", ("worker",), "Memory of a worker's process, share of its limit"),
    Metric(TASK_DURATION, "histogram", "s", (), "How long tasks computed, by the clock"),
    Metric("dask_scheduler_queue_length", "gauge", "1", (), "Tasks that could run and that no thread computes yet"),
    Metric("dask_worker_cpu_utilization", "gauge", "1", ("worker",), "CPU of a worker's process, share of its threads"),
)
"""ADR-002's four, which Dask itself does not export."""
OURS = (
    _ours("up_seconds", "gauge", "s", "How long each phase of the cluster's way up took", "phase"),
    _ours("creations_total", "counter", "1", "Clusters that came up: one, where a head says it"),
    _ours("creation_failures_total", "counter", "1", "Clusters that did not come up, by the error's name", "reason"),
    _ours("lease_seconds", "gauge", "s", "Until Dataproc deletes the cluster if nobody renews its lease"),
    _ours("busy", "gauge", "1", "1 while there is a task that has not ended, else 0"),
    _ours("preemptions_total", "counter", "1", "Machines that were preempted"),
    _ours("cost_usd_per_hour", "gauge", "USD/h", "List price of the cluster at its present size"),
    _ours("cost_usd_total", "counter", "USD", "What the cluster has cost so far at list prices"),
    _ours("utilization", "gauge", "1", "CPU of all workers, share of their threads"),
    _ours(
        "user_spending_usd", "gauge", "USD", "What the owner spends: an hour now, this month so far", "user", "period"
    ),
    _ours("user_budget_usd", "gauge", "USD", "What the owner may spend", "user", "period"),
    _ours("workers", "gauge", "1", "Machines or containers with a worker that has registered"),
    _ours("workers_wanted", "gauge", "1", "Machines or containers there are to be"),
)
"""A cluster's life."""
PERIODS = ("hourly", "monthly")
"""Values of the label ``period``."""
BY_NAME = {metric.name: metric for metric in (*DASK, *OURS)}
CUSTOM = "custom.googleapis.com/dask_dataproc/"
"""How the types of our metrics begin in Cloud Monitoring; the rest is the name without ``dask_dataproc_``."""


def custom_type(name: str) -> str:
    """Return the type that metric ``name`` has in Cloud Monitoring when we write it there."""
    return CUSTOM + name.removeprefix("dask_dataproc_")
