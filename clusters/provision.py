"""Making a cluster, and unmaking it when that fails: whatever happens, one cluster of that name stands or none."""

from __future__ import annotations

import asyncio
import contextlib
from collections.abc import Awaitable
from typing import Any, TypeVar

from . import staging, versions
from .autoscaling import ensure_policy
from .config import duration
from .connection import Connection, find
from .errors import ClusterExists, ClusterFailed, ClusterNotFound
from .phases import Phases
from .record import ClusterRecord
from .service import Operation, Service, new_request_id
from .spec import ClusterSpec

REQUEST = "dask-request"
"""The metadata key that says which request made a cluster: only its maker undoes it."""
Result = TypeVar("Result")


class Provision:
    """One attempt at a cluster: create it or find that it exists, follow it, undo it.

    Parameters
    ----------
    spec : ClusterSpec
    service : Service
        Entered.
    phases : Phases
    """

    def __init__(self, spec: ClusterSpec, service: Service, phases: Phases):
        self.spec, self.service, self.phases = spec, service, phases
        self.request_id = new_request_id()
        self.operation: Operation | None = None
        self._asked = False
        self._environment = ""

    async def create(self, life: float) -> Operation:
        """Ask for the cluster, to be deleted by Dataproc after ``life`` seconds unless its lease is renewed.

        Raises
        ------
        ClusterExists
            The name is taken; nothing was made.
        """
        with self.phases.phase("stage") as said:
            await ensure_policy(self.spec, self.service)
            staged = await staging.stage(self.spec)
            said.append(staged.words)
        self._environment = staged.metadata.get("dask-environment", "")
        wanted = self.spec.to_dataproc()
        wanted["config"]["lifecycle_config"] = {"auto_delete_ttl": {"seconds": round(life)}}
        wanted["config"]["gce_cluster_config"]["metadata"] |= staged.metadata | {REQUEST: self.request_id}
        with self.phases.phase("create", _size(self.spec)):
            self._asked = True
            try:
                self.operation = await to_its_end(self.service.create(wanted, self.request_id))
            except ClusterExists:
                self._asked = False
                raise
        return self.operation

    async def follow(self) -> None:
        """Wait for Dataproc to say that all the machines run.

        Raises
        ------
        ServiceError, ClusterFailed
            They do not; the message says why.
        """
        if self.operation is not None:
            await self.service.finish(self.operation, f"cluster {self.spec.name}", duration("timeouts.create"))

    async def connection(self, uuid: str, following: asyncio.Future[None]) -> Connection:
        """Return the connection as soon as the head has published it, unless ``following`` fails first."""
        return await sooner(find(self.spec.staging, uuid), following)

    async def undo(self) -> None:
        """Delete what `create` made; a cluster of the same name that another request made is left alone."""
        if not self._asked:
            return
        with self.phases.phase("undo", f"deleting {self.spec.name}"), contextlib.suppress(ClusterNotFound):
            record = await self.service.get(self.spec.name)
            if record.metadata.get(REQUEST) == self.request_id:
                await self.service.remove(record)

    async def existing(self) -> ClusterRecord:
        """Return the cluster of that name, if it can be attached to.

        Raises
        ------
        ClusterFailed
            It is in ERROR, or on its way out.
        """
        record = living(await self.service.get(self.spec.name))
        self._environment = record.metadata.get("dask-environment", "")
        return record

    async def agree(self, scheduler: Any) -> str:
        """Return in words where the cluster's packages differ from the kernel's.

        Raises
        ------
        VersionMismatch
            They differ in something that both must have alike.
        """
        if self._asked and self._environment:  # made of this kernel's packages a moment ago
            return ""
        return await versions.agree(self.spec, scheduler, self._environment, workers=not self._asked)


def _size(spec: ClusterSpec) -> str:
    workers = f"{spec.total_workers} × {spec.worker_machine}" if spec.workers else "single node"
    return f"{spec.name}, {workers}, {spec.project}/{spec.region}"


def living(record: ClusterRecord) -> ClusterRecord:
    """Return ``record`` if its cluster runs or will.

    Raises
    ------
    ClusterFailed
        It is in ERROR, or on its way out.
    """
    if record.alive:
        return record
    said = f"{record.name} exists and is {record.status}" + (f": {record.detail}" if record.detail else "")
    raise ClusterFailed(said, f"%dask_cluster down {record.name}")


async def sooner(work: Awaitable[Result], following: asyncio.Future[Any]) -> Result:
    """Return what ``work`` gives, unless ``following`` fails first and so says that it never will."""
    task: asyncio.Future[Any] = asyncio.ensure_future(work)
    try:
        await asyncio.wait([task, following], return_when=asyncio.FIRST_COMPLETED)
        if not task.done():
            following.result()
        return await task
    finally:
        task.cancel()


async def alongside(work: Awaitable[Any], check: Awaitable[Result]) -> Result:
    """Return what ``check`` gives once ``work`` is done too; if one fails, the other is given up."""
    checking: asyncio.Future[Result] = asyncio.ensure_future(check)
    try:
        await sooner(work, checking)
        return await checking
    finally:
        checking.cancel()


async def to_its_end(work: Awaitable[Result]) -> Result:
    """Return what ``work`` gives; a cancellation waits for it, so that nothing is made without our knowing."""
    task: asyncio.Future[Any] = asyncio.ensure_future(work)
    try:
        return await asyncio.shield(task)
    except asyncio.CancelledError:
        with contextlib.suppress(Exception):
            await task
        raise
