"""Clusters made here and not closed yet: they are when Python ends, since nobody is left to renew their leases."""

from __future__ import annotations

import atexit
import contextlib
import weakref
from typing import Any

_clusters: weakref.WeakSet[Any] = weakref.WeakSet()


def remember(cluster: Any) -> None:
    """Close ``cluster`` when Python ends, unless it is closed before.

    Not for asynchronous ones, whose loops have ended by then: they go with their leases.
    """
    _clusters.add(cluster)


def forget(cluster: Any) -> None:
    """Leave ``cluster`` alone when Python ends: it has been closed."""
    _clusters.discard(cluster)


@atexit.register
def _close_all() -> None:
    for cluster in list(_clusters):
        with contextlib.suppress(Exception):
            cluster.close()
