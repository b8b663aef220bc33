"""The verbs that change a cluster that there is: down, attach, scale, adapt."""

from __future__ import annotations

from typing import TYPE_CHECKING

import click

from ..clusters.errors import ClusterBusy, ClusterExists, SpecError
from .front import Front, pass_front
from .look_verbs import is_stopped
from .options import name_argument, name_option, place_options
from .reach import Place, cluster_of, mine, now_at, only_name
from .render import Table, money

if TYPE_CHECKING:
    from ..clusters.cluster import DataprocCluster
    from ..clusters.spec import ClusterSpec
    from ..kernel_ext.session import Session


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
    if session and (coming := session.coming) and (everything or name in ("", coming.name)):
        session.down()
        front.say(f"{coming.name} is deleted" if coming.error is None else str(coming.error))
        if not everything:
            return
    own = own_cluster(session) if session else None
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
    session.check_none_is_coming()
    current = own_cluster(session)
    if current is not None and name not in ("", current.name):
        raise ClusterExists(f"this notebook has {current.name} already", f"%dask_cluster down {current.name}")
    names = names_for(client_name, cluster_name)
    cluster = current or attach_to(front, session, name or only_name(place), names, place)
    front.say(f"Attached to {is_up(cluster).replace(' is up', '', 1)}; {' and '.join(names)} are ready")


def attach_to(front: Front, session: Session, name: str, names: tuple[str, str], place: Place) -> DataprocCluster:
    """Attach the notebook to a living cluster, showing how."""
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


def own_cluster(session: Session) -> DataprocCluster | None:
    """Return the cluster that the notebook has, None if it has none.

    Raises
    ------
    ClusterBusy
        It goes down: it is of no use any more, and takes the room of another one.
    """
    cluster = session.cluster
    if cluster is not None and session.going_down:
        raise ClusterBusy(f"{cluster.name} is going down: wait until it has gone", "%dask_cluster list")
    return cluster


def names_for(client: str | None, cluster: str | None) -> tuple[str, str]:
    """Return what client and cluster are to be called in the notebook.

    Raises
    ------
    SpecError
        It is no name of Python's.
    """
    from ..clusters.config import setting

    names = client or setting("names.client"), cluster or setting("names.cluster")
    for name in names:
        if not name.isidentifier():
            raise SpecError(f"names: {name!r} given, allowed is a name of Python's", "--client-name client")
    return names


def is_up(cluster: DataprocCluster) -> str:
    """Say in one line that a cluster is up, how large it is and what it costs."""
    return f"{cluster.name} is up: {_workers(cluster)}, {_price(cluster)}"


def _price(cluster: DataprocCluster) -> str:
    from ..clusters.config import LOCAL

    free = " in the cloud, nothing here" if cluster.spec.project == LOCAL else ""
    return f"{money(cluster.price_per_hour)} per hour{free}"


def _workers(cluster: DataprocCluster) -> str:
    n = cluster.record.total_workers
    return f"{n} worker{'s' * (n != 1)}"


def _python(cluster: DataprocCluster) -> str:
    spec: ClusterSpec = cluster.spec
    return f"DataprocCluster.from_name({spec.name!r}, project={spec.project!r}, region={spec.region!r})"
