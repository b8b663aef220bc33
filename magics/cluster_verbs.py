"""The verbs that change a cluster: up, down, attach, scale, adapt."""

from __future__ import annotations

import time
from pathlib import Path
from typing import TYPE_CHECKING, Any

import click

from ..clusters.errors import ClusterExists, SpecError
from .front import Front, pass_front
from .look_verbs import is_stopped
from .options import (
    json_option,
    local_option,
    name_argument,
    name_option,
    place_options,
    spec_file,
    spec_options,
    typed_fields,
)
from .reach import Place, cluster_of, mine, now_at, only_name
from .render import Table, money, span
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
        names = _names(client_name, cluster_name)
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
    for line in (_is_up(cluster), _lives_until(cluster), f"In a notebook: %dask_cluster attach {cluster.name}"):
        front.say(line)
    return cluster


def _in_kernel(front: Front, session: Session, given: dict[str, Any], names: tuple[str, str]) -> DataprocCluster | None:
    """Return the cluster that the notebook has already: its own, or that of the job that it is a run of."""
    if run := session.run:
        cluster = session.cluster or _attach(front, session, run["cluster"], names, _place_of(run))
        front.say(f"This run is a job: {' and '.join(names)} are on {cluster.name}, made and deleted by its DAG")
        return cluster
    if current := session.cluster:
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
    if session.coming is not None:
        raise ClusterExists(f"one is coming up already: {session.coming.said}", "%dask_cluster down")
    coming = session.begin(spec, names, keep=keep, fit=fit)

    def told(cluster: DataprocCluster) -> str:
        return f"{_is_up(cluster)}; {' and '.join(names)} are ready"

    if wait is None:
        wait = not session.live or front.quiet
    return front.watch(coming, told, wait=wait)


@click.command()
@name_argument
@place_options
@click.option("--all", "everything", is_flag=True, help="All clusters that are yours.")
@click.option("--keep", is_flag=True, help="In a notebook: only let go of it; it lives until its lease ends.")
@click.option("--stop", is_flag=True, help="Keep it stopped: the next up of the same spec starts it again.")
@pass_front
def down(front: Front, name: str, everything: bool, keep: bool, stop: bool, place: Place) -> None:
    """Delete a cluster.

    The one named, else the notebook's own, else the only one there is. With --stop its disks stay and cost a little,
    until dataproc.stopped-lease is over.
    """
    if keep and stop:
        raise SpecError("stop: given, allowed is only without --keep", "%dask_cluster down --stop")
    session = front.session
    if session and (coming := session.coming) and name in ("", coming.name):
        session.down()
        front.say(f"{coming.name} is deleted" if coming.error is None else str(coming.error))
        return
    own = session.cluster if session else None
    if keep and (own is None or name not in ("", own.name)):
        raise SpecError("keep: given, allowed is only for the cluster that this notebook holds", "%dask_cluster list")
    if session and own is not None and (everything or name in ("", own.name)):
        front.say(_let_go(session, own, keep, stop))
        if not everything:
            return
    from ..clusters.fleet import delete_cluster, stop_cluster

    names = [record.name for record in mine(place)] if everything else [name or only_name(place)]
    for each in names:
        record = (stop_cluster if stop else delete_cluster)(each, **place.keywords())
        front.say(is_stopped(record, now_at(place)) if stop else f"{each} is deleted")


def _let_go(session: Session, cluster: DataprocCluster, keep: bool, stop: bool) -> str:
    if run := session.run:
        session.down(keep=True)
        return f"This run is a job: let go of {run['cluster']}, its DAG deletes it"
    session.down(keep=keep, stop=stop)
    if stop:
        return is_stopped(cluster.record, cluster.lease.clock.now())
    return f"Let go of {cluster.name}: it lives until its lease ends" if keep else f"{cluster.name} is deleted"


@click.command()
@name_argument
@place_options
@click.option("--client-name", metavar="NAME", help="In a notebook: what the client is called there.")
@click.option("--cluster-name", metavar="NAME", help="In a notebook: what the cluster is called there.")
@pass_front
def attach(
    front: Front,
    name: str,
    client_name: str | None,
    cluster_name: str | None,
    place: Place,
) -> None:
    """Connect to a living cluster.

    The notebook takes its lease over, and leaves it running when it ends. From a shell: show how to reach it.
    """
    session = front.session
    if session is None:
        with cluster_of(front, name, place) as cluster:
            front.show(
                Table([("name", cluster.name), ("scheduler", cluster.scheduler_address), ("python", _python(cluster))])
            )
        return
    current = session.cluster
    if current is not None and name not in ("", current.name):
        raise ClusterExists(f"this notebook has {current.name} already", f"%dask_cluster down {current.name}")
    names = _names(client_name, cluster_name)
    cluster = current or _attach(front, session, name or only_name(place), names, place)
    front.say(f"Attached to {_is_up(cluster).replace(' is up', '', 1)}; {' and '.join(names)} are ready")


def _attach(front: Front, session: Session, name: str, names: tuple[str, str], place: Place) -> DataprocCluster:
    with front.progress() as progress:
        return session.attach(name, names, on_phase=progress, **place.keywords())


@click.command()
@click.argument("n", type=int)
@name_option
@place_options
@pass_front
def scale(front: Front, n: int, name: str, place: Place) -> None:
    """Resize a cluster to N workers and wait for them.

    Workers that leave move their data first.
    """
    with cluster_of(front, name, place) as cluster:
        cluster.scale(n)
        front.say(f"{cluster.name} has {_workers(cluster)}, {_price(cluster)}")


@click.command()
@click.argument("minimum", type=int)
@click.argument("maximum", type=int)
@pass_front
def adapt(front: Front, minimum: int, maximum: int) -> None:
    """Resize as the work asks, from MINIMUM to MAXIMUM.

    Of the notebook's own cluster. Its kernel watches, and the next one that attaches goes on; with runtime yarn the
    cluster's head does, also while nobody is attached, on the machines that there are then. scale ends it.
    """
    cluster = front.session.cluster if front.session else None
    if cluster is None:
        raise SpecError("adapt: this kernel has no cluster to watch over", "%dask_cluster up   (in a notebook)")
    cluster.adapt(minimum=minimum, maximum=maximum)
    front.say(f"{cluster.name} adapts between {minimum} and {maximum} workers")


def _names(client: str | None, cluster: str | None) -> tuple[str, str]:
    from ..clusters.config import setting

    names = client or setting("names.client"), cluster or setting("names.cluster")
    for name in names:
        if not name.isidentifier():
            raise SpecError(f"names: {name!r} given, allowed is a name of Python's", "--client-name client")
    return names


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
    return f"{_is_up(cluster)}, since before{more}"


def _is_up(cluster: DataprocCluster) -> str:
    return f"{cluster.name} is up: {_workers(cluster)}, {_price(cluster)}"


def _price(cluster: DataprocCluster) -> str:
    from ..clusters.config import LOCAL

    free = " in the cloud, nothing here" if cluster.spec.project == LOCAL else ""
    return f"{money(cluster.price_per_hour)} per hour{free}"


def _workers(cluster: DataprocCluster) -> str:
    n = cluster.record.total_workers
    return f"{n} worker{'s' * (n != 1)}"


def _lives_until(cluster: DataprocCluster) -> str:
    expires = time.strftime("%H:%M", time.localtime(time.time() + cluster.lease.left))
    return f"It lives until {expires}, {span(cluster.lease.left)} from now (--lifetime)"


def _python(cluster: DataprocCluster) -> str:
    spec: ClusterSpec = cluster.spec
    return f"DataprocCluster.from_name({spec.name!r}, project={spec.project!r}, region={spec.region!r})"


def _described(cluster: DataprocCluster) -> dict[str, Any]:
    more = {
        "scheduler": cluster.scheduler_address,
        "dashboard": f"{cluster.dashboard.there}/status",
        "price_per_hour": cluster.price_per_hour,
        "phases": {phase.name: phase.seconds for phase in cluster.phases},
    }
    return cluster.record.to_dict() | more
