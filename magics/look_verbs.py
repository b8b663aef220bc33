"""The verbs that look at clusters and change nothing: list, status, logs, dashboard."""

from __future__ import annotations

import contextlib
import math
import threading
from collections.abc import Sequence
from typing import TYPE_CHECKING, Any

import click

from ..clusters.errors import ClusterNotFound
from .front import Front, pass_front
from .options import json_option, name_argument, place_options
from .reach import Place, cluster_of, link_ends, link_here, link_of, mine, now_at, only_name
from .render import Table, money, size, span

if TYPE_CHECKING:
    from ..clusters.cluster import DataprocCluster
    from ..clusters.record import ClusterRecord

REACHABLE = ("RUNNING", "UPDATING")
"""States in which a scheduler answers."""
SECTIONS = {"boot": "Cluster", "head": "Scheduler"}
"""What Dask calls the logs of the way up and of the scheduler; every other name it has is a worker's address."""


@click.command("list")
@place_options
@click.option("--all", "everybody", is_flag=True, help="Everybody's, not only yours.")
@json_option
@pass_front
def list_(front: Front, place: Place, everybody: bool, as_json: bool) -> None:
    """List your clusters that this tool made."""
    from ..clusters.fleet import list_clusters

    records = list_clusters(**place.keywords()) if everybody else mine(place)
    if as_json:
        front.document([record.to_dict() for record in records])
    else:
        front.show(records_table(records, place))


@click.command()
@name_argument
@place_options
@json_option
@pass_front
def status(front: Front, name: str, place: Place, as_json: bool) -> None:
    """Show a cluster's state, size, cost and lease."""
    own = front.session.cluster if front.session else None
    if own is None or name not in ("", own.name):
        record = _record(name or only_name(place), place)
        if record.status not in REACHABLE:
            said = _state(record) + _idle_life(record, now_at(place))
            front.document(record.to_dict()) if as_json else front.show(Table(said))
            return
        name = record.name
    with cluster_of(front, name, place) as cluster:
        record = cluster.refresh()
        known = _measured(cluster)
        if as_json:
            front.document(record.to_dict() | known)
            return
        link = link_of(front, cluster)
        if link_ends(front, cluster, link):
            link = f"{front.command} dashboard {name}"
        front.show(Table([*_state(record), *_life(cluster, known), ("dashboard", link)]))


@click.command()
@name_argument
@click.option(
    "--of", "part", type=click.Choice(["all", "boot", "head", "workers"]), default="all", help="Whose [default all]."
)
@place_options
@pass_front
def logs(front: Front, name: str, part: str, place: Place) -> None:
    """Show what a cluster logged.

    boot is its way up as seen from here, head its scheduler.
    """
    wanted = {
        "cluster": part in ("all", "boot"),
        "scheduler": part in ("all", "head"),
        "workers": part in ("all", "workers"),
    }
    with cluster_of(front, name, place) as cluster:
        found: Any = cluster.get_logs(**wanted)
    titles = {dask: ours for ours, dask in SECTIONS.items()}
    for key, text in sorted(found.items(), key=lambda item: (item[0] not in titles, item[0])):
        front.result(f"== {titles.get(key, f'worker {key}')}\n{text}\n")


@click.command()
@name_argument
@click.option("--open", "browse", is_flag=True, help="Open it in this machine's browser.")
@place_options
@pass_front
def dashboard(front: Front, name: str, browse: bool, place: Place) -> None:
    """Show the address of a cluster's Dask dashboard, and those of its pages at Component Gateway if it has that."""
    with cluster_of(front, name, place) as cluster:
        link = link_here(cluster) if browse else link_of(front, cluster)
        gateway = cluster.refresh().gateway if cluster.spec.component_gateway else {}
        front.show(Table([("dashboard", link), *((f"gateway: {page}", at) for page, at in gateway.items())]))
        if browse:
            click.launch(link)
        if link_ends(front, cluster, link):
            front.say("It is there until you end this (Ctrl-C): only this process has the cluster's keys")
            with contextlib.suppress(KeyboardInterrupt):
                threading.Event().wait(cluster.spec.lifetime)


def records_table(records: Sequence[ClusterRecord], place: Place) -> Table:
    """Return clusters as a table, one a row."""
    header = ("name", "status", "workers", "age", "lease left", "owner")
    now = now_at(place)
    return Table([_line(record, now) for record in records], header, f"No clusters in {place}")


def is_stopped(record: ClusterRecord, now: float) -> str:
    """Return in one line that a cluster is stopped, what that costs and until when."""
    left = span((record.lease_expires or now) - now)
    cost = f"its disks cost {money(_disks(record))} per hour"
    return f"{record.name} is stopped: {cost}, for {left} at most; up of the same spec starts it again"


def _disks(record: ClusterRecord) -> float | None:
    """Return what a stopped cluster costs, USD per hour; None where the list has no price."""
    from ..clusters.spending import listed

    price = listed(record.spec(), stopped=True)
    return price.total if price else None


def _idle_life(record: ClusterRecord, now: float) -> list[tuple[str, str]]:
    if record.status != "STOPPED":
        return []
    return [("price per hour", f"{money(_disks(record))} (disks)"), ("lease left", _lease_left(record, now))]


def _lease_left(record: ClusterRecord, now: float) -> str:
    return span(record.lease_expires - now) if record.lease_expires else "no lease"


def _record(name: str, place: Place) -> ClusterRecord:
    from ..clusters.fleet import list_clusters

    for record in list_clusters(**place.keywords()):
        if record.name == name:
            return record
    raise ClusterNotFound(f"no cluster {name} in {place}", "%dask_cluster list")


def _line(record: ClusterRecord, now: float) -> tuple[str, ...]:
    status = f"STOPPED, {money(_disks(record))}/h" if record.status == "STOPPED" else record.status
    age, left = span(now - record.created), _lease_left(record, now)
    return (record.name, status, str(record.total_workers), age, left, record.owner)


def _state(record: ClusterRecord) -> list[tuple[str, str]]:
    said = f"{record.status}: {record.detail}" if record.detail else record.status
    return [("name", record.name), ("place", f"{record.project}/{record.region}"), ("state", said)]


def _measured(cluster: DataprocCluster) -> dict[str, Any]:
    """Return what is known of a living cluster besides its record, as JSON has it."""
    head: Any = cluster.scheduler_comm
    scheduler: Any = cluster.sync(head.identity, n_workers=-1)
    state: Any = cluster.sync(head.workers_state)
    workers = scheduler["workers"].values()
    return {
        "registered": len(workers),
        "threads": sum(worker["nthreads"] for worker in workers),
        "memory": sum(worker.get("metrics", {}).get("memory", 0) for worker in workers),
        "memory_limit": sum(worker["memory_limit"] for worker in workers),
        "adapts": state["adapts"],
        "price_per_hour": cluster.price_per_hour,
        "cost": cluster.cost,
        "lease_left": cluster.lease.left if math.isfinite(cluster.lease.left) else None,
        "scheduler": cluster.scheduler_address,
        "dashboard": f"{cluster.dashboard.there}/status",
    }


def _adapts(minimum: int = 0, maximum: int = 0, wanted: int | None = None) -> list[tuple[str, str]]:
    """Return what the head of a cluster on YARN does by itself."""
    wants = f", wants {wanted}" if wanted is not None else ""
    return [("adapts", f"{minimum} to {maximum} containers{wants}")] if maximum else []


def _life(cluster: DataprocCluster, known: dict[str, Any]) -> list[tuple[str, str]]:
    return [
        ("workers", f"{known['registered']} of {cluster.record.total_workers}, {known['threads']} threads"),
        *_adapts(**known["adapts"] or {}),
        ("memory", f"{size(known['memory'])} of {size(known['memory_limit'])}"),
        ("price per hour", money(known["price_per_hour"])),
        ("cost so far", money(known["cost"])),
        ("lease left", "no lease" if known["lease_left"] is None else span(known["lease_left"])),
    ]
