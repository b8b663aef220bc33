"""The life of a job: its driver, its states and their history, on disk at every step."""

from __future__ import annotations

import asyncio
import logging
from collections.abc import Iterator
from dataclasses import dataclass, field
from functools import partial
from pathlib import Path
from typing import Any

from google.protobuf import json_format
from google.protobuf.message import Message

from ..clusters.clock import Clock
from .descriptors import Api, Proto
from .drivers import Driver, DriverError
from .errors import aborted
from .inventory import Entry, Inventory
from .operations import Operations, Record
from .schedule import set_idle
from .stamps import enter
from .state import Shelf
from .vms import Machines, Vm

TERMINAL = ("CANCELLED", "DONE", "ERROR")
INTERRUPTED = "The emulator was restarted before the driver was started"
log = logging.getLogger(__name__)


@dataclass
class Run:
    """A job and what belongs to it.

    Attributes
    ----------
    job : Job
        As the API shows it.
    region : str
    driver : Driver
    request : str
        What a repeated request is known by.
    ending : tuple of str
        The state it is to end in and why, once something else than its driver has decided that.
    tasks : list of Task
        What follows it; the first ends when it does.
    operation : Record, optional
        The operation it was submitted as.
    """

    job: Proto
    region: str
    driver: Driver
    request: str = ""
    ending: tuple[str, str] = ("", "")
    tasks: list[asyncio.Task[None]] = field(default_factory=list)
    operation: Record | None = None

    def state(self) -> str:
        """Return the name of the state it is in."""
        return self.job.status.State.Name(self.job.status.state)

    @property
    def name(self) -> str:
        """The resource's name."""
        return job_path(self.job.reference.project_id, self.region, self.job.reference.job_id)


def job_path(project: str, region: str, job_id: str) -> str:
    """Return the resource name of a job."""
    return f"projects/{project}/regions/{region}/jobs/{job_id}"


class Runs:
    """All jobs, by resource name.

    Parameters
    ----------
    api : Api
    shelf : Shelf
        What an earlier server left there is taken up again.
    inventory : Inventory
    operations : Operations
    machines : Machines
    clock : Clock
    folder : Path
        Where each job gets a folder of its own.
    """

    def __init__(
        self,
        api: Api,
        shelf: Shelf,
        inventory: Inventory,
        operations: Operations,
        machines: Machines,
        clock: Clock,
        folder: Path,
    ) -> None:
        self._shelf = shelf
        self._inventory = inventory
        self._operations = operations
        self._machines = machines
        self._clock = clock
        self._folder = folder
        self.by_name: dict[str, Run] = {}
        for _, kept in shelf:
            job = json_format.ParseDict(kept["job"], api.Job(), ignore_unknown_fields=True)
            driver = Driver(machines, folder / job.job_uuid, Vm.from_dict(kept["vm"]) if kept["vm"] else None)
            run = Run(job, kept["region"], driver, kept["request"])
            self.by_name[run.name] = run

    def start(self, job: Proto, entry: Entry, request: str) -> Run:
        """Start ``job`` on a cluster; PENDING and on disk when this returns."""
        driver = Driver(self._machines, self._folder / job.job_uuid)
        job.driver_output_resource_uri = driver.output.as_uri()
        job.driver_control_files_uri = driver.folder.as_uri() + "/"
        run = Run(job, entry.region, driver, request)
        self.by_name[run.name] = run
        set_idle(entry.cluster, None)
        self._inventory.save(entry)
        self._enter(run, "PENDING")
        run.tasks.append(asyncio.create_task(self._drive(run, entry)))
        return run

    def end(self, run: Run, state: str, why: str) -> None:
        """End an active job in ``state``: its driver is killed, whatever it is doing."""
        if run.ending[0]:
            return
        run.ending = (state, why)
        if state == "CANCELLED":
            self._enter(run, "CANCEL_PENDING")
        run.tasks.append(asyncio.create_task(self._kill(run)))

    def abandon(self, cluster: Proto, why: str) -> None:
        """End the jobs on ``cluster`` in ERROR, because it can run them no longer."""
        for run in list(self._active(cluster.cluster_uuid)):
            self.end(run, "ERROR", f"Job failed: {why}")

    def forget(self, run: Run) -> None:
        """Drop a job that has ended; its output stays where it is."""
        del self.by_name[run.name]
        self._shelf.remove(run.name)

    def recover(self) -> None:
        """Follow the drivers that an earlier server started and that live; finish the jobs of those that do not."""
        for run in self.by_name.values():
            if not run.job.done:
                run.tasks.append(asyncio.create_task(self._follow(run)))
        for record in self._operations.interrupted():
            region = record.operation.name.partition("/operations/")[0]
            run = self.by_name.get(f"{region}/jobs/{getattr(record.metadata, 'job_id', '')}")
            if run is not None:
                run.operation = record
                self._operations.resume(record, partial(self.outcome, run))

    async def outcome(self, run: Run) -> Message:
        """Return the job once it is DONE.

        Raises
        ------
        ApiError
            ABORTED: it ended otherwise.
        """
        try:
            if run.tasks:
                await asyncio.shield(run.tasks[0])
        except asyncio.CancelledError:
            self.end(run, "CANCELLED", "Its operation was cancelled")
            raise
        if run.state() != "DONE":
            raise aborted(f"Job {run.job.reference.job_id} is {run.state()}: {run.job.status.details}")
        return run.job

    def save(self, run: Run) -> None:
        """Write a job, and the operation it was submitted as, as they are now."""
        kept: dict[str, Any] = {
            "job": json_format.MessageToDict(run.job, preserving_proto_field_name=True),
            "region": run.region,
            "request": run.request,
            "vm": run.driver.to_dict(),
        }
        self._shelf.put(run.name, kept)
        if run.operation is not None:
            run.operation.metadata.status.CopyFrom(run.job.status)
            self._operations.save(run.operation)

    async def _drive(self, run: Run, entry: Entry) -> None:
        self._enter(run, "SETUP_DONE")
        node = {"NODE_METADATA": str(Path(entry.fleet.vms[entry.master].folder) / "metadata.json")}
        try:
            await run.driver.start(run.job, node)
        except DriverError as error:
            self._enter(run, "ERROR", str(error))
            return
        if run.ending[0]:
            await run.driver.kill()
        else:
            self._enter(run, "RUNNING")
        await self._follow(run)

    async def _follow(self, run: Run) -> None:
        status = await run.driver.wait()
        if run.ending[0]:
            self._enter(run, *run.ending)
        elif run.driver.vm is None:
            self._enter(run, "ERROR", INTERRUPTED)
        elif status == 0:
            self._enter(run, "DONE")
        else:
            ended = "was killed" if status is None else f"exited with status {status}"
            self._enter(run, "ERROR", f"The driver {ended}\n{run.driver.last_lines()}")

    async def _kill(self, run: Run) -> None:
        if run.driver.vm is not None and run.ending[0] == "CANCELLED":
            self._enter(run, "CANCEL_STARTED")
        await run.driver.kill()

    def _enter(self, run: Run, state: str, details: str = "") -> None:
        now = self._clock.now()
        enter(run.job, run.job.status.State.Value(state), now, details=details)
        run.job.done = state in TERMINAL
        self.save(run)
        uuid = run.job.placement.cluster_uuid
        if run.job.done and not any(self._active(uuid)):
            for entry in self._inventory:
                if entry.cluster.cluster_uuid == uuid:
                    set_idle(entry.cluster, now)
                    self._inventory.save(entry)

    def _active(self, uuid: str) -> Iterator[Run]:
        return (run for run in self.by_name.values() if run.job.placement.cluster_uuid == uuid and not run.job.done)
