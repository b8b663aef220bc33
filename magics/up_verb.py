"""The verb that brings a cluster up, from a shell and in a notebook."""

from __future__ import annotations

import time
from pathlib import Path
from typing import TYPE_CHECKING, Any

import click

from ..clusters.errors import ClusterExists
from .cluster_verbs import attach_to, is_up, names_for, own_cluster
from .front import Front, pass_front
from .options import json_option, local_option, spec_file, spec_options, typed_fields
from .reach import Place
from .render import span
from .size_verbs import fields_for

if TYPE_CHECKING:
    from ..clusters.cluster import DataprocCluster
    from ..clusters.spec import ClusterSpec
    from ..kernel_ext.session import Session

SHELL_LIFETIME = 3600
"""Seconds that a cluster made from a shell lives, unless told otherwise: nobody is there to renew its lease."""


@click.command()
@spec_options
@local_option
@click.option("--spec", "path", type=click.Path(path_type=Path), metavar="FILE", help="Fields in a YAML file.")
@click.option("--data", metavar="PATH", help="Of the size that its input asks for, as `size` says it.")
@click.option("--keep", is_flag=True, help="In a notebook: the cluster outlives the kernel, until its lease ends.")
@click.option("--fit", is_flag=True, help="Where a quota is short: the largest cluster that fits will do.")
@click.option("--wait/--no-wait", default=None, help="In a notebook: end when it is up [default: if nobody is there].")
@click.option("--client-name", metavar="NAME", help="In a notebook: what the client is called there.")
@click.option("--cluster-name", metavar="NAME", help="In a notebook: what the cluster is called there.")
@json_option
@pass_front
def up(
    front: Front,
    path: Path | None,
    local: bool,
    data: str | None,
    keep: bool,
    fit: bool,
    wait: bool | None,
    client_name: str | None,
    cluster_name: str | None,
    as_json: bool,
    **fields: Any,
) -> None:
    """Bring up a cluster and wait for its workers.

    One of that name that lives already is attached to. In a notebook `client` and `cluster` are there afterwards,
    and the kernel keeps the cluster's lease. Where a person sits in front of it the cell is over at once: the cluster
    comes up beside the work, and a cell that needs `client` waits for it. A cluster made from a shell has nobody to
    keep its lease: it lives for --lifetime, by default 1 h.
    """
    from ..clusters.config import resolve
    from ..kernel_ext.last_spec import remember

    front.quiet = as_json
    given = spec_file(path) | typed_fields(fields)
    if data is not None:
        given, why = fields_for(data, Place.of(given.get("project"), given.get("region"), local), given)
        front.say(f"Sized for {data}: {why}")
    if front.session is None:
        cluster = _up_from_shell(front, given, local, fit)
    else:
        names = names_for(client_name, cluster_name)
        cluster = _in_kernel(front, front.session, given, names)
        if cluster is None:
            spec = resolve(given, local=local)
            remember(given)
            cluster = _begin(front, front.session, spec, names, keep, fit, wait=wait)
    if as_json and cluster is not None:
        front.document(_described(cluster))
    if front.session is None and cluster is not None:
        cluster.detach()


def _up_from_shell(front: Front, given: dict[str, Any], local: bool, fit: bool) -> DataprocCluster:
    from ..clusters.cluster import DataprocCluster
    from ..clusters.config import resolve, setting

    if "lifetime" not in given and not setting("lifetime"):
        given["lifetime"] = SHELL_LIFETIME
    spec = resolve(given, local=local)
    with front.progress() as progress:
        cluster = DataprocCluster(spec, fit=fit, hold_lease=False, on_phase=progress)
    for line in (is_up(cluster), _lives_until(cluster), f"In a notebook: %dask_cluster attach {cluster.name}"):
        front.say(line)
    return cluster


def _in_kernel(front: Front, session: Session, given: dict[str, Any], names: tuple[str, str]) -> DataprocCluster | None:
    """Return the cluster that the notebook has already: its own, or that of the job that it is a run of."""
    if run := session.run:
        cluster = session.cluster or attach_to(front, session, run["cluster"], names, _place_of(run))
        front.say(f"This run is a job: {' and '.join(names)} are on {cluster.name}, made and deleted by its DAG")
        return cluster
    if current := own_cluster(session):
        front.say(_already(current, given))
    return current


def _begin(
    front: Front,
    session: Session,
    spec: ClusterSpec,
    names: tuple[str, str],
    keep: bool,
    fit: bool,
    *,
    wait: bool | None,
) -> DataprocCluster | None:
    """Bring the cluster of ``spec`` up; return it when it is up, None if nobody is to wait for that."""
    session.check_none_is_coming()
    coming = session.begin(spec, names, keep=keep, fit=fit)

    def told(cluster: DataprocCluster) -> str:
        return f"{is_up(cluster)}; {' and '.join(names)} are ready"

    if wait is None:
        wait = not session.live or front.quiet
    return front.watch(coming, told, wait=wait)


def _place_of(run: Any) -> Place:
    return Place.of(run.get("project"), run.get("region"), False)


def _already(cluster: DataprocCluster, given: dict[str, Any]) -> str:
    """Say that there is a cluster; what was asked of a new one is named if it differs.

    Raises
    ------
    ClusterExists
        One of another name was asked for.
    """
    if given.get("name", cluster.name) != cluster.name:
        raise ClusterExists(f"this notebook has {cluster.name} already", f"%dask_cluster down {cluster.name}")
    asked = given.get("workers", cluster.record.total_workers)
    more = f"; %dask_cluster scale {asked} makes it {asked}" if asked != cluster.record.total_workers else ""
    return f"{is_up(cluster)}, since before{more}"


def _lives_until(cluster: DataprocCluster) -> str:
    expires = time.strftime("%H:%M", time.localtime(time.time() + cluster.lease.left))
    return f"It lives until {expires}, {span(cluster.lease.left)} from now (--lifetime)"


def _described(cluster: DataprocCluster) -> dict[str, Any]:
    more = {
        "scheduler": cluster.scheduler_address,
        "dashboard": f"{cluster.dashboard.there}/status",
        "price_per_hour": cluster.price_per_hour,
        "phases": {phase.name: phase.seconds for phase in cluster.phases},
    }
    return cluster.record.to_dict() | more
