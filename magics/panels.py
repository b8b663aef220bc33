"""Whose panel is whose: one for each session, however often it is shown; one for each cluster that no session holds."""

from __future__ import annotations

from collections.abc import Callable
from typing import TYPE_CHECKING

from ..kernel_ext.session import session_of
from .panel import Panel

if TYPE_CHECKING:
    from ..clusters.cluster import DataprocCluster
    from ..kernel_ext.session import Session

_panels: dict[int, Panel] = {}


class Alone:
    """A cluster that no session holds, as a panel's holder: it can be watched, changed and ended, and is not replaced.

    Parameters
    ----------
    cluster : DataprocCluster
    """

    coming = None

    def __init__(self, cluster: DataprocCluster):
        self._cluster = cluster

    @property
    def cluster(self) -> DataprocCluster | None:
        """The cluster, while it runs and is connected."""
        return self._cluster if self._cluster.status.name == "running" else None

    def down(self, *, keep: bool = False) -> str:
        """Delete the cluster, or with ``keep`` let go of it."""
        self._cluster.detach() if keep else self._cluster.delete()
        return self._cluster.name


def panel_of_session(session: Session) -> Panel:
    """Return the session's panel: each time the same, so that two views of it show the same."""

    def make() -> Panel:
        panel = Panel(session, session.begin)
        session.at_end(panel.beat.stop)  # its widgets go with the kernel
        return panel

    return _kept(session, make)


def panel_of(cluster: DataprocCluster) -> Panel:
    """Return the panel of ``cluster``: the session's, where it is the session's cluster."""
    from IPython.core.getipython import get_ipython

    shell = get_ipython()
    session = session_of(shell) if shell is not None else None
    if session is not None and session.cluster is cluster:
        return panel_of_session(session)
    return _kept(cluster, lambda: Panel(Alone(cluster)))


def close_panels() -> None:
    """Close all panels, wherever they are shown."""
    while _panels:
        _panels.popitem()[1].close()


def _kept(key: object, make: Callable[[], Panel]) -> Panel:
    if id(key) not in _panels:
        _panels[id(key)] = make()
    return _panels[id(key)]
