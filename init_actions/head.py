"""The head, on the master: the scheduler on TLS and its dashboard. Its address and keys go to the connection file."""

from __future__ import annotations

import asyncio
import contextlib
import importlib
import json
import os
import signal
import sys
import time
import uuid
from collections.abc import Iterator
from typing import TYPE_CHECKING, Any

import dask.config
from distributed import Scheduler
from distributed.comm.core import Comm
from distributed.protocol.compression import compressions
from distributed.scheduler import WorkerStatusPlugin

from . import connection, dashboard, notify, profiles, settings
from .departures import SHELTER, Departures
from .exporter import exported
from .figures import Figures
from .keys import make_keys
from .metadata import read_metadata
from .metric_names import TASK_DURATION
from .snapshots import Snapshots
from .told import Told
from .tolerance import Retries
from .usage import Usage

if TYPE_CHECKING:
    from .yarn_head import Containers

PLOTS_AFTER = 1.0
"""Seconds until a head imports the plots: at first the workers and the first tasks need its interpreter."""

DEMAND_EVERY = 0.5
"""Seconds between two words to the emulator about how many workers would be liked."""


async def main(metadata: dict[str, str]) -> None:
    """Run the scheduler until SIGTERM or until it is told to close.

    The keys of an earlier boot are used again, so that clients and workers find their way back after a restart.
    """
    dask.config.set(settings.DASK | profiles.on_head(metadata.get("dask-workload", ""), compressions))
    url = connection.connection_url(metadata)
    earlier = await asyncio.to_thread(connection.fetch, url) or {}
    certificate, key = (earlier["certificate"], earlier["key"]) if earlier else make_keys()
    content = {"certificate": certificate, "key": key, "place": _place(metadata)}
    async with _scheduler(metadata, content) as scheduler:
        departures = Departures(scheduler, {"certificate": certificate, "key": key}, metadata)
        scheduler.add_plugin(Retries())
        scheduler.add_plugin(scheduler.used)
        content["scheduler"] = scheduler.address
        content["dashboard"] = dashboard.offer(scheduler, metadata.get("address", dashboard.LOOPBACK))
        await asyncio.to_thread(connection.publish, url, content)
        if metadata.get("dask-runtime") == "yarn":
            scheduler.take_containers(metadata)
        notify.ready()
        asyncio.get_running_loop().add_signal_handler(signal.SIGTERM, lambda: asyncio.ensure_future(scheduler.close()))
        beside = [asyncio.create_task(work(scheduler)) for work in (_show_dashboard, _tell_demand)]
        with _measured(scheduler, Figures(scheduler, departures, metadata), metadata):
            await scheduler.finished()
        for task in beside:
            task.cancel()


class Head(Scheduler):
    """Dask's scheduler, which several kernels may watch, and which says for how long it has been idle."""

    def __init__(self, wanted: int = 0, **keywords: Any):
        super().__init__(**keywords)
        self.containers: Containers | None = None
        self.used, self.words = Usage(), Told()
        self.snapshots: Snapshots | None = None
        self._wanted = wanted
        asked = (self.idle_seconds, self.usage, self.overview, self.resize, self.adapt, self.workers_state)
        asked += self.told, self.last_words
        self.handlers |= {handler.__name__: handler for handler in asked}

    def idle_seconds(self) -> float:
        """Return for how long there has been no task: whoever holds the lease asks."""
        since = self.check_idle()
        return time.time() - since if since else 0.0

    def usage(self) -> dict[str, float | None]:
        """Return what the workers have done so far, as of `Usage.report`."""
        return self.used.report()

    def overview(self) -> dict[str, Any]:
        """Return what there is at present, in a few numbers whatever the number of tasks.

        Returns
        -------
        dict
            ``workers``: names of those that run tasks; ``threads``; ``memory`` and ``memory_limit`` of them together,
            bytes; ``processing`` and ``waiting``: tasks that are with a worker, and that are not yet; ``done`` and
            ``failed``: tasks so far.
        """
        workers = [worker for worker in self.workers.values() if not str(worker.name).endswith(SHELTER)]
        states = [group.states for group in self.task_groups.values()]
        return {
            "workers": [str(worker.name) for worker in workers],
            "threads": sum(worker.nthreads for worker in workers),
            "memory": sum(worker.metrics.get("memory", 0) for worker in workers),
            "memory_limit": sum(worker.memory_limit for worker in workers),
            "processing": sum(len(worker.processing) for worker in workers),
            "waiting": sum(each[state] for each in states for state in ("waiting", "queued", "no-worker")),
            "done": self.used.done,
            "failed": self.used.erred,
        }

    def heartbeat_worker(self, *, address: str, metrics: dict[str, Any], **said: Any) -> dict[str, Any]:
        """Take a worker's heartbeat as Dask does, and note its memory."""
        answer = super().heartbeat_worker(address=address, metrics=metrics, **said)
        self.used.measured(address, metrics)
        return answer

    def take_containers(self, metadata: dict[str, str]) -> None:
        """Have YARN start the workers."""
        from .yarn_head import Containers

        self.containers = Containers(self, metadata)

    def resize(self, n: int) -> bool:
        """Come to ``n`` workers; return whether that is the head's to do: else each machine starts its own."""
        self._wanted = n
        if self.containers is not None:
            self.containers.resize(n)
        return self.containers is not None

    @property
    def wanted(self) -> int:
        """How many machines or containers there are to be."""
        adapts = self.containers.adapts if self.containers is not None else None
        return self._wanted if adapts is None else adapts["wanted"] or adapts["minimum"] or 0

    def told(self, said: dict[str, Any]) -> None:
        """Take note of what only who holds the cluster knows: see `Told.take`."""
        self.words.take(said, time.monotonic())
        if self.snapshots is not None:
            self.snapshots.due()

    async def last_words(self) -> None:
        """Have the metrics known that there are: who asks is about to delete the cluster."""
        if self.snapshots is not None:
            await self.snapshots.last()

    def adapt(self, minimum: int, maximum: int, options: dict[str, Any]) -> None:
        """Adapt the number of workers from now on, as far as that is the head's to do."""
        if self.containers is not None:
            self.containers.adapt(minimum, maximum, **options)

    def workers_state(self) -> dict[str, Any]:
        """Return what is to be ``said`` of how the workers come, whether that has ``failed``, and how it ``adapts``."""
        yarn = self.containers
        if yarn is None:
            return {"said": "", "failed": False, "adapts": None}
        return {"said": yarn.said, "failed": yarn.failed, "adapts": yarn.adapts}

    async def close(self, *arguments: Any, **keywords: Any) -> None:
        """Leave a last snapshot, give the containers back, then end as Dask's scheduler does."""
        snapshots, self.snapshots = self.snapshots, None
        if snapshots is not None:
            await snapshots.last()
        containers, self.containers = self.containers, None
        if containers is not None:
            await containers.close()
        await super().close(*arguments, **keywords)

    def subscribe_worker_status(self, comm: Comm) -> dict[str, Any]:
        """Tell one more cluster object of workers that come and go; Dask itself tells only the last that asked."""
        known = super().subscribe_worker_status(comm)
        watcher: Any = self.plugins.pop(WorkerStatusPlugin.name)
        watcher.name = f"{WorkerStatusPlugin.name}-{uuid.uuid4()}"
        self.plugins[watcher.name] = watcher
        return known


def _place(metadata: dict[str, str]) -> str:
    """Return the project and region of the cluster: who sweeps staging knows by it whose the keys are."""
    spec = json.loads(metadata.get("dask-spec", "{}"))
    return f"{spec.get('project', '')}/{metadata.get('dataproc-region', '')}"


@contextlib.contextmanager
def _measured(scheduler: Head, figures: Figures, metadata: dict[str, str]) -> Iterator[None]:
    """Export the head's metrics and keep snapshots of them, within the block."""
    histograms = {TASK_DURATION: scheduler.used.durations}
    scheduler.snapshots = Snapshots(figures, histograms, metadata)
    keeping = asyncio.create_task(scheduler.snapshots.keep())
    with exported(figures.samples, histograms):
        yield
    keeping.cancel()


def _scheduler(metadata: dict[str, str], keys: dict[str, str]) -> Head:
    return Head(
        wanted=int(metadata.get("dask-workers", 0)),
        host=metadata.get("address", "127.0.0.1"),
        port=int(metadata.get("dask-scheduler-port", settings.SCHEDULER_PORT)),
        protocol="tls://",
        security=connection.security(keys),
        dashboard=_dashboard_is_imported(),
        dashboard_address=f"{dashboard.LOOPBACK}:{metadata.get('dask-dashboard-port', settings.DASHBOARD_PORT)}",
    )


def _dashboard_is_imported() -> bool:
    return "distributed.dashboard.scheduler" in sys.modules


def _import_dashboard() -> None:
    """Import the plots, first what a page of Dask's that lists them imports on the loop: it then waits for this thread.

    Two threads in Bokeh's modules leave its properties unchecked for good, and half of the plots answer with 500.
    """
    for module in ("bokeh.server.tornado", "distributed.dashboard.scheduler"):
        importlib.import_module(module)


async def _show_dashboard(scheduler: Scheduler) -> None:
    """Add the plots to a scheduler that started without them: their import takes longer than its start."""
    if _dashboard_is_imported():
        return
    await asyncio.sleep(PLOTS_AFTER)
    with contextlib.suppress(ImportError):
        await asyncio.to_thread(_import_dashboard)
        sys.modules["distributed.dashboard.scheduler"].connect(
            scheduler.http_application, scheduler.http_server, scheduler
        )


async def _tell_demand(scheduler: Scheduler) -> None:
    """Tell the emulator how many workers the scheduler would like: its autoscaling goes by that where there is no YARN.

    On a real node nobody asks: Dataproc's autoscaler looks at YARN's memory alone.
    """
    while "VM_NAME" in os.environ:
        workers = sum(1 for worker in scheduler.workers.values() if worker.nanny)  # the shelter has none
        notify.say(X_WANTED=scheduler.adaptive_target(), X_WORKERS=workers)
        await asyncio.sleep(DEMAND_EVERY)


if __name__ == "__main__":
    asyncio.run(main(read_metadata()))
