"""The head's workers as YARN's containers: one for each machine, in the queue that the cluster was given."""

from __future__ import annotations

import asyncio
import contextlib
import logging
import os
import sys
from typing import TYPE_CHECKING, Any, cast

from distributed.core import Status

from .yarn_errors import YarnError
from .yarn_workers import Elsewhere

if TYPE_CHECKING:
    from distributed import Scheduler
    from distributed.deploy.adaptive import Adaptive

    from .yarn import YarnCluster
    from .yarn_driver import Waiting

SETTINGS = "/etc/dask-dataproc/node.env"
INHERITED = ("PYTHONPATH", "NODE_METADATA", "STORAGE_EMULATOR_HOST", "GCSFS_EXPERIMENTAL_ZB_HNS_SUPPORT")
"""What of the head's own environment its containers need: where our programs are, and what is not Google's."""
SCRIPT = f"""\
set -a; [ ! -f {SETTINGS} ] || . {SETTINGS}; set +a
exec {sys.executable} -m {__package__}.yarn_worker
"""
"""The head's own Python, which install-dask.sh has put on every node: nothing has to be brought there."""
WATCHED = {"NODE_METADATA_SERVER": ""}
"""A container asks for no notice of preemption: its machine's own service does."""
ATTEMPTS, PAUSE = 20, 5.0
"""Applications in a head's life, and seconds between two: YARN may be on its way up again."""
log = logging.getLogger("distributed.yarn_head")


class Here(Elsewhere):
    """The head's scheduler as the cluster of containers has it: not its to close."""

    def __init__(self, scheduler: Scheduler):
        super().__init__(scheduler.address)
        self.contact_address, self.services = scheduler.address, scheduler.services


class Containers:
    """The containers of one scheduler, which goes on without them, if need be.

    Parameters
    ----------
    scheduler : Scheduler
        Running.
    metadata : dict
        The node's attributes.
    """

    def __init__(self, scheduler: Scheduler, metadata: dict[str, str]):
        self.said = "YARN has not been asked yet"
        self.failed = False
        self._scheduler, self._metadata = scheduler, metadata
        self._wanted = int(metadata["dask-workers"])
        self._bounds: dict[str, Any] = {}
        self._adaptive: Adaptive | None = None
        self._cluster: YarnCluster | None = None
        self._running = asyncio.ensure_future(self._run())

    def resize(self, n: int) -> None:
        """Come to ``n`` containers and adapt no more; surplus ones hand their data on first."""
        self._wanted, self._bounds = n, {}
        self._steer()

    def adapt(self, minimum: int, maximum: int, **options: Any) -> None:
        """Have as many containers as the scheduler would like, from now on, in this application and those after it.

        Parameters
        ----------
        minimum, maximum : int
            Containers.
        **options
            Of Dask's ``Adaptive``.
        """
        self._wanted = minimum  # what an application starts with
        self._bounds = {"minimum": minimum, "maximum": maximum} | options
        self._steer()

    @property
    def adapts(self) -> dict[str, int | None] | None:
        """Between which bounds it adapts, and how many containers are ``wanted``; None if it does not.

        That number, too, is None while there is no application: what the next one will want is not known.
        """
        if not self._bounds:
            return None
        cluster = self._cluster
        wanted = len(cluster.worker_spec) if cluster and cluster.status is Status.running else None
        return {"minimum": self._bounds["minimum"], "maximum": self._bounds["maximum"], "wanted": wanted}

    async def close(self) -> None:
        """End the application."""
        cluster = self._cluster
        self._running.cancel()
        with contextlib.suppress(asyncio.CancelledError):
            await self._running
        if cluster is not None:
            await cluster.close()

    def _steer(self) -> None:
        """Tell the application what is asked; before there is one, that is only noted."""
        if self._adaptive is not None:
            self._adaptive.stop()
        if self._cluster is None:
            return
        if self._bounds:
            self._adaptive = self._cluster.adapt(**self._bounds)
        else:
            self._cluster.scale(self._wanted)

    async def _run(self) -> None:
        """Have an application, another when one has ended by itself; say how it stands to whoever asks."""
        for attempt in range(ATTEMPTS):
            try:
                self._cluster = await self._start()
                self._steer()
                await self._cluster.finished()
                self.said = f"{self._cluster.app_id} has ended, another application is asked for"
            except Exception as error:  # of YARN's driver, too, which has errors of its own
                self.said = getattr(error, "message", "") or f"YARN: {error!r}"
                if attempt == 0 and isinstance(error, YarnError):  # what was asked for is wrong, or YARN is not there
                    break
            finally:
                self._cluster = None
            log.warning(self.said)
            await asyncio.sleep(PAUSE)
        self.failed = True
        log.error("no workers: %s", self.said)

    async def _start(self) -> YarnCluster:
        from .yarn import YarnCluster

        cluster = await YarnCluster(
            n_workers=self._wanted,
            on_wait=self._waits,
            scheduler_class=cast(Any, lambda **_: Here(self._scheduler)),
            shutdown_scheduler=False,
            asynchronous=True,
            **self._options(),
        )
        self.said = f"{cluster.app_id} runs in queue {self._metadata['dask-queue']}"
        log.info(self.said)
        return cluster

    def _options(self) -> dict[str, Any]:
        return {
            "environment": f"python://{sys.executable}",
            "worker_script": SCRIPT,
            "worker_env": WATCHED | {name: os.environ[name] for name in INHERITED if name in os.environ},
            "worker_vcores": int(self._metadata["dask-container-vcores"]),
            "worker_memory": f"{self._metadata['dask-container-memory']} MiB",
            "queue": self._metadata["dask-queue"],
            "name": self._metadata["dataproc-cluster-name"],
            "deploy_mode": "local",
            "security": self._scheduler.security,
        }

    def _waits(self, why: Waiting) -> None:
        place = f", number {why.position}" if why.position else ""
        reason = f": {' '.join(why.reason.split())}" if why.reason else ""
        self.said = f"{why.app_id} waits in queue {why.queue}{place}{reason}"
        log.info(self.said)
