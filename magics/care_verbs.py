"""The verbs that look after things: cleanup, doctor."""

from __future__ import annotations

from dataclasses import asdict
from typing import TYPE_CHECKING

import click

from .front import Front, pass_front
from .look_verbs import records_table
from .options import DURATION, json_option, place_options
from .reach import Place, mine, now_at
from .render import Table

if TYPE_CHECKING:
    from .doctor import Finding

MARKS = {"ok": "ok", "warn": "WARN", "fail": "FAIL"}


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
@place_options
@json_option
@pass_front
def doctor(front: Front, place: Place, as_json: bool) -> None:
    """Check what a cluster needs, and say what to do about it.

    Status 1 if a check failed; a warning is something that works, or that could not be checked.
    """
    from .doctor import examine, verdict
    from .doctor_checks import checks_of

    findings = examine(checks_of(place))
    if as_json:
        front.document([asdict(finding) for finding in findings])
    else:
        front.show(Table([(MARKS[each.status], each.check, _said(each)) for each in findings]))
    if failed := verdict(findings):
        raise failed


def _said(finding: Finding) -> str:
    return f"{finding.text}  Try:  {finding.cure}" if finding.cure else finding.text
