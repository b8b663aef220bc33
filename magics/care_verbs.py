"""The verbs that look after things: cleanup, doctor."""

from __future__ import annotations

import datetime
from dataclasses import asdict, replace
from pathlib import Path
from typing import TYPE_CHECKING

import click

from ..clusters.errors import ConfigError, SpecError
from .doctor_view import DoctorView
from .front import Front, pass_front
from .look_verbs import records_table
from .options import DURATION, json_option, place_options
from .reach import Place, mine, now_at

if TYPE_CHECKING:
    from .doctor import Check

FOLDER = click.Path(path_type=Path, file_okay=False)
FILE = click.Path(path_type=Path, dir_okay=False)


@click.command()
@click.option("--older-than", type=DURATION, default=0, metavar="DURATION", help="Only clusters of that age and more.")
@click.option("--yes", is_flag=True, help="Delete them; without it they are only shown.")
@place_options
@pass_front
def cleanup(front: Front, older_than: float, yes: bool, place: Place) -> None:
    """Show clusters left over; delete them with --yes.

    Those that are yours by their labels, without the one this notebook holds. They would end by themselves with their
    leases: cleanup is for those who do not want to pay until then. It shows before it deletes, since another notebook
    of yours may be computing on one.
    """
    from ..clusters.fleet import delete_cluster

    own = front.session.cluster if front.session else None
    oldest = now_at(place) - older_than
    found = [each for each in mine(place) if each.created <= oldest and (own is None or each.name != own.name)]
    if not found:
        front.say(f"Nothing to clean up in {place}")
        return
    if not yes:
        front.show(records_table(found, place))
        front.say("Nothing is deleted yet: add --yes")
        return
    for record in found:
        delete_cluster(record.name, **place.keywords())
        front.say(f"{record.name} is deleted")


@click.command()
@click.option(
    "--daily", is_flag=True, help="Look at the project's last day: jobs, creations, staging, cost, idle clusters."
)
@click.option(
    "--weekly", is_flag=True, help="At its week: workloads, DAG files, orphans, who did what, budgets and prices."
)
@click.option(
    "--airflow", default="", metavar="URL", help="With --daily: the Airflow to look at [dataproc.composer.url]."
)
@click.option(
    "--dags", type=FOLDER, default=Path("dags"), metavar="DIR", help="With --weekly: DAG files [default dags]."
)
@click.option("--html", "page", type=FILE, metavar="FILE", help="Write the report there too, as a page of its own.")
@place_options
@json_option
@pass_front
def doctor(
    front: Front,
    daily: bool,
    weekly: bool,
    airflow: str,
    dags: Path,
    page: Path | None,
    place: Place,
    as_json: bool,
) -> None:
    """Check what a cluster needs, and say what to do about it.

    With --daily or --weekly: what whoever runs the platform looks at, docs/runbook.md. Status 1 if a check failed; a
    warning is something that works, or that could not be checked.
    """
    from .doctor import examine, verdict

    findings = [
        replace(each, cure=front.spelled(each.cure)) for each in examine(_checks(daily, weekly, airflow, dags, place))
    ]
    title = "Daily" if daily else "Weekly" if weekly else "Doctor"
    when = (
        datetime.datetime.fromtimestamp(now_at(place), datetime.UTC).strftime("%Y-%m-%d %H:%M UTC")
        if daily or weekly
        else ""
    )
    view = DoctorView(title, f"{place} {when}".rstrip(), findings)
    if page is not None:
        _write(page, view.page())
    if as_json:
        front.document([asdict(finding) for finding in findings])
    else:
        front.show(view)
    if failed := verdict(findings):
        raise failed


def _checks(daily: bool, weekly: bool, airflow: str, dags: Path, place: Place) -> list[tuple[str, Check]]:
    if daily and weekly:
        raise SpecError("weekly: given, allowed is only without --daily", "dask dataproc doctor --weekly")
    if daily or weekly:
        from .rounds import Rounds

        return Rounds(place, airflow, dags).checks(weekly=weekly)
    from .doctor_checks import checks_of

    return checks_of(place)


def _write(page: Path, text: str) -> None:
    try:
        page.write_text(text)
    except OSError as error:
        raise ConfigError(f"html: {page} cannot be written: {error.strerror}", "--html report.html") from None
