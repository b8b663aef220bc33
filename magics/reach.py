"""Which cluster a verb means: the one named, the notebook's own, or the only one there is."""

from __future__ import annotations

import time
from collections.abc import Iterator
from contextlib import contextmanager
from dataclasses import dataclass
from typing import TYPE_CHECKING, Any

from ..clusters.errors import ClusterNotFound, SpecError

if TYPE_CHECKING:
    from ..clusters.cluster import DataprocCluster
    from ..clusters.record import ClusterRecord
    from .front import Front


@dataclass(frozen=True, slots=True)
class Place:
    """A project and region whose clusters are meant.

    Attributes
    ----------
    project, region : str
    """

    project: str
    region: str

    @classmethod
    def of(cls, project: str | None, region: str | None, local: bool) -> Place:
        """Return the place of the options; what was not typed comes from where ``up`` takes it from."""
        from ..clusters.config import place

        return cls(*place(project, region, local=local))

    def keywords(self) -> dict[str, Any]:
        """Return the place as arguments."""
        return {"project": self.project, "region": self.region}

    def __str__(self) -> str:
        return f"{self.project}/{self.region}"


@contextmanager
def cluster_of(front: Front, name: str, place: Place) -> Iterator[DataprocCluster]:
    """Give the cluster that is meant; one that is not the notebook's own is let go of afterwards, as it was."""
    own = front.session.cluster if front.session else None
    if own is not None and name in ("", own.name):
        yield own
        return
    from ..clusters.cluster import DataprocCluster

    cluster = DataprocCluster.from_name(name or only_name(place), hold_lease=False, **place.keywords())
    try:
        yield cluster
    finally:
        cluster.detach()


def link_of(front: Front, cluster: DataprocCluster) -> str:
    """Return the dashboard's address: in a notebook as its front end reaches it, in a shell as this machine does."""
    return cluster.dashboard_link if front.session else link_here(cluster)


def link_here(cluster: DataprocCluster) -> str:
    """Return the dashboard's address on this machine."""
    return f"{cluster.dashboard.here}/status"


def link_ends(front: Front, cluster: DataprocCluster, link: str) -> bool:
    """Return whether ``link`` ends with the verb: it leads over this process, and no session keeps it."""
    own = front.session.cluster if front.session else None
    return cluster.dashboard.is_needed and cluster is not own and link == link_here(cluster)


def only_name(place: Place) -> str:
    """Return the name of the one cluster that is the caller's; stopped ones count where there is no other.

    Raises
    ------
    ClusterNotFound
        There is none.
    SpecError
        There are several.
    """
    records = mine(place)
    names = [record.name for record in records if record.alive] or [record.name for record in records]
    if not names:
        raise ClusterNotFound(f"no cluster of yours in {place}", "%dask_cluster up")
    if len(names) > 1:
        raise SpecError(
            f"name: none given, and there are {len(names)} clusters: {', '.join(names)}",
            f"%dask_cluster status {names[0]}",
        )
    return names[0]


def now_at(place: Place) -> float:
    """Return the time of that Dataproc, in unix seconds: the emulator's may run faster."""
    from ..clusters.config import LOCAL
    from ..clusters.local import endpoint

    return endpoint().clock.now() if place.project == LOCAL else time.time()


def mine(place: Place) -> list[ClusterRecord]:
    """Return the clusters that labels say this tool made for the caller."""
    from ..clusters.config import user
    from ..clusters.fleet import list_clusters

    return [record for record in list_clusters(**place.keywords()) if record.owner == user()]
