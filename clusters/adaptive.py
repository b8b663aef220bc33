"""Dask's adaptive scaling, by number alone: which machines leave is Dataproc's choice; each moves its data first."""

from __future__ import annotations

from typing import Any

from distributed.deploy.adaptive import Adaptive


class DataprocAdaptive(Adaptive):
    """Resizes a `DataprocCluster` to what the scheduler would like, within its bounds."""

    cluster: Any

    async def scale_up(self, n: int) -> None:
        """Grow to ``n`` workers."""
        await self.cluster._scale(n)

    async def scale_down(self, workers: list[str]) -> None:
        """Shrink by as many workers as Dask would close."""
        if workers:
            await self.cluster._scale(max(self.minimum, len(self.plan) - len(workers)))
