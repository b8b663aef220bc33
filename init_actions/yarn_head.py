"""The head's workers as YARN's containers: one for each machine, in the queue that the cluster was given."""

from __future__ import annotations

import asyncio
import contextlib
import logging
from typing import TYPE_CHECKING, Any, cast

from .yarn_errors import YarnError

if TYPE_CHECKING:
    from distributed import Scheduler

    from .yarn import YarnCluster
    from .yarn_driver import Waiting

PYTHON = "/opt/dask-dataproc/env/bin/python"
"""What install-dask.sh has put on every node: a container starts from it, nothing has to be brought there."""
PATHS = "/opt/dask-dataproc/node:/opt/dask-dataproc/repository"
SCRIPT = f"export PYTHONPATH={PATHS}\nexec {PYTHON} -m {__package__}.yarn_worker\n"
log = logging.getLogger("distributed.yarn_head")


class Containers:
    """The containers of one scheduler.

    Parameters
    ----------
    scheduler : Scheduler
        Running; it is left running.
    metadata : dict
        The node's attributes.
    """

    def __init__(self, scheduler: Scheduler, metadata: dict[str, str]):
        self.said = "YARN has not been asked yet"
        self.failed = False
        self._scheduler, self._metadata = scheduler, metadata
        self._wanted = int(metadata["dask-workers"])
        self._cluster: YarnCluster | None = None
        self._starting = asyncio.ensure_future(self._start())

    async def resize(self, n: int) -> None:
        """Come to ``n`` containers; surplus ones hand their data on first. Before the first are there: note it."""
        self._wanted = n
        if self._cluster is not None:
            self._cluster.scale(n)

    async def close(self) -> None:
        """End the application."""
        self._starting.cancel()
        with contextlib.suppress(asyncio.CancelledError, YarnError):
            await self._starting
        if self._cluster is not None:
            await self._cluster.close()

    async def _start(self) -> None:
        """Ask YARN, and say what becomes of it to whoever asks; the scheduler goes on without workers if need be."""
        from .yarn import YarnCluster

        asked = self._wanted
        try:
            self._cluster = await YarnCluster(
                n_workers=asked,
                on_wait=self._waits,
                scheduler_class=cast(Any, self._here),
                asynchronous=True,
                **self._options(),
            )
        except YarnError as error:
            self.said, self.failed = error.message, True
            log.error("no workers: %s", error)
            raise
        self.said = f"{self._cluster.app_id} runs in queue {self._metadata['dask-queue']}"
        log.info(self.said)
        if self._wanted != asked:
            self._cluster.scale(self._wanted)

    def _options(self) -> dict[str, Any]:
        return {
            "environment": f"python://{PYTHON}",
            "worker_script": SCRIPT,
            "worker_vcores": int(self._metadata["dask-container-vcores"]),
            "worker_memory": f"{self._metadata['dask-container-memory']} MiB",
            "queue": self._metadata["dask-queue"],
            "name": self._metadata["dataproc-cluster-name"],
            "deploy_mode": "local",
            "security": self._scheduler.security,
        }

    def _here(self, **_: Any) -> Scheduler:
        return self._scheduler

    def _waits(self, why: Waiting) -> None:
        place = f", number {why.position}" if why.position else ""
        reason = f": {' '.join(why.reason.split())}" if why.reason else ""
        self.said = f"{why.app_id} waits in queue {why.queue}{place}{reason}"
        log.info(self.said)
