"""The template ``cleanup``: a DAG that deletes ephemeral clusters which are older than they should get."""

from __future__ import annotations

from pathlib import Path
from string import Template

from ..clusters.dataproc_config import EPHEMERAL
from ..clusters.fields import refusal
from .dag_templates import Duration
from .literals import text
from .schedule import check_schedule

TEMPLATE = Path(__file__).with_name("templates") / "cleanup.py.txt"
DAY = 86400


def cleanup_dag(
    *,
    dag_id: str = "dask_cleanup",
    schedule: str = "@hourly",
    max_age: Duration = 4 * 3600,
    busy: bool = False,
    leased: bool = False,
    dry_run: bool = False,
    project: str = "",
    region: str = "",
    owner: str = "airflow",
) -> str:
    """Return the text of the DAG's file.

    Parameters
    ----------
    dag_id, schedule, owner : str
        Of the DAG; an empty schedule is for runs by hand.
    max_age : int
        Seconds from a cluster's creation on that it may have.
    busy : bool
        Delete also those on which a job of Dataproc runs, and those of a DAG's run within the time it may take.
    leased : bool
        Delete also running ones whose kernel still renews their lease: they end by themselves once it does not.
    dry_run : bool
        Say what would be deleted.
    project, region : str
        Where to look; empty for the variables gcp_project_id and gcp_region.

    Raises
    ------
    SpecError
        ``schedule`` is no cron expression, or ``max_age`` is less than nothing.
    """
    check_schedule(schedule)
    if not 0 <= max_age <= 14 * DAY:
        raise refusal("max_age", max_age, "0s to 14d", "max_age=4h")
    ((label, value),) = EPHEMERAL.items()
    return Template(TEMPLATE.read_text(encoding="utf-8")).substitute(
        dag_id=text(dag_id),
        schedule=text(schedule) if schedule else "None",
        owner=text(owner),
        max_age=max_age,
        busy=busy,
        leased=leased,
        dry_run=dry_run,
        filter=text(f"labels.{label} = {value}"),
        project=text(project or "{{ var.value.gcp_project_id }}"),
        region=text(region or "{{ var.value.get('gcp_region', 'us-central1') }}"),
    )
