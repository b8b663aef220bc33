"""What the DAGs of operators have in common: their arguments, their one cluster, their notices."""

# pyright: reportMissingImports=false
# Airflow lies in an environment of its own, where this is imported.

from __future__ import annotations

from collections.abc import Mapping, Sequence
from datetime import UTC, datetime, timedelta
from typing import Any

from airflow.providers.standard.operators.empty import EmptyOperator

from ...clusters.labels import label_value
from ..quality.locations import staged_location
from .ephemeral import PROJECT, REGION
from .gate import DaskDataQualityOperator
from .sdk import DAG, AirflowException
from .sensor import InputSensor
from .teardown import DeleteDaskClusterOperator
from .timetable import dated

START = datetime(2024, 1, 1, tzinfo=UTC)
DAY = "{{ (dag_run.logical_date or dag_run.run_after).strftime('%Y-%m-%d') }}"
"""The run's date; ``ds`` is not there in a run that Airflow 3 was asked for by hand."""
RUN = "{{ run_id.replace(':', '').replace('+', '') }}"
MARK = "the-run"
"""Stands for `RUN` while the place is made, which refuses the characters of a template."""
DEFAULTS = {
    "timeout": timedelta(hours=2),
    "max_active_runs": 1,
    "tags": (),
    "deferrable": False,
    "poll_interval": 5.0,
    "project_id": PROJECT,
    "region": REGION,
    "environment": "",
    "gcp_conn_id": "google_cloud_default",
}
"""What all templates take besides what each has its own default of."""


class Common:
    """What the tasks of one DAG have in common.

    Parameters
    ----------
    dag_id : str
    usual : dict
        ``owner``, ``retries`` and ``retry_delay``, unless they are given.
    given : dict

    Raises
    ------
    AirflowException
        Something is given that there is not.
    """

    def __init__(self, dag_id: str, usual: dict[str, Any], given: dict[str, Any]):
        allowed = DEFAULTS | usual
        for name in given.keys() - allowed.keys():
            raise AirflowException(f"{name}: no argument of this template; there are {', '.join(sorted(allowed))}")
        self._dag_id, self._of = dag_id, allowed | given
        self.gcp_conn_id = self._of["gcp_conn_id"]

    def dag(self, about: str, schedule: Any, tags: Sequence[str], notify: Sequence[str], **more: Any) -> DAG:
        """Return the DAG, empty; ``more`` are its own arguments."""
        defaults = {name: self._of[name] for name in ("owner", "retries", "retry_delay")}
        self.made = DAG(
            dag_id=self._dag_id,
            description=about,
            schedule=dated(schedule),
            start_date=START,
            catchup=False,
            max_active_runs=self._of["max_active_runs"],
            default_args=defaults,
            tags=[*tags, *self._of["tags"]],
            on_failure_callback=_told_of_failure(self._dag_id, notify),
            **more,
        )
        return self.made

    def cluster(self, prefix: str, config: Mapping[str, Any], *, own: bool = False) -> dict[str, Any]:
        """Return what a task is given to compute on the run's cluster, or with ``own`` on one of its own."""
        names = ("deferrable", "poll_interval", "project_id", "region", "environment", "gcp_conn_id")
        place = {name: self._of[name] for name in names}
        shared = {"cluster_name": label_value(prefix), "cluster_config": config, "auto_delete": own}
        return place | shared | {"execution_timeout": self._of["timeout"]}

    def arrived(self, path: str, wait: float) -> Any:
        """Return the task that waits for an input for ``wait`` seconds at most."""
        return InputSensor(
            task_id="validate_input_data",
            path=path,
            gcp_conn_id=self.gcp_conn_id,
            timeout=wait,
            poke_interval=min(60.0, wait),
            mode="reschedule",
        )

    def gate(
        self, output: str, rules: Mapping[str, Any] | None, cluster: Mapping[str, Any], report_path: str = ""
    ) -> Any:
        """Return the task that publishes what is staged for ``output`` if it keeps ``rules``."""
        return DaskDataQualityOperator(
            task_id="validate_output_quality",
            data_path=output,
            staged_path=staged(output),
            quality_rules=rules,
            report_path=report_path,
            **cluster,
        )

    def delete(self, cluster: Mapping[str, Any]) -> Any:
        """Return the task that deletes the run's cluster, whatever has become of the others."""
        where = {k: v for k, v in cluster.items() if k not in ("auto_delete", "deferrable", "execution_timeout")}
        return DeleteDaskClusterOperator(
            task_id="delete_cluster", retry_delay=timedelta(seconds=10), **where
        ).as_teardown(on_failure_fail_dagrun=True)


def staged(output: str) -> str:
    """Return where a run writes what is published at ``output``, templated."""
    return staged_location(output, MARK).replace(MARK, RUN)


def program(script: str) -> dict[str, str]:
    """Return what an operator is given to run ``script``, a file's URI or ``module:function``."""
    module, _, function = script.partition(":")
    if script.endswith(".py") or not function or "/" in script:
        return {"job_file": script}
    return {"job_module": module, "job_function": function}


def notified(emails: Sequence[str], subject: str, text: str) -> Any:
    """Return the leaf that needs success: the teardown beside it hides what has failed."""
    if not emails:
        return EmptyOperator(task_id="notify_success")
    from airflow.providers.smtp.operators.smtp import EmailOperator

    return EmailOperator(task_id="notify_success", to=list(emails), subject=subject, html_content=text)


def _told_of_failure(dag_id: str, emails: Sequence[str]) -> Any:
    if not emails:
        return None
    from airflow.providers.smtp.notifications.smtp import send_smtp_notification

    return send_smtp_notification(
        to=list(emails), subject=f"{dag_id} has failed", html_content="Run {{ run_id }} of {{ dag.dag_id }} has failed."
    )
