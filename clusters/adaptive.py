"""Dask's adaptive scaling, by number alone: which machines leave is Dataproc's choice; each moves its data first."""

from __future__ import annotations

import logging
import math
import time
from typing import Any

from distributed.deploy.adaptive import Adaptive

from .errors import DaskDataprocError
from .sizes import machines_of

PATIENCE = 60.0
"""Seconds until a resize that failed is tried again: a stockout or a short quota does not end in a moment."""
log = logging.getLogger(__name__)


class DataprocAdaptive(Adaptive):
    """Resizes a `DataprocCluster` to what the scheduler would like, within its bounds; counts machines, not workers."""

    cluster: Any
    _not_before = 0.0

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
        await self._scale(n)

    async def scale_down(self, workers: list[str]) -> None:
        """Shrink by as many workers as Dask would close."""
        if workers:
            await self._scale(max(self.minimum, len(self.plan) - len(workers)))

    async def _scale(self, n: int) -> None:
        """Resize, if that may be tried again already; what it fails of is said once and ends no adapting."""
        if time.monotonic() < self._not_before:
            return
        try:
            await self.cluster._scale(n)
        except DaskDataprocError as error:
            self._not_before = time.monotonic() + PATIENCE
            log.warning("%s; tried again in %.0f s", error, PATIENCE)
