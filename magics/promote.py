"""The session whose notebook becomes a job: the cluster it was written on, and what was measured there."""

from __future__ import annotations

from collections.abc import Callable
from pathlib import Path
from typing import TYPE_CHECKING, Any

from ..clusters.errors import DaskDataprocError, SpecError

if TYPE_CHECKING:
    from ..clusters.cluster import DataprocCluster
    from ..clusters.history import Run
    from ..clusters.spec import ClusterSpec
    from ..kernel_ext.session import Session
    from ..pipelines.promotion import Promotion


def promotion(
    session: Session | None, notebook: str, say: Callable[[str], object], *, as_is: bool = False
) -> dict[str, Any] | None:
    """Return the fields of the cluster that the job of ``notebook`` gets of a session; None where it gets none.

    A notebook whose metadata has a cluster of its own keeps it, and so does every notebook but the session's own.

    Parameters
    ----------
    session : Session or None
    notebook : str
    say : callable
        Told in one or two lines what was taken and why.
    as_is : bool
        Keep the session's size.

    Raises
    ------
    SpecError
        ``as_is`` is asked for where no size is to be had.
    NotebookError
        The notebook cannot be read.
    """
    cluster = _last(session, notebook)
    own = _own(notebook) if cluster is not None or as_is else {}
    if cluster is None or own:
        if as_is:
            why = "the notebook's metadata has a cluster" if own else "this session has had no cluster"
            raise SpecError(
                f"as-is: given, and {why}", "%dask_pipeline edit --unset cluster" if own else "%dask_cluster up"
            )
        if cluster is not None:
            say("The cluster is the one of the notebook's metadata; this session's is taken where that has none")
        return None
    found = of_cluster(cluster, as_is=as_is)
    for line in found.said:
        say(line)
    return found.cluster


def of_cluster(cluster: DataprocCluster, *, as_is: bool = False) -> Promotion:
    """Return what a job gets of ``cluster``, which a session holds or has held."""
    from ..clusters.spending import listed
    from ..pipelines.promotion import promoted

    def rate(spec: ClusterSpec) -> float | None:
        price = listed(spec)
        return price.total if price else None

    return promoted(cluster.spec, _measured(cluster), rate, as_is=as_is)


def _last(session: Session | None, notebook: str) -> DataprocCluster | None:
    if session is None or session.run is not None:
        return None
    others = session.notebook and Path(session.notebook).resolve() != Path(notebook).resolve()
    return None if others else session.last_cluster


def _own(notebook: str) -> Any:
    from ..pipelines.metadata import KEY
    from ..pipelines.notebook import read_notebook

    entry = read_notebook(notebook).get("metadata", {}).get(KEY, {})
    return entry.get("cluster") if isinstance(entry, dict) else None


def _measured(cluster: DataprocCluster) -> Run | None:
    try:
        return cluster.measured()
    except (DaskDataprocError, OSError):  # it is going: what it was asked to be is known all the same
        return None
