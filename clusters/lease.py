"""The lease: Dataproc deletes the cluster by itself unless somebody who needs it moves the time of that forward."""

from __future__ import annotations

import logging
import math
from collections.abc import Awaitable, Callable
from dataclasses import dataclass
from typing import Any

from .clock import Clock
from .errors import ClusterNotFound, DaskDataprocError

RENEWALS = 3
"""A lease is renewed when a third of it has gone. Each renewal makes the cluster UPDATING for a moment."""
NEAREST = 600
"""Seconds from now that Dataproc asks of a time of deletion, at least. Source: its guide on scheduled deletion."""
EXPIRY = "config.lifecycle_config.auto_delete_time"
"""The field of a cluster that a renewal moves."""
TRIES = 100
"""Tries in one lease at most: after a failed one, the next comes in a third of what is left."""
log = logging.getLogger(__name__)


@dataclass(slots=True)
class Lease:
    """How long a cluster lives without being renewed, and until when.

    Attributes
    ----------
    length : float
        Seconds that each renewal gives.
    ends : float
        Unix seconds that no renewal goes beyond: the cluster's creation and its lifetime.
    expires : float
        Unix seconds at which Dataproc deletes the cluster as things stand.
    clock : Clock
        The service's.
    """

    length: float
    ends: float
    expires: float
    clock: Clock

    @property
    def left(self) -> float:
        """Seconds until the cluster is deleted as things stand, at least 0."""
        return max(0.0, self.expires - self.clock.now())

    def next(self) -> float:
        """Return when the cluster would be deleted if it were renewed now, in unix seconds."""
        return min(self.clock.now() + self.length, self.ends)

    def may_move(self, until: float) -> bool:
        """Return whether Dataproc would delete the cluster later, and may be asked to, with the lease to ``until``."""
        return until > self.expires and until - self.clock.now() >= NEAREST


def living_until(until: float) -> dict[str, Any]:
    """Return the part of a cluster's config that has it deleted at ``until``, unix seconds."""
    return {"lifecycle_config": {"auto_delete_time": {"seconds": math.ceil(until)}}}


async def keep_renewing(
    lease: Lease, renew: Callable[[], Awaitable[None]], wanted: Callable[[], Awaitable[bool]]
) -> None:
    """Renew ``lease`` as long as it is ``wanted`` and may be, rarely; after a failed one there is time for others.

    Returns when the lease has ended, the cluster has gone, or its lifetime leaves nothing to renew.
    """
    while lease.left and lease.may_move(lease.ends):
        await lease.clock.sleep(max(lease.left / RENEWALS, lease.length / TRIES))
        try:
            if await wanted():
                await renew()
        except ClusterNotFound:
            return
        except (DaskDataprocError, OSError, TimeoutError) as error:
            log.warning("lease not renewed, it ends in %.0f s: %s", lease.left, error)
