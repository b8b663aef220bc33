"""The cluster that a notebook's last kernel left to it, looked for at Dataproc."""

from __future__ import annotations

from typing import TYPE_CHECKING, NamedTuple

from ..clusters.errors import ClusterFailed, ClusterNotFound, DaskDataprocError
from .gone import gone

if TYPE_CHECKING:
    from ..clusters.cluster import DataprocCluster
    from .notebook_record import Own


class Found(NamedTuple):
    """What came of it: the cluster, attached to, or a line that says why there is none, and whether it is no more."""

    cluster: DataprocCluster | None = None
    said: str = ""
    lost: bool = False


def find_again(own: Own) -> Found:
    """Attach to the cluster that ``own`` is the record of, unless it has gone; another one of its name is let be."""
    from ..clusters.cluster import DataprocCluster

    try:
        cluster = DataprocCluster.from_name(own.name, project=own.project, region=own.region, keep=own.keep)
    except ClusterNotFound:
        return Found(said=gone(own), lost=True)
    except ClusterFailed as error:
        said = f"{own.name} is lost: {error.message}; {error.hint or '%dask_cluster up makes another'}"
        return Found(said=said, lost=True)
    except DaskDataprocError as error:
        return Found(said=f"{own.name} is not reached: {error.message}; %dask_cluster attach {own.name} tries again")
    if cluster.record.uuid != own.uuid:  # somebody else's, under the name that ours had
        cluster.detach()
        return Found(said=gone(own), lost=True)
    return Found(cluster)
