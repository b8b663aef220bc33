"""When a schedule's next runs are, found by the library that Airflow finds them with. Pure: the time is given."""

from __future__ import annotations

import datetime
import re
from collections.abc import Iterator
from itertools import islice

from ..clusters.fields import refusal

PRESETS = {
    "@hourly": "0 * * * *",
    "@daily": "0 0 * * *",
    "@weekly": "0 0 * * 0",
    "@monthly": "0 0 1 * *",
    "@quarterly": "0 0 1 */3 *",
    "@yearly": "0 0 1 1 *",
}
"""What Airflow takes its presets for."""
UNTIMED = {
    "": "by hand only",
    "@once": "once, as soon as Airflow has the DAG",
    "@continuous": "again and again, each as soon as the last has ended",
}
"""Schedules that are no times, and what they mean."""
CRON = r"(@(once|hourly|daily|weekly|monthly|quarterly|yearly|continuous)|\S+( \S+){4})?"
BEGINNING = datetime.datetime(2024, 1, 1, tzinfo=datetime.UTC)
"""From when on a DAG runs: a schedule has a time after it, or never."""
SHOWN = 3
"""Runs that a person is told of."""


def check_schedule(schedule: str, name: str = "schedule") -> None:
    """Refuse what Airflow would not take: no preset, no cron expression, or one of a day that never comes.

    Raises
    ------
    SpecError
        One line with the field's ``name``, what is allowed and what was given.
    """
    if not re.fullmatch(CRON, schedule, re.ASCII):
        raise refusal(name, schedule, "a cron expression or a preset such as @daily", "schedule=@daily")
    next_runs(schedule, BEGINNING, 1)


def next_runs(schedule: str, now: datetime.datetime, count: int = SHOWN) -> list[datetime.datetime]:
    """Return the next ``count`` times of a cron expression or preset, in UTC as the DAG has it; none if it has none.

    Raises
    ------
    SpecError
        It is no cron expression, or of a day that never comes.
    """
    if schedule in UNTIMED:
        return []
    from croniter import CroniterError

    try:
        return list(islice(_times(PRESETS.get(schedule, schedule), now), count))
    except CroniterError as error:
        allowed = f"a cron expression or {', '.join([*PRESETS, *UNTIMED][:-3])} ({error})"
        raise refusal("schedule", schedule, allowed, "schedule='0 6 * * 1-5'   (06:00 UTC on working days)") from None


def in_words(schedule: str, now: datetime.datetime) -> str:
    """Return when the next runs are, as a person reads it; `SpecError` as of `next_runs`."""
    if schedule in UNTIMED:
        return UNTIMED[schedule]
    return f"next: {', '.join(f'{time:%a %d %b %Y %H:%M}' for time in next_runs(schedule, now))} UTC"


def _times(expression: str, now: datetime.datetime) -> Iterator[datetime.datetime]:
    from croniter import croniter

    yield from croniter(expression, now.astimezone(datetime.UTC), ret_type=datetime.datetime)
