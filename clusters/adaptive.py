"""Dask's adaptive scaling, by number alone: which machines leave is Dataproc's choice; each moves its data first.

Its bounds are a label of the cluster, so that whoever holds the lease next goes on with it; and no failure ends it.
On YARN it is the head that adapts, and goes on when nobody is attached; who is, makes room for its containers.
"""

from __future__ import annotations

import logging
import math
from contextlib import suppress
from typing import Any

from distributed.deploy.adaptive import Adaptive

from .errors import ClusterNotFound, DaskDataprocError, SpecError
from .sizes import ADAPT, LEAST, adapts, machines_of

PAUSE = 60.0
"""Seconds of the service's time until the next try after a resize that failed: a stockout or a quota stays a while."""
log = logging.getLogger(__name__)


class PatientAdaptive(Adaptive):
    """Goes on when a resize fails, and tries it again a while later."""

    cluster: Any
    _not_before = 0.0

    async def adapt(self) -> None:
        """Look once at what is wanted and come to that; what fails is said, and tried again later."""
        clock = self.cluster.lease.clock
        if clock.now() < self._not_before:
            return
        try:
            await self._look()
        except ClusterNotFound as error:
            self.stop(reason=str(error))
        except (DaskDataprocError, OSError) as error:
            self._not_before = clock.now() + PAUSE
            log.warning("%s is not adapted, the next try is in %.0f s: %s", self.cluster.name, PAUSE, error)

    async def _look(self) -> None:
        await super().adapt()


class DataprocAdaptive(PatientAdaptive):
    """Resizes a `DataprocCluster` to what the scheduler would like, within its bounds; counts machines, not workers."""

    _noted = False

    async def _look(self) -> None:
        if len(self.observed) < self.cluster.record.total_workers:  # to come, taken from us, or resized by others
            await self.cluster._tenure.refresh()
        await super()._look()
        if not self._noted:
            await self.cluster._tenure.note(ADAPT, f"{self.minimum}-{self.maximum}")
            self._noted = True

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
        await self._resize(n)

    async def scale_down(self, workers: list[str]) -> None:
        """Shrink by as many workers as Dask would close."""
        if workers:
            await self._resize(max(self.minimum, len(self.plan) - len(workers)))

    async def _resize(self, n: int) -> None:
        """Have Dataproc come to ``n`` machines; a worker that never registers must not hold the next look up."""
        await self.cluster._tenure.resize(n, tell_head=self.cluster._tell_head)


class RoomAdaptive(PatientAdaptive):
    """Has a cluster on YARN as many machines as its head wants containers, for as long as the head adapts."""

    async def target(self) -> int:
        """Return how many machines the head's containers fill; a container that is wanted waits for its machine."""
        head: Any = self.scheduler
        adapts = (await head.workers_state())["adapts"]
        if adapts is None:
            self.stop("the head adapts no more")
        if adapts is None or adapts["wanted"] is None:  # between two applications the machines stay as they are
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
        await self.cluster._tenure.resize(n)

    async def scale_down(self, workers: list[str]) -> None:
        """Shrink by that many machines."""
        await self.cluster._tenure.resize(len(self.plan) - len(workers))


def resume(cluster: Any) -> None:
    """Go on with the adaptive scaling that the label of ``cluster`` speaks of, if it does."""
    if bounds := adapts(cluster.record.labels):
        with suppress(SpecError):  # somebody else's label
            cluster.adapt(minimum=bounds[0], maximum=bounds[1])


async def give_up(cluster: Any) -> None:
    """End the adaptive scaling of ``cluster``, here and for whoever attaches: somebody has chosen a size."""
    if adaptive := getattr(cluster, "_adaptive", None):
        adaptive.stop(reason="scaled by hand")
    await cluster._tenure.note(ADAPT, "")
