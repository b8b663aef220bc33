"""The daily and the weekly look at a project: what is asked of whom, once for all the checks that need it."""

from __future__ import annotations

import re
import time
from functools import cached_property
from pathlib import Path
from typing import TYPE_CHECKING

from . import round_judges as judges
from .doctor import Check, Finding
from .reach import Place, now_at

if TYPE_CHECKING:
    from ..clusters.fleet import Fleet
    from ..clusters.query import Queried
    from ..clusters.standings import Standings

DAY = 86400.0
MADE_BY = re.compile(r"^Made from .* by dask-dataproc (\S+): change the notebook", re.MULTILINE)
"""How a DAG file says which version made it."""


class Rounds:
    """What the checks of a round look at.

    Parameters
    ----------
    place : Place
    airflow : str
        The Airflow's address; empty: that of the setting ``composer.url``, if there is one.
    dags : Path
        A folder of DAG files.
    """

    def __init__(self, place: Place, airflow: str, dags: Path):
        from ..clusters.config import setting

        self.place, self._folder = place, dags
        self._airflow = airflow or setting("composer.url") or ""
        self.now = now_at(place)

    def checks(self, *, weekly: bool) -> list[tuple[str, Check]]:
        """Return the checks of a round by name: report A02's in its order, and each day also who uses nothing."""
        daily = (self._composer, self._jobs, self._creations, self._staging, self._cost, self._idle)
        look = (self._dags, self._templates, self._orphans, self._access, self._thresholds) if weekly else daily
        return [(each.__name__.removeprefix("_"), each) for each in look]

    @cached_property
    def _fleet(self) -> Fleet:
        from ..clusters.fleet import fleet

        return fleet(**self.place.keywords())

    @cached_property
    def _trail(self) -> Queried:
        from ..clusters.query import queried

        return queried(self.place.project, "7d", self.now)

    @cached_property
    def _standings(self) -> Standings:
        from ..clusters.standings import standings

        return standings(**self.place.keywords())

    def _composer(self) -> Finding:
        if not self._airflow:
            return Finding(
                "composer", "warn", "not checked: no Airflow is named", "--airflow URL, or dataproc.composer.url"
            )
        from ..pipelines.composer.airflow_api import Airflow

        with Airflow(self._airflow) as airflow:
            failed = airflow.failed_runs(time.time() - DAY)
            return judges.judge_health(airflow.health(), failed)

    def _jobs(self) -> Finding:
        from ..pipelines.submit import list_jobs

        return judges.judge_jobs(list_jobs("", **self.place.keywords()), self.now - DAY)

    def _creations(self) -> Finding:
        return judges.judge_creations(self._trail.events, self.now - DAY)

    def _staging(self) -> Finding:
        from ..clusters.config import staging_of
        from ..clusters.connection import left_of
        from ..clusters.outbox import waiting

        left = left_of(staging_of(self.place.project))
        living = {row.uuid for row in self._fleet.rows}
        return judges.judge_staging(sorted(left - living), waiting(), time.time())

    def _cost(self) -> Finding:
        from ..clusters.account import day_of

        return judges.judge_cost(self._spent_by_day, self._standings.budgets, day_of(self.now))

    @cached_property
    def _spent_by_day(self) -> dict[str, float]:
        from ..clusters.standings import spending

        accounts, now = spending(self.place.project, self.place.region, everybody=True)
        days: dict[str, float] = {}
        for account in accounts:
            for day, by in account.spending(now).items():
                days[day] = days.get(day, 0.0) + sum(by.values())
        return days

    def _idle(self) -> Finding:
        return judges.judge_idle(self._fleet.rows)

    def _dags(self) -> Finding:
        from ..clusters.config import staging_of
        from ..clusters.runs import all_runs
        from ..clusters.standings import ledger_url
        from ..clusters.sync import run

        return judges.judge_workloads(run(all_runs(ledger_url(staging_of(self.place.project)))), self.now - 7 * DAY)

    def _templates(self) -> Finding:
        from .. import __version__

        if not self._folder.is_dir():
            return Finding("templates", "warn", f"not checked: there is no folder {self._folder}", "--dags DIR")
        texts = {path.name: path.read_text(errors="replace") for path in sorted(self._folder.rglob("*.py"))}
        made = {name: said[1] for name, text in texts.items() if (said := MADE_BY.search(text))}
        return judges.judge_templates(made, __version__)

    def _orphans(self) -> Finding:
        from ..clusters.config import staging_of
        from ..clusters.fleet import reserved_in_vain

        return judges.judge_orphans(self._fleet.rows, reserved_in_vain(self._fleet, staging_of(self.place.project)))

    def _access(self) -> Finding:
        return judges.judge_access(self._trail.events, self.now - 7 * DAY)

    def _thresholds(self) -> Finding:
        from ..clusters.billing import stale
        from ..clusters.prices import as_of

        return judges.judge_thresholds(self._standings.budgets, as_of(), stale())
