"""Dask's adaptive scaling, by number alone: which machines leave is Dataproc's choice; each moves its data first.

On YARN it is the head that adapts, and goes on when nobody is attached; who is, makes room for its containers.
"""

from __future__ import annotations

import logging
import math
import time
from collections.abc import Awaitable, Callable
from typing import Any

from distributed.deploy.adaptive import Adaptive

from .errors import DaskDataprocError
from .sizes import LEAST, machines_of

PATIENCE = 60.0
"""Seconds until a resize that failed is tried again: a stockout or a short quota does not end in a moment."""
log = logging.getLogger(__name__)


class PatientAdaptive(Adaptive):
    """Goes on when a resize fails, and tries it again a while later."""

    cluster: Any
    _not_before = 0.0

    async def _try(self, resize: Callable[[int], Awaitable[None]], n: int) -> None:
        """Call ``resize(n)``, if that may be tried again already; what it fails of is said once."""
        if time.monotonic() < self._not_before:
            return
        try:
            await resize(n)
        except DaskDataprocError as error:
            self._not_before = time.monotonic() + PATIENCE
            log.warning("%s; tried again in %.0f s", error, PATIENCE)


class DataprocAdaptive(PatientAdaptive):
    """Resizes a `DataprocCluster` to what the scheduler would like, within its bounds; counts machines, not workers."""

    async def target(self) -> int:
        """Return how many machines the scheduler would like."""
        return math.ceil(await super().target() / self._each)

    async def workers_to_close(self, target: int) -> list[str]:
        """Return the machines of the workers that the scheduler can spare."""
        spare = machines_of(await super().workers_to_close(math.ceil(target * self._each)))
        return sorted(spare)[: max(0, len(self.observed) - target)]

    @property
    def _each(self) -> float:
        """Workers on a machine, as things stand."""
        return max(1.0, len(self.cluster.scheduler_info["workers"]) / max(1, len(self.observed)))

    async def scale_up(self, n: int) -> None:
        """Grow to ``n`` workers."""
        await self._try(self.cluster._resize, n)

    async def scale_down(self, workers: list[str]) -> None:
        """Shrink by as many workers as Dask would close."""
        if workers:
            await self._try(self.cluster._resize, max(self.minimum, len(self.plan) - len(workers)))


class RoomAdaptive(PatientAdaptive):
    """Has a cluster on YARN as many machines as its head wants containers, for as long as the head adapts."""

    async def target(self) -> int:
        """Return how many machines the head's containers fill; a container that is wanted waits for its machine."""
        head: Any = self.scheduler
        adapts = (await head.workers_state())["adapts"]
        if adapts is None:
            self.stop("the head adapts no more")
            return len(self.plan)
        return max(LEAST, adapts["wanted"])

    @property
    def plan(self) -> set[str]:
        """The machines there are, or will be."""
        return {f"machine {number}" for number in range(self.cluster.record.total_workers)}

    @property
    def requested(self) -> set[str]:
        """The same."""
        return self.plan

    @property
    def observed(self) -> set[str]:
        """The same: containers that come and go on them are the head's."""
        return self.plan

    async def workers_to_close(self, target: int) -> list[str]:
        """Return as many machines as are too many: Dask closes what it is named several times in a row."""
        return sorted(self.plan)[target:]

    async def scale_up(self, n: int) -> None:
        """Grow to ``n`` machines."""
        await self._try(self.cluster._tenure.resize, n)

    async def scale_down(self, workers: list[str]) -> None:
        """Shrink by that many machines."""
        await self._try(self.cluster._tenure.resize, len(self.plan) - len(workers))
