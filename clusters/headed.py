"""Dask's `Cluster` with a head elsewhere, over TLS: found again when it was restarted, asked what its workers do."""

from __future__ import annotations

import asyncio
import contextlib
from collections.abc import Callable
from typing import Any

from distributed.core import rpc
from distributed.deploy.cluster import Cluster
from distributed.objects import SchedulerInfo
from distributed.utils import Logs

from .client_config import lent, workload_config
from .connection import Connection
from .dashboard import Passage, shown_link
from .errors import ClusterFailed
from .journals import with_journals
from .sizes import machines_of
from .spec import ClusterSpec

LOOK_FOR_HEAD = 1.0
"""Seconds between two looks for a head that has gone."""
ASK_HEAD = 1.0
"""Seconds without a new worker after which the head is asked what YARN says."""

LAST_WORDS = 2.0
"""Seconds that a head has to say what was done before its cluster ends."""
LAST_METRICS = 5.0
"""Seconds that it has to leave its metrics: in staging, perhaps in Cloud Monitoring."""


class HeadedCluster(Cluster):
    """The connection to a head, from `_connect` to `_disconnect`."""

    spec: ClusterSpec

    def __init__(self, **keywords: Any):
        self._changed = asyncio.Event()
        self._connected = contextlib.AsyncExitStack()
        super().__init__(**keywords)

    @property
    def _head(self) -> Any:
        """The head's remote functions, those of `dask_dataproc.init_actions.head` among them."""
        return self.scheduler_comm

    async def _connect(self, connection: Connection) -> None:
        """Have the head that ``connection`` leads to, its dashboard, and from now on its workers' coming and going.

        Until `_disconnect` this process has the Dask settings of the cluster's workload.
        """
        self._connected.enter_context(lent(workload_config(self.spec)))
        self.security = connection.security()
        arguments = self.security.get_connection_args("client")
        self.scheduler_comm = rpc(connection.scheduler, connection_args=arguments)
        self.dashboard = await self._connected.enter_async_context(Passage(connection.dashboard, self.security))
        try:
            await super()._start()
            self._connected.callback(asyncio.ensure_future(self._watch_again()).cancel)
        except OSError as error:
            raise ClusterFailed(
                f"{self.name}: the scheduler at {connection.scheduler} does not answer: {error}"
            ) from error

    async def _registered(self, n: int, tell: Callable[[str], None] = lambda _: None) -> None:
        """Wait for workers on ``n`` machines; on YARN ``tell`` is told meanwhile what they wait for."""
        while len(self.observed) < n:
            self._changed.clear()
            with contextlib.suppress(TimeoutError):
                async with asyncio.timeout(ASK_HEAD if self.spec.runtime == "yarn" else None):
                    await self._changed.wait()
                    continue
            state = await self._head.workers_state()
            tell(state["said"])
            if state["failed"]:
                raise ClusterFailed(f"{self.name}: {state['said']}", "%dask_cluster logs")

    async def _watch_again(self) -> None:
        """Whenever the head has gone, wait for the one that takes its place, and watch that one's workers."""
        while True:
            await asyncio.wait([self._watch_worker_status_task])
            await asyncio.sleep(LOOK_FOR_HEAD)
            with contextlib.suppress(OSError):
                comm = await self.scheduler_comm.live_comm()
                await comm.write({"op": "subscribe_worker_status"})
                self.scheduler_info = SchedulerInfo(await comm.read())
                self._watch_worker_status_comm = comm
                self._watch_worker_status_task = asyncio.ensure_future(self._watch_worker_status(comm))
                self._changed.set()

    def _update_worker_status(self, op: str, msg: Any) -> None:
        super()._update_worker_status(op, msg)
        self._changed.set()

    @property
    def observed(self) -> set[str]:
        """The machines with workers that have registered."""
        return machines_of(worker["name"] for worker in self.scheduler_info["workers"].values())

    async def _tell_head(self, n: int) -> bool:
        """Tell the head that there will be ``n`` machines; return whether it is the head that starts their workers."""
        return await self._head.resize(n=n)

    async def _get_logs(self, cluster: bool = True, scheduler: bool = True, workers: Any = True) -> Logs:
        return await with_journals(await super()._get_logs(cluster, scheduler, workers), self.scheduler_comm)

    async def _idle_seconds(self) -> float:
        return await self._head.idle_seconds()

    async def _used(self) -> dict[str, Any]:
        """Return what the workers have done, as the head has counted it; nothing if it does not say so at once."""
        with contextlib.suppress(Exception):  # it is worth no failure, and one of an earlier version cannot say it
            async with asyncio.timeout(LAST_WORDS):
                return await self._head.usage()
        return {}

    async def _last_words(self) -> None:
        """Have the head leave its metrics in staging; they are worth no failure, and no long wait."""
        with contextlib.suppress(Exception):
            async with asyncio.timeout(LAST_METRICS):
                await self._head.last_words()

    async def _disconnect(self) -> None:
        await self._connected.aclose()
        await super()._close()

    @property
    def dashboard_link(self) -> str:
        """The address of the scheduler's plots, as configured, else on this machine; see `shown_link`."""
        return shown_link(self.name, self.dashboard.here)
