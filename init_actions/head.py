"""The head, on the master: the scheduler on TLS and its dashboard. Its address and keys go to the connection file."""

from __future__ import annotations

import asyncio
import contextlib
import signal
import sys
import time
from collections.abc import Callable

import dask.config
from distributed import Scheduler

from . import connection, notify, settings
from .keys import make_keys
from .metadata import read_metadata

PLOTS_AFTER = 1.0
"""Seconds until a head imports the plots: at first the workers and the first tasks need its interpreter."""


async def main(metadata: dict[str, str]) -> None:
    """Run the scheduler until SIGTERM or until it is told to close.

    The keys of an earlier boot are used again, so that clients and workers find their way back after a restart.
    """
    dask.config.set(settings.DASK)
    url = connection.connection_url(metadata)
    earlier = await asyncio.to_thread(connection.fetch, url) or {}
    certificate, key = (earlier["certificate"], earlier["key"]) if earlier else make_keys()
    content = {"certificate": certificate, "key": key}
    async with _scheduler(metadata, content) as scheduler:
        scheduler.handlers["idle_seconds"] = _idle_seconds(scheduler)
        content["scheduler"] = scheduler.address
        content["dashboard"] = f"http://{metadata.get('address', '127.0.0.1')}:{scheduler.http_server.port}"
        await asyncio.to_thread(connection.publish, url, content)
        notify.ready()
        asyncio.get_running_loop().add_signal_handler(signal.SIGTERM, lambda: asyncio.ensure_future(scheduler.close()))
        plots = asyncio.create_task(_show_dashboard(scheduler))
        await scheduler.finished()
        plots.cancel()


def _scheduler(metadata: dict[str, str], keys: dict[str, str]) -> Scheduler:
    host = metadata.get("address", "127.0.0.1")
    return Scheduler(
        host=host,
        port=int(metadata.get("dask-scheduler-port", settings.SCHEDULER_PORT)),
        protocol="tls://",
        security=connection.security(keys),
        dashboard=_dashboard_is_imported(),
        dashboard_address=f"{host}:{metadata.get('dask-dashboard-port', settings.DASHBOARD_PORT)}",
    )


def _idle_seconds(scheduler: Scheduler) -> Callable[[], float]:
    """Return the remote call that says for how long there has been no task: whoever holds the lease asks."""

    def idle_seconds() -> float:
        since = scheduler.check_idle()
        return time.time() - since if since else 0.0

    return idle_seconds


def _dashboard_is_imported() -> bool:
    return "distributed.dashboard.scheduler" in sys.modules


async def _show_dashboard(scheduler: Scheduler) -> None:
    """Add the plots to a scheduler that started without them: their import takes longer than its start."""
    if _dashboard_is_imported():
        return
    await asyncio.sleep(PLOTS_AFTER)
    with contextlib.suppress(ImportError):
        await asyncio.to_thread(__import__, "distributed.dashboard.scheduler")
        sys.modules["distributed.dashboard.scheduler"].connect(
            scheduler.http_application, scheduler.http_server, scheduler
        )


if __name__ == "__main__":
    asyncio.run(main(read_metadata()))
