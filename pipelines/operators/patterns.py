"""Three more DAGs as functions: report A02's dynamic ETL, and ADR-002's batch ETL and real-time analytics."""

# pyright: reportMissingImports=false
# Airflow lies in an environment of its own, where this is imported.

from __future__ import annotations

from collections.abc import Mapping, Sequence
from datetime import timedelta
from typing import Any

from ...clusters.fields import refusal, seconds
from .common import RUN, Common, notified, program, staged
from .ephemeral import EphemeralDataprocDaskOperator
from .sdk import DAG, Param, chain

REPOSITORY = "{{ var.value.get('git_repository_url', '') }}"
GB_PER_WORKER, SPARE_WORKERS = 50, 2
"""Report A02: a worker for each 50 GB of data, and two more."""
WORKER_MACHINE = "n2-highmem-4"
"""Report A02's for the dynamic ETL."""
CONSUME = "dask_dataproc.pipelines.streaming.consume"
AFTER = 1800
"""Seconds that a stream's task has beside the time it reads: for its cluster and its last windows."""


def create_dynamic_etl_dag(
    dag_id: str,
    job: str,
    output_path: str,
    schedule_interval: str | None = "@daily",
    *,
    git_repository: str = REPOSITORY,
    git_ref: str = "main",
    data_size_gb: float = 100,
    max_workers: int = 20,
    job_args: Mapping[str, Any] | None = None,
    quality_rules: Mapping[str, Any] | None = None,
    cluster_config: Mapping[str, Any] | None = None,
    notify: Sequence[str] = (),
    **common: Any,
) -> DAG:
    """Return the DAG of an ETL whose size and code are of the run: ``data_size_gb`` and ``git_ref`` of its conf.

    A run without them has the defaults given here; a conf of other types is refused by Airflow before the run begins.

    Parameters
    ----------
    dag_id : str
    job : str
        ``module:function`` of the repository, given ``data_size_gb``, ``output_path`` and ``job_args``.
    output_path : str
        Where the output is published when it has passed, templated.
    schedule_interval : str, optional
        Airflow's ``schedule``.
    git_repository : str
        Its URL; the variable ``git_repository_url`` where not given.
    git_ref : str
        Branch, tag or commit; a branch is what it is when the job starts.
    data_size_gb : float
        Of which the number of workers is made, `GB_PER_WORKER` and `SPARE_WORKERS`, up to ``max_workers``.
    max_workers : int
    job_args, quality_rules, cluster_config, notify
        As in `create_etl_dag`.
    **common
        As in `create_etl_dag`.
    """
    given = Common(dag_id, {"owner": "data-team", "retries": 2, "retry_delay": timedelta(minutes=5)}, common)
    workers = f"{{{{ [(params.data_size_gb // {GB_PER_WORKER}) | int + {SPARE_WORKERS}, {max_workers}] | min }}}}"
    sized = {"workers": workers, "max_workers": max_workers, "worker_machine": WORKER_MACHINE, "workload": "etl"}
    cluster = given.cluster(f"etl-{dag_id}", {**sized, **(cluster_config or {})})
    code = ["--git-repo", git_repository, "--git-ref", "{{ params.git_ref }}"]
    own = [word for name, value in (job_args or {}).items() for word in (f"--{name}", value)]
    params = {
        "data_size_gb": Param(data_size_gb, type="number", minimum=0),
        "git_ref": Param(git_ref, type="string", minLength=1),
    }
    with given.dag(f"Dynamic ETL {dag_id}", schedule_interval, ["etl", "dask", "dynamic"], notify, params=params):
        run = EphemeralDataprocDaskOperator(
            task_id="run_dynamic_etl",
            job_args=[*code, "--data-size-gb", "{{ params.data_size_gb }}", "--output-path", staged(output_path), *own],
            writes=staged(output_path),
            **program(job),
            **cluster,
        )
        gate = given.gate(output_path, quality_rules, cluster)
        done = notified(notify, f"Dynamic ETL {dag_id} is done", f"The data is at {output_path}.")
        chain(run, gate, [done, given.delete(cluster)])
    return given.made


def create_batch_etl_dag(
    dag_id: str,
    input_source: str,
    output_sink: str,
    stages: Sequence[str],
    schedule_interval: str | None = None,
    *,
    temp_storage: str,
    quality_rules: Mapping[str, Any] | None = None,
    estimated_data_size: float = 50,
    cluster_config: Mapping[str, Any] | None = None,
    wait: float = 6 * 3600,
    notify: Sequence[str] = (),
    **common: Any,
) -> DAG:
    """Return the DAG of a batch in stages, each of which leaves its output: what fails is tried again from there.

    Parameters
    ----------
    dag_id : str
    input_source, output_sink : str
        Paths or URLs, templated; the last stage's output is published to ``output_sink`` when it has passed.
    stages : sequence of str
        URI of a Python file, or ``module:function``; each is given ``--input-path`` and ``--output-path``.
    schedule_interval : str, optional
        Airflow's ``schedule``.
    temp_storage : str
        Folder for what is between two stages, a run's below its own name; nothing here deletes it.
    quality_rules, estimated_data_size, cluster_config, wait, notify
        As in `create_etl_dag`.
    **common
        As in `create_etl_dag`.
    """
    if not stages:
        raise refusal("stages", stages, "one stage and more", 'stages=["jobs.orders:clean"]')
    given = Common(dag_id, {"owner": "data-platform", "retries": 2, "retry_delay": timedelta(minutes=5)}, common)
    sized = {"workload_type": "medium_etl", "data_size_gb": estimated_data_size, **(cluster_config or {})}
    cluster = given.cluster(f"batch-{dag_id}", sized)
    between = [f"{temp_storage.rstrip('/')}/{dag_id}/{RUN}/stage-{n}" for n in range(1, len(stages))]
    with given.dag(f"Batch ETL {dag_id}", schedule_interval, ["etl", "dask", "batch"], notify):
        arrived = given.arrived(input_source, wait)
        steps = [
            EphemeralDataprocDaskOperator(
                task_id=f"stage_{number}",
                job_args=["--input-path", source, "--output-path", target],
                writes=target,
                **program(stage),
                **cluster,
            )
            for number, (stage, source, target) in enumerate(
                zip(stages, [input_source, *between], [*between, staged(output_sink)], strict=True), start=1
            )
        ]
        gate = given.gate(output_sink, quality_rules, cluster)
        done = notified(notify, f"Batch ETL {dag_id} is done", f"The data is at {output_sink}.")
        chain(arrived, *steps, gate, [done, given.delete(cluster)])
    return given.made


def create_real_time_dag(
    dag_id: str,
    subscription: str,
    output_path: str,
    state_store: str,
    by: str,
    value: str,
    schedule_interval: str | None = "@hourly",
    *,
    at: str = "",
    window: str = "1m",
    lateness: str = "30s",
    run_for: str = "55m",
    idle: str = "",
    cluster_config: Mapping[str, Any] | None = None,
    notify: Sequence[str] = (),
    **common: Any,
) -> DAG:
    """Return the DAG of a stream: each run reads the subscription for a time, and goes on where the last one was.

    Parameters
    ----------
    dag_id : str
    subscription : str
        ``projects/P/subscriptions/S``.
    output_path, state_store : str
        Folders of the windows, and of what is kept between runs.
    by, value, at, window, lateness, run_for, idle : str
        As `dask_dataproc.pipelines.streaming.consume.consume` takes them.
    schedule_interval : str, optional
        Airflow's ``schedule``; one run at a time reads.
    cluster_config, notify
        As in `create_etl_dag`.
    **common
        As in `create_etl_dag`, but ``timeout`` and ``max_active_runs``, which follow from the rest.
    """
    usual = {"owner": "data-platform", "retries": 2, "retry_delay": timedelta(minutes=1)}
    given = Common(dag_id, usual, common | {"timeout": timedelta(seconds=seconds(run_for) + AFTER)})
    cluster = given.cluster(f"stream-{dag_id}", {"workers": 2, **(cluster_config or {})}, own=True)
    asked = {"subscription": subscription, "output": output_path, "state": state_store, "by": by, "value": value}
    asked |= {"at": at, "window": window, "lateness": lateness, "run-for": run_for, "idle": idle}
    with given.dag(f"Real-time analytics {dag_id}", schedule_interval, ["streaming", "dask"], notify):
        read = EphemeralDataprocDaskOperator(
            task_id="consume",
            job_module=CONSUME,
            job_function="consume",
            job_args={name: said for name, said in asked.items() if said},
            **cluster,
        )
        chain(read, notified(notify, f"{dag_id} has read", f"The windows are at {output_path}."))
    return given.made
