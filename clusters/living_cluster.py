"""A cluster while it lives: its record, price, cost and lease, and the changes of its size."""

from __future__ import annotations

import asyncio
from collections.abc import Callable, Coroutine
from typing import Any, cast

from distributed.core import Status
from distributed.deploy.adaptive import Adaptive
from tornado.platform.asyncio import BaseAsyncIOLoop

from .adaptive import DataprocAdaptive, RoomAdaptive, give_up
from .errors import ClusterFailed, ClusterNotFound, WaitTimeout
from .headed import HeadedCluster
from .lease import Lease
from .record import ClusterRecord
from .sizes import LEAST, adaptable, resized
from .sync import complete
from .tenure import Tenure
from .views import view


class LivingCluster(HeadedCluster):
    """What can be asked of a cluster and changed, from the moment it runs."""

    _tenure: Tenure

    @property
    def price_per_hour(self) -> float | None:
        """List price at the present size, USD per hour; None where the list has none."""
        return self._tenure.price_per_hour

    @property
    def cost(self) -> float | None:
        """What the cluster has cost so far at list prices, USD; None where the list has no price."""
        return self._tenure.cost

    @property
    def record(self) -> ClusterRecord:
        """The cluster as Dataproc last reported it; see `refresh`."""
        return self._tenure.record

    @property
    def lease(self) -> Lease:
        """Until when the cluster lives if nobody renews that."""
        return self._tenure.lease

    def refresh(self) -> Any:
        """Ask Dataproc for the cluster's record, keep it as ``record`` and return it."""
        return self._complete(self._tenure.refresh())

    def overview(self, timeout: float = 5.0) -> Any:
        """Return what the scheduler says of workers, memory and tasks: see `init_actions.head.Head.overview`.

        Raises
        ------
        ClusterFailed, WaitTimeout
            The connection is closed; there is no answer within ``timeout`` seconds.
        OSError
            The scheduler has gone.
        """
        return self._answer(self._head.overview, timeout)

    def is_there(self, timeout: float = 5.0) -> Any:
        """Ask Dataproc whether the cluster is there still, and runs.

        Raises
        ------
        ClusterFailed, WaitTimeout
            As of `overview`.
        ServiceError
            Dataproc does not say.
        """

        async def look() -> bool:
            try:
                return (await self._tenure.refresh()).alive
            except ClusterNotFound:
                return False

        return self._answer(look, timeout)

    def panel(self) -> Any:
        """Return a panel of the cluster for a notebook: what it does and costs, and buttons to change it."""
        return view("panel")(self)

    def scale(self, n: int) -> Any:
        """Resize to ``n`` workers in all and wait until they are there; leaving ones move their data first.

        It ends `adapt`, which would choose another size again.

        Raises
        ------
        SpecError
            ``n`` is out of the spec's bounds; nothing was changed.
        """
        return self._complete(self._scale(n))

    def adapt(  # pyright: ignore[reportIncompatibleMethodOverride]  # the class that adapts is not to be chosen
        self, *, minimum: int | None = None, maximum: int | None = None, **keywords: Any
    ) -> Any:
        """Resize to what the scheduler would like, between ``minimum`` and ``maximum`` workers, from here.

        Whoever attaches and holds the lease goes on with it.

        With runtime ``yarn`` it is the head that adapts, also when nobody is attached any more; the machines follow its
        containers while somebody is who holds the lease. In an asynchronous cluster that is to be awaited.

        Parameters
        ----------
        minimum, maximum : int
            The spec's ``min_workers`` and ``max_workers`` where they are not given.
        **keywords
            Of Dask's ``Adaptive``: ``interval``, ``wait_count``, ``target_duration``.

        Raises
        ------
        SpecError
            The bounds are not within 2, with runtime ``yarn`` 1, and the spec's ``max_workers``.
        QuotaExceeded
            The person's class has no clusters of ``maximum`` workers.
        """
        low, high = adaptable(self.spec, minimum, maximum)
        self._tenure.booking.check_most(high)
        if self.spec.runtime == "yarn":
            return self._complete(self._adapt_head(low, high, keywords))
        return super().adapt(DataprocAdaptive, minimum=low, maximum=high, **keywords)

    @property
    def plan(self) -> set[str]:
        """The machines there will be: those there are, and as many more as were asked for."""
        missing = self.record.total_workers - len(self.observed)
        return self.observed | {f"to come {i}" for i in range(missing)}

    @property
    def requested(self) -> set[str]:
        """The same: Dataproc has been asked for all that are planned."""
        return self.plan

    async def _scale(self, n: int) -> None:
        resized(n, self.spec, self.record.workers)  # what is refused changes nothing
        await give_up(self)
        await self._tenure.resize(n, self._registered, self._tell_head)

    async def _adapt_head(self, low: int, high: int, keywords: dict[str, Any]) -> Adaptive:
        await self._head.adapt(minimum=low, maximum=high, options=keywords)
        return self._follow_head(low, high, **keywords)

    def _follow_head(self, low: int, high: int, **keywords: Any) -> Adaptive:
        return super().adapt(RoomAdaptive, minimum=max(LEAST, low), maximum=max(LEAST, high), **keywords)

    def _answer(self, ask: Callable[[], Coroutine[Any, Any, Any]], timeout: float) -> Any:
        """Return what ``ask`` gives on the cluster's loop: for threads that watch, and must not wait for ever."""
        if self.asynchronous:
            return ask()
        if self.status is not Status.running:
            raise ClusterFailed(f"{self.name}: the connection is closed", "%dask_cluster list")
        asked = asyncio.run_coroutine_threadsafe(ask(), cast(BaseAsyncIOLoop, self.loop).asyncio_loop)
        try:
            return asked.result(timeout)
        except TimeoutError:
            asked.cancel()
            raise WaitTimeout(f"{self.name}: no answer within {timeout:.0f} s", "%dask_cluster status") from None

    def _complete(self, work: Coroutine[Any, Any, Any]) -> Any:
        """Run ``work`` on the cluster's loop; Ctrl-C undoes it (see `dask_dataproc.clusters.sync`)."""
        if self.asynchronous:
            return work
        return complete(cast(BaseAsyncIOLoop, self.loop).asyncio_loop, work)
