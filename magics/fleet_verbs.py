"""The verbs about all clusters of a project: fleet, audit, export-logs."""

from __future__ import annotations

import re
from pathlib import Path
from typing import Any

import click

from ..clusters.errors import SpecError
from .completion import cluster_names
from .front import Front, pass_front
from .look_verbs import SECTIONS
from .options import json_option, name_argument, place_options
from .reach import Place, cluster_of, now_at, only_name
from .render import Table, money, size

PATIENCE = 5.0
"""Seconds that putting old events together may hold up the end of `audit`, after its answer is there."""


@click.command()
@place_options
@json_option
@pass_front
def fleet(front: Front, place: Place, as_json: bool) -> None:
    """Show every cluster of the project: whose, its age, cost, use and lease.

    Those that have cost most come first. In the region given or configured, and wherever the ledger knows clusters.
    """
    from dataclasses import asdict

    from ..clusters.fleet import fleet as look
    from ..clusters.fleet_rows import totals
    from .fleet_view import FleetView

    found = look(**place.keywords())
    if as_json:
        front.document(asdict(found) | {"totals": totals(found.rows)._asdict()})
        return
    front.show(FleetView(found.rows, f"{found.project}: {', '.join(found.regions)}", found.now, found.missing))


@click.command()
@click.option("--since", default="7d", metavar="WHEN", help="A duration or a date, 36h or 2026-11-25 [default 7d].")
@click.option("--owner", default="", metavar="NAME", help="Only the clusters of that person.")
@click.option("--cluster", default="", metavar="NAME", help="Only of that cluster.", shell_complete=cluster_names)
@place_options
@json_option
@pass_front
def audit(front: Front, since: str, owner: str, cluster: str, place: Place, as_json: bool) -> None:
    """Show who made, changed and deleted clusters, and at what cost.

    When and through what, too. What the clusters of others have cost is for a platform admin to see: docs/ledger.md.
    """
    from ..clusters.audit import asked_for, total
    from ..clusters.query import queried, settle
    from .audit_view import audit_table

    now = now_at(place)
    found = queried(place.project, since, now)
    events = asked_for(found.events, since=found.since, owner=owner, cluster=cluster)
    if as_json:
        front.document([event.to_dict() for event in events])
    else:
        front.show(audit_table(events, f"Nothing has happened to clusters in {place.project} since then"))
        for line in found.notes:
            front.say(line)
        if events:
            front.say(f"{len(events)} events; clusters that ended in them cost {money(total(events))} at list prices")
    settle(place.project, now, PATIENCE)


@click.command("export-logs")
@name_argument
@click.option("--job", default="", metavar="ID", help="Only of that job, and its cluster's way up.")
@click.option("-o", "--output", type=click.Path(path_type=Path), metavar="DIR", help="A folder, or a file.zip.")
@place_options
@pass_front
def export_logs(front: Front, name: str, job: str, output: Path | None, place: Place) -> None:
    """Copy all that a cluster or a job has logged, without secrets.

    Also when it has gone: then what jobs and initialization actions printed, its last metrics and its audit trail, as
    far as staging has them; of one that lives the scheduler's and the workers' logs too.
    """
    from ..clusters.log_sources import gather
    from ..clusters.sync import run
    from .log_files import written

    if name and job:
        raise SpecError(
            "job: given, allowed is only without a cluster's name", f"{front.command} export-logs --job {job}"
        )
    if not (name or job):
        name = front.session.cluster.name if front.session and front.session.cluster else only_name(place)
    target = output or Path(f"{name or job}-logs")
    found = run(gather(place.project, place.region, name, job, lambda which: _living(front, which, place)))
    octets = written(target, found.files, found.index())
    rows = [(each["name"], size(each["bytes"]), _hidden(each["redacted"])) for each in found.index()["files"]]
    front.show(Table(rows, ("file", "size", "redacted"), "Nothing was logged"))
    for line in found.missing:
        front.say(f"Missing: {line}")
    front.say(f"{len(rows)} files, {size(octets)}, are in {target}")


def _living(front: Front, name: str, place: Place) -> dict[str, str]:
    """Return the logs of a cluster that lives, by file."""
    with cluster_of(front, name, place) as cluster:
        logs: Any = cluster.get_logs()
    files = {SECTIONS["boot"]: "boot.txt", SECTIONS["head"]: "scheduler.txt"}
    return {files.get(whose, f"workers/{_file(whose)}.txt"): str(text) for whose, text in logs.items()}


def _file(address: str) -> str:
    return re.sub(r"[^A-Za-z0-9.-]+", "_", address.partition("://")[2] or address)


def _hidden(count: int) -> str:
    return str(count) if count else ""
