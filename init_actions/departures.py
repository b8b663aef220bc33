"""How workers leave: their data goes to the others first, where there are none to the shelter, until one joins."""

from __future__ import annotations

import asyncio
import contextlib
import json
import logging
import sys
import time
from collections.abc import Iterable, Iterator
from typing import Any, cast

from distributed import Scheduler
from distributed.core import Status
from distributed.diagnostics.plugin import SchedulerPlugin

from .preemption import MOST_AN_HOUR, Replacements

SHELTER = "-shelter"
"""How its worker's name ends."""
BATCH = 256 << 20
"""Bytes of data that the shelter is sent at a time: what it needs of the head's memory."""
TO_PEERS = 0.6
"""Share of the time in which the data may go to other workers; what then is left goes to the shelter."""
JOIN, END = 60.0, 10.0
"""Seconds until a worker that has joined takes data, and until a process that is told to end does."""
POLL = 0.05
log = logging.getLogger("distributed.departures")


class Departures(SchedulerPlugin):
    """The workers of one scheduler that leave.

    Parameters
    ----------
    scheduler : Scheduler
        Running or not yet.
    keys : dict
        Certificate and private key of the cluster.
    metadata : dict
        The head's attributes.
    """

    name = "departures"

    def __init__(self, scheduler: Scheduler, keys: dict[str, str], metadata: dict[str, str]):
        self.replacements = Replacements()
        self._scheduler, self._keys, self._metadata = scheduler, keys, metadata
        self._process: asyncio.subprocess.Process | None = None
        self._shelter = ""
        self._moving = asyncio.Lock()
        self._restoring: asyncio.Task[None] | None = None
        scheduler.handlers |= {"leave": self.leave, "preemptions": self.preemptions}
        scheduler.add_plugin(self)

    def preemptions(self) -> dict[str, int]:
        """Return how many machines were preempted in the last hour, and how many are taken for normal."""
        return {"last_hour": self.replacements.last_hour(), "limit": MOST_AN_HOUR}

    async def leave(self, workers: list[str], preempted: bool, seconds: float) -> bool:
        """Let ``workers``, all of one machine, go; return whether all that they hold is kept.

        Parameters
        ----------
        workers : list of str
            Addresses.
        preempted : bool
            Their machine is taken from us, and replaced.
        seconds : float
            Until they end in any case.
        """
        if preempted:
            count = self.replacements.note()
            log.log(
                logging.WARNING if count > MOST_AN_HOUR else logging.INFO,
                "%s preempted, %d of %d in the last hour",
                workers,
                count,
                MOST_AN_HOUR,
            )
        began, left = time.monotonic(), self._known(workers)
        self._stop_tasks(left)
        with contextlib.suppress(TimeoutError):
            async with asyncio.timeout(seconds * TO_PEERS):
                left = await self._retire(left)
        with contextlib.suppress(TimeoutError):
            async with asyncio.timeout(began + seconds - time.monotonic()):
                while left := self._known(left):
                    left = await self._shelter_and_retire(left)
        if left:
            log.error("%s left with data that nobody else has: %.0f s were not enough", left, seconds)
        return not left

    def add_worker(self, scheduler: Scheduler, worker: str) -> None:
        """Let a worker that joins have what is in the shelter."""
        idle = self._restoring is None or self._restoring.done()
        if self._process is not None and idle and scheduler.workers[worker].name != self._told()["name"]:
            self._restoring = asyncio.ensure_future(self._restore())

    async def close(self) -> None:
        """End the shelter, and with it what it holds."""
        await self._end()

    def _known(self, workers: Iterable[str]) -> list[str]:
        return [worker for worker in workers if worker in self._scheduler.workers]

    def _stop_tasks(self, workers: list[str]) -> None:
        """Give ``workers`` no more tasks, as Dask itself does for as long as it retires them."""
        for worker in workers:
            stimulus = f"leave-{time.time()}"
            self._scheduler.handle_worker_status_change(Status.closing_gracefully, worker, stimulus)
            message = {"op": "worker-status-change", "status": "closing_gracefully", "stimulus_id": stimulus}
            self._scheduler.stream_comms[worker].send(message)

    async def _retire(self, workers: list[str]) -> list[str]:
        """Move the data of ``workers`` to others and forget them; return those that this was impossible for."""
        await self._scheduler.retire_workers(workers=workers, close_workers=False, remove=True)
        return self._known(workers)

    async def _shelter_and_retire(self, workers: list[str]) -> list[str]:
        """Copy what only ``workers`` hold into the shelter, then forget them; return those that are not done."""
        async with self._moving:
            shelter = await self._started()
            with self._copies_kept():
                for batch in self._unique(workers):
                    await self._scheduler.gather_on_worker(shelter, batch)
                left = await self._retire(workers)
        await asyncio.sleep(POLL)
        return left

    @contextlib.contextmanager
    def _copies_kept(self) -> Iterator[None]:
        """Keep Dask from dropping one of two copies for now: it might be the shelter's, where neither worker runs."""
        balance: Any = self._scheduler.extensions["amm"]
        runs = balance.running
        balance.stop()
        try:
            yield
        finally:
            if runs:
                balance.start()

    def _unique(self, workers: list[str]) -> Iterator[dict[Any, list[str]]]:
        """Yield who has what only ``workers`` have, about `BATCH` bytes at a time."""
        leaving = {self._scheduler.workers[worker] for worker in workers}
        batch, size = dict[Any, list[str]](), 0
        for task in {task for worker in leaving for task in worker.has_what if (task.who_has or set()) <= leaving}:
            batch[task.key] = [worker.address for worker in task.who_has or ()]
            size += task.get_nbytes()
            if size >= BATCH:
                yield batch
                batch, size = {}, 0
        if batch:
            yield batch

    async def _started(self) -> str:
        """Return the address of the shelter, which is started if there is none."""
        if self._shelter in self._scheduler.workers:
            return self._shelter
        await self._end()
        self._process = await asyncio.create_subprocess_exec(
            *(sys.executable, "-m", f"{__package__}.shelter"),
            stdin=asyncio.subprocess.PIPE,
            stdout=asyncio.subprocess.PIPE,
        )
        told, said = (
            cast("asyncio.StreamWriter", self._process.stdin),
            cast("asyncio.StreamReader", self._process.stdout),
        )
        told.write(json.dumps(self._told()).encode())
        told.close()
        self._shelter = (await said.readline()).decode().strip()
        log.info("the last workers leave: their data goes to staging (%s)", self._shelter)
        return self._shelter

    def _told(self) -> dict[str, str]:
        about = self._metadata
        folder = f"{about['dask-staging'].rstrip('/')}/clusters/{about['dataproc-cluster-uuid']}/spilled"
        told = {"scheduler": self._scheduler.address, "host": about.get("address", "127.0.0.1"), "folder": folder}
        return self._keys | told | {"name": about["name"] + SHELTER}

    async def _restore(self) -> None:
        """Move what is in the shelter to running workers, and end it; if there is none again, leave it be."""
        with contextlib.suppress(TimeoutError):
            async with asyncio.timeout(JOIN):
                while not self._scheduler.running:  # noqa: ASYNC110 (Dask tells no plugin that a worker runs)
                    await asyncio.sleep(POLL)
        async with self._moving:
            if self._shelter in self._scheduler.workers:
                await self._scheduler.retire_workers(workers=[self._shelter], close_workers=True, remove=True)
            if self._shelter not in self._scheduler.workers:
                await self._end()

    async def _end(self) -> None:
        process, self._process, self._shelter = self._process, None, ""
        if process is None:
            return
        try:
            async with asyncio.timeout(END):
                await process.wait()
        except TimeoutError:
            with contextlib.suppress(ProcessLookupError):
                process.kill()
            await process.wait()
