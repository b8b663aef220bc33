"""The worker, on every other node: a nanny whose worker leaves without losing data when the machine is told to stop."""

from __future__ import annotations

import asyncio
import contextlib
import os
import signal
import time
from collections.abc import Awaitable

import dask.config
from distributed import Nanny
from distributed.core import rpc

from . import connection, notify, settings
from .metadata import read_metadata
from .shape import worker_shape
from .spill import spill_to

ANSWER_TIMEOUT = 2.0
"""Seconds that a scheduler has to answer a worker that has just booted."""
FORGOTTEN = 60.0
"""Seconds in which the scheduler notices that an earlier worker of the same name has died."""


async def main(metadata: dict[str, str]) -> None:
    """Run one nanny for the whole machine until SIGTERM; on it, move the worker's data to its peers first."""
    dask.config.set(settings.DASK)
    stop = asyncio.Event()
    asyncio.get_running_loop().add_signal_handler(signal.SIGTERM, stop.set)
    found = await _find_head(connection.connection_url(metadata))
    async with await _nanny(metadata, found) as nanny:
        notify.ready()
        await _first(stop.wait(), nanny.finished())
        if stop.is_set():
            await _retire(nanny)


async def _nanny(metadata: dict[str, str], found: dict[str, str]) -> Nanny:
    """Return a nanny whose worker is registered, for which a dead predecessor of its name may have to be forgotten."""
    vcpus, memory = _machine(metadata)
    shape = worker_shape(vcpus, memory)
    deadline = time.monotonic() + FORGOTTEN
    while True:
        try:
            return await Nanny(
                found["scheduler"],
                name=metadata["name"],
                nthreads=shape.threads,
                memory_limit=str(shape.memory),
                security=connection.security(found),
                host=metadata.get("address", "127.0.0.1"),
                local_directory=metadata.get("dask-local-directory") or os.environ.get("WORKER_SPACE"),
                data=(spill_to, {"memory_limit": shape.memory}),
                dashboard=False,
            )
        except RuntimeError:
            if time.monotonic() > deadline:
                raise
            await asyncio.sleep(ANSWER_TIMEOUT / 10)


async def _find_head(url: str) -> dict[str, str]:
    """Return the connection to the head. What was there before us may be an earlier boot's: that one has to answer."""
    async with asyncio.timeout(settings.HEAD_TIMEOUT):
        new = await asyncio.to_thread(connection.fetch, url) is None
        while True:
            found = await connection.wait_for(url, settings.HEAD_TIMEOUT)
            if new or await _answers(found):
                return found
            await asyncio.sleep(ANSWER_TIMEOUT / 10)


async def _answers(found: dict[str, str]) -> bool:
    arguments = connection.security(found).get_connection_args("worker")
    with contextlib.suppress(OSError):
        async with asyncio.timeout(ANSWER_TIMEOUT), rpc(found["scheduler"], connection_args=arguments) as scheduler:
            await scheduler.echo(data=1)
            return True
    return False


async def _retire(nanny: Nanny) -> None:
    """Have the scheduler move this worker's data away; it never does by itself on SIGTERM."""
    with contextlib.suppress(OSError, asyncio.TimeoutError):
        async with rpc(nanny.scheduler.address, connection_args=nanny.connection_args) as scheduler:
            await scheduler.retire_workers(workers=[nanny.worker_address], close_workers=False, remove=True)


async def _first(*waits: Awaitable[object]) -> None:
    tasks = [asyncio.ensure_future(w) for w in waits]
    await asyncio.wait(tasks, return_when=asyncio.FIRST_COMPLETED)
    for task in tasks:
        task.cancel()


def _machine(metadata: dict[str, str]) -> tuple[int, int]:
    """Return vCPUs and bytes of memory: the emulator's word, else what the machine has."""
    if "dask-vcpus" in metadata:
        return int(metadata["dask-vcpus"]), int(metadata["dask-memory"])
    return os.cpu_count() or 1, os.sysconf("SC_PAGE_SIZE") * os.sysconf("SC_PHYS_PAGES")


if __name__ == "__main__":
    asyncio.run(main(read_metadata()))
