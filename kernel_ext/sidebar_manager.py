"""The one place that reaches into dask-labextension 7.0.0, which has no way to be told of clusters it did not make.

tests/unit/test_sidebar_contract.py holds what is relied on here.
"""

from __future__ import annotations

from collections.abc import Callable
from typing import TYPE_CHECKING, Any, TypeVar

if TYPE_CHECKING:
    from .sidebar_words import Bounds

Kind = TypeVar("Kind")


class Shown:
    """The lines of the sidebar, as dask-labextension's cluster manager has them.

    Parameters
    ----------
    manager : DaskClusterManager
    looked : callable
        Called before each list that somebody asks for.
    """

    def __init__(self, manager: Any, looked: Callable[[], None]):
        self._manager = manager
        listed = manager.list_clusters

        def list_clusters() -> list[dict[str, Any]]:
            looked()
            return listed()

        manager.list_clusters = list_clusters

    def clusters(self, kind: type[Kind]) -> dict[str, Kind]:
        """Return the clusters of ``kind`` that are shown, by the ids of their lines."""
        return {line: cluster for line, cluster in self._manager._clusters.items() if isinstance(cluster, kind)}

    def add(self, line: str, cluster: Any) -> None:
        """Show ``cluster`` as ``line``; its name is to be `say` 's."""
        self._manager._clusters[line] = cluster
        self._manager._cluster_names[line] = ""

    def say(self, line: str, text: str, bounds: Bounds | None) -> None:
        """Have ``line`` be called ``text``, and adapt within ``bounds`` or not at all."""
        self._manager._cluster_names[line] = text
        if bounds:
            self._manager._adaptives[line] = bounds
        else:
            self._manager._adaptives.pop(line, None)

    def drop(self, cluster: Any) -> None:
        """Show ``cluster`` no more."""
        manager = self._manager
        for line in [line for line, shown in manager._clusters.items() if shown is cluster]:
            for lines in (manager._clusters, manager._cluster_names, manager._adaptives):
                lines.pop(line, None)
