"""The workers of every other node, which leave without losing data when the machine is told to stop."""

from __future__ import annotations

import asyncio
import contextlib
import logging
import os
import signal
import time
from collections.abc import AsyncIterator, Awaitable

import dask.config
from distributed import Nanny, Worker
from distributed.core import Status, rpc
from distributed.protocol.compression import compressions

from . import connection, notify, preemption, profiles, settings
from .metadata import read_metadata
from .shape import WorkerShape, worker_shapes
from .spill import spill_to

ANSWER_TIMEOUT = 2.0
"""Seconds that a scheduler has to answer a worker that has just booted."""
LOST_HEAD = "worker-handle-scheduler-connection-broken"
"""Why a worker ends, in Dask's words, when its scheduler has gone."""
FORGOTTEN = 60.0
"""Seconds in which the scheduler notices that an earlier worker of the same name has died."""
log = logging.getLogger("distributed.node")


class Lasting(Nanny):
    """A nanny that outlives the scheduler: its next worker waits for the one that takes the other's place."""

    def close_gracefully(self, reason: str = "") -> None:
        """Take note that the worker ends for good, but not if it ends for want of a scheduler."""
        if reason != LOST_HEAD:
            super().close_gracefully(reason)


async def main(metadata: dict[str, str], kind: type[Nanny] | type[Worker] = Lasting) -> bool:
    """Run the machine's workers until SIGTERM or the notice of preemption; on either, have the data moved first.

    Each has a nanny, which starts it again when it dies; only an emulator's light machines (`Worker`) have none.
    Returns whether it was told to go, and not the cluster's end.
    """
    workload = metadata.get("dask-workload", "")
    dask.config.set(settings.DASK | profiles.on_workers(workload, compressions))
    if said := profiles.missing(workload, compressions):
        log.warning(said)
    loop, stop, preempted = asyncio.get_running_loop(), asyncio.Event(), asyncio.Event()
    loop.add_signal_handler(signal.SIGTERM, stop.set)
    server = preemption.metadata_server()
    if server:
        preemption.watch(server, lambda: loop.call_soon_threadsafe(preempted.set))
    found = await find_head(connection.connection_url(metadata))
    shapes = _shapes(metadata)
    name = metadata["name"]
    names = [name] if len(shapes) == 1 else [f"{name}-{number}" for number in range(len(shapes))]
    wanted = zip(names, shapes, ports(metadata), strict=True)
    async with contextlib.AsyncExitStack() as running:
        starting = (running.enter_async_context(_worker(kind, metadata, found, *each)) for each in wanted)
        workers = await asyncio.gather(*starting)
        notify.ready()
        await _first(stop.wait(), preempted.wait(), *(worker.finished() for worker in workers))
        told_to_go = stop.is_set() or preempted.is_set()
        if told_to_go and any(map(_works, workers)):
            taken = preempted.is_set() or await asyncio.to_thread(preemption.is_preempted, server)
            await _leave(workers, taken)
    return told_to_go


@contextlib.asynccontextmanager
async def _worker(
    kind: type[Nanny] | type[Worker],
    metadata: dict[str, str],
    found: dict[str, str],
    name: str,
    shape: WorkerShape,
    port: int,
) -> AsyncIterator[Nanny | Worker]:
    """Give a worker that is registered, for which a dead predecessor of its name may have to be forgotten."""
    deadline = time.monotonic() + FORGOTTEN
    while True:
        try:
            worker = await kind(
                found["scheduler"],
                name=name,
                nthreads=shape.threads,
                memory_limit=str(shape.memory),
                security=connection.security(found),
                host=metadata.get("address", "127.0.0.1"),
                local_directory=metadata.get("dask-local-directory") or os.environ.get("WORKER_SPACE"),
                data=(spill_to, {"memory_limit": shape.memory}),
                dashboard=False,
                dashboard_address=f"127.0.0.1:{port}",  # its metrics, which Dask serves to all who reach the machine
            )
            break
        except RuntimeError:
            if time.monotonic() > deadline:
                raise
            await asyncio.sleep(ANSWER_TIMEOUT / 10)
    async with worker:
        yield worker


async def find_head(url: str) -> dict[str, str]:
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


def ports(metadata: dict[str, str]) -> list[int]:
    """Return on which ports the metrics of a machine's workers are; 0 is any, for machines that share loopback."""
    first = int(metadata.get("dask-worker-port", settings.WORKER_PORT))
    return [first and first + number for number in range(len(_shapes(metadata)))]


def _shapes(metadata: dict[str, str]) -> tuple[WorkerShape, ...]:
    return worker_shapes(*_machine(metadata), metadata.get("dask-shape", metadata.get("dask-workload", "")))


def _works(worker: Nanny | Worker) -> bool:
    """Return whether it has registered, and so may have data."""
    return isinstance(worker, Worker) or (worker.process is not None and worker.process.status is Status.running)


async def _leave(workers: list[Nanny | Worker], preempted: bool) -> None:
    """Have the head move the data of this machine's workers away; Dask never does by itself on SIGTERM."""
    seconds = preemption.NOTICE if preempted else preemption.ORDER
    leaving = [worker.worker_address if isinstance(worker, Nanny) else worker.address for worker in workers]
    address, arguments = workers[0].scheduler.address, workers[0].connection_args
    with contextlib.suppress(OSError, TimeoutError):
        async with (
            asyncio.timeout(seconds),
            rpc(address, connection_args=arguments) as head,
        ):
            await head.leave(workers=leaving, preempted=preempted, seconds=seconds - ANSWER_TIMEOUT)


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
