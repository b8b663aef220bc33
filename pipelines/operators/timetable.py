"""When a DAG runs, and what day a run is of: the beginning of its interval, in Airflow 2 and 3 alike."""

# pyright: reportMissingImports=false
# Airflow lies in an environment of its own, where this is imported.

from __future__ import annotations

from typing import Any

from ..schedule import UNTIMED
from .sdk import CronDataIntervalTimetable


def dated(schedule: Any) -> Any:
    """Return what Airflow is given for ``schedule``.

    Airflow 3 dates the run of a bare cron expression by the end of its interval, Airflow 2 by the beginning: an upgrade
    would skip a day. What is no expression or preset, such as a timetable or assets, stays what it is.
    """
    if not isinstance(schedule, str) or schedule in UNTIMED:
        return schedule or None
    return CronDataIntervalTimetable(schedule, timezone="UTC")
