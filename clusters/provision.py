"""Making a cluster, and unmaking it when that fails: whatever happens, one cluster of that name stands or none."""

from __future__ import annotations

import asyncio
import logging
from collections.abc import Awaitable
from typing import Any, TypeVar

from . import staging, versions
from .audit import CREATE, DELETED, REFUSED, START
from .autoscaling import ensure_policy
from .booking import Booking
from .config import duration
from .connection import Connection, find, forget, published
from .dataproc_config import MARK
from .errors import ClusterBusy, ClusterExists, ClusterFailed, ClusterNotFound, DaskDataprocError
from .held import REQUEST
from .labels import OWNER
from .lease import EXPIRY, living_until
from .phases import Phases
from .record import ClusterRecord
from .reporting import monitoring_metadata
from .service import Operation, Service, new_request_id
from .sizes import in_words
from .spec import ClusterSpec
from .warm import WARM, startable, warm_key

Result = TypeVar("Result")
log = logging.getLogger(__name__)


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
        self.booking: Booking | None = None
        self._life = 0.0
        self._asked = False
        self._started: ClusterRecord | None = None
        self._environment = ""

    async def create(self, life: float) -> Operation:
        """Ask for the cluster, to be deleted by Dataproc after ``life`` seconds unless its lease is renewed.

        One that was stopped, of the same spec and packages, is started instead, and its spec taken over.

        Raises
        ------
        ClusterExists
            The name is taken; nothing was made.
        PermissionDenied, QuotaExceeded, BudgetExceeded
            It is not admitted; nothing was made.
        """
        self._life = life
        mine = await self._admit()
        with self.phases.phase("stage") as said:
            await ensure_policy(self.spec, self.service)
            staged = await staging.stage(self.spec)
            said.append(staged.words)
        self._environment = staged.metadata.get("dask-environment", "")
        key = warm_key(self.spec, self._environment)
        if record := await self._start(key, life, mine):
            return Operation("", record.uuid)
        wanted = self.spec.to_dataproc()
        wanted["labels"] |= {WARM: key}
        wanted["config"]["lifecycle_config"] = {"auto_delete_ttl": {"seconds": round(life)}}
        told = staged.metadata | monitoring_metadata(self.spec.project) | {REQUEST: self.request_id}
        wanted["config"]["gce_cluster_config"]["metadata"] |= told
        with self.phases.phase("create", _wish(self.spec)):
            self._asked = True
            if self.booking is not None:
                self.booking.note(CREATE)
            try:
                self.operation = await to_its_end(self.service.create(wanted, self.request_id))
            except ClusterExists as error:
                self.note_failure(error)
                self._asked = False
                await self._release()
                raise
        return self.operation

    async def _admit(self) -> list[ClusterRecord]:
        """Reserve what the cluster takes of its owner's quota and budget, and return the clusters that there are.

        The owner's one of that name needs no room: it is there.
        """
        owner, clock = self.spec.labels.get(OWNER, ""), self.service.clock
        with self.phases.phase("admit") as said:
            seen = clock.now()
            mine = await self.service.list({MARK: "*", OWNER: owner})
            if any(record.name == self.spec.name and record.status != "STOPPED" for record in mine):
                raise ClusterExists(f"{self.spec.name} is there already", f"%dask_cluster attach {self.spec.name}")
            booking = Booking(self.spec, self.request_id, clock, owner)
            try:
                said.append(await booking.admit(self._life, mine, seen))
            except DaskDataprocError as error:
                booking.note(REFUSED, detail=f"{type(error).__name__}: {error}")
                raise
            self.booking = booking
        return mine

    def note_failure(self, error: BaseException) -> None:
        """Have the audit trail say why what Dataproc was asked for does not come."""
        if self._started is not None:
            Booking.of(self._started, self.service.clock).note_failure(START, error, uuid=self._started.uuid)
        elif self._asked and self.booking is not None:
            uuid = self.operation.cluster_uuid if self.operation else ""
            self.booking.note_failure(CREATE, error, uuid=uuid)

    @property
    def started(self) -> bool:
        """Whether the cluster is one that was stopped."""
        return self._started is not None

    async def _release(self) -> float | None:
        booking, self.booking = self.booking, None
        return await booking.release() if booking is not None else None

    async def _start(self, key: str, life: float, mine: list[ClusterRecord]) -> ClusterRecord | None:
        """Start a stopped cluster that `warm_key` says is as good as a new one, and return it; None: there is none.

        One that cannot be started is deleted. One that somebody else is just starting is theirs.
        """
        if self.spec.secondary_workers or self.spec.local_ssds:
            return None  # no such cluster can have been stopped
        found = [record for record in mine if record.labels.get(WARM) == key]
        for record in startable(found, self.spec):
            if not await published(record.staging, record.uuid) and await self._started_again(record, life):
                self.spec = record.spec()
                await self._release()  # it has a reservation of its own
                self.booking = Booking.of(record, self.service.clock)
                return record
        return None

    async def _started_again(self, record: ClusterRecord, life: float) -> bool:
        what, limit = f"start {record.name}", duration("timeouts.create")
        with self.phases.phase("start", record.name) as said:
            self._started = record
            Booking.of(record, self.service.clock).note(START, uuid=record.uuid)
            try:
                operation = await to_its_end(self.service.start(record))
            except (ClusterBusy, ClusterNotFound) as error:
                self.note_failure(error)
                self._started = None
                said.append("it is not there to be started any more")
                return False
            try:
                await self.service.finish(operation, what, limit)
                until = {"config": living_until(self.service.clock.now() + life)}
                update = await self.service.update(record.name, until, [EXPIRY])
                await self.service.finish(update, what, limit)
            except DaskDataprocError as error:
                said.append(f"{error}; it is deleted, another is made")
                self.note_failure(error)
                await self.service.remove(record)
                self._started = None
                return False
        return True

    async def follow(self) -> None:
        """Wait for Dataproc to say that all the machines run.

        Raises
        ------
        ServiceError, ClusterFailed
            They do not; the message says why.
        """
        if self.operation is not None:
            if self.booking is not None:
                await self.booking.begin(self.operation.cluster_uuid, self._life)
            await self.service.finish(self.operation, f"cluster {self.spec.name}", duration("timeouts.create"))

    async def connection(self, uuid: str, following: asyncio.Future[None]) -> Connection:
        """Return the connection as soon as the head has published it, unless ``following`` fails first."""
        return await sooner(find(self.spec.staging, uuid), following)

    async def undo(self) -> None:
        """Delete what `create` made or started; a cluster of the same name that another request made is left alone."""
        if self._started is not None:
            with self.phases.phase("undo", f"deleting {self._started.name}"):
                await self.service.remove(self._started)
        if self._asked:
            with self.phases.phase("undo", f"deleting {self.spec.name}"):
                await self._unmake()
        booking, cost = self.booking, await self._release()
        if booking is not None and self.operation is not None:
            booking.note(DELETED, uuid=self.operation.cluster_uuid, usd=cost, detail="undone")

    async def _unmake(self) -> None:
        try:
            record = await self.service.get(self.spec.name)
        except ClusterNotFound:  # it never was, or its lease has ended
            if self.operation is not None:
                await forget(self.spec.staging, self.operation.cluster_uuid)
            return
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


def _wish(spec: ClusterSpec) -> str:
    return f"{spec.name}, {in_words(spec)}, {spec.project}/{spec.zone or spec.region}"


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


def left_behind(name: str, error: BaseException, undone: DaskDataprocError) -> None:
    """Let ``error`` say as well that ``name`` could not be deleted, for the reason ``undone`` if that is another."""
    why = "" if type(undone) is type(error) else f": {undone.message}"
    said = f"{name} may be there still, until its lease ends{why}"
    if isinstance(error, DaskDataprocError):
        error.message, error.hint = f"{error.message}; {said}", f"%dask_cluster down {name}"
    else:
        log.warning(said)


async def unless_given_up(work: asyncio.Task[Result], said: str) -> Result:
    """Return what ``work`` gives; a cancellation of ours cancels it.

    Raises
    ------
    ClusterFailed
        Somebody else has cancelled it; ``said`` says so.
    """
    try:
        return await work
    except asyncio.CancelledError:
        ours = asyncio.current_task()
        if ours is None or ours.cancelling():
            raise
        raise ClusterFailed(said) from None


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
    """Return what ``work`` gives; cancellations wait for it, so that nothing is made without our knowing."""
    task: asyncio.Future[Any] = asyncio.ensure_future(work)
    cancelled: asyncio.CancelledError | None = None
    while not task.done():
        try:
            await asyncio.shield(task)
        except asyncio.CancelledError as error:  # a second Ctrl-C is no reason to leave it half done
            cancelled = error
        except Exception:
            break
    if cancelled is None:
        return task.result()
    if not task.cancelled():
        task.exception()
    raise cancelled
