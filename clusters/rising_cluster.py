"""A cluster on its way up: made or found, booted, connected, its workers waited for; undone where that fails."""

from __future__ import annotations

import asyncio
import contextlib
import os
import sys
from collections.abc import Iterable
from typing import Any, cast

from distributed.comm.core import CommClosedError
from distributed.core import Status
from tornado import netutil
from tornado.platform.asyncio import BaseAsyncIOLoop

from . import reporting, unclosed
from .adaptive import resume
from .alternatives import in_turn
from .audit import ATTACH, CREATED, STARTED
from .booking import Booking
from .config import duration
from .errors import ClusterExists, ClusterFailed, DaskDataprocError, WaitTimeout
from .living_cluster import LivingCluster
from .origin import IN_DAG, origin
from .phases import Phase, Phases
from .provision import Provision, alongside, left_behind, sooner, to_its_end, unless_given_up
from .record import ClusterRecord
from .service import Service
from .spec import ClusterSpec
from .sync import interpreter_ends
from .tenure import Tenure

FIXED = 60.0
"""Seconds before the end of its lifetime until which a lease is taken for one that somebody keeps."""


class RisingCluster(LivingCluster):
    """What happens from the call of Dataproc to the moment from which on the cluster is used.

    Attributes
    ----------
    created_here : bool
        Whether it was made with this object.
    uuid : str
        Dataproc's, as soon as there is one.
    """

    _phases: Phases
    _create: bool
    _fit: bool
    _hold_lease: bool
    _wanted_life: float
    _lease_length: float
    created_here = False
    uuid = ""
    _starting: asyncio.Task[None] | None = None
    _given_up = False

    @property
    def key(self) -> str:
        """Of the cluster's reservation, by which the ledger knows what it costs; empty before there is one."""
        booking = self._provision.booking
        return booking.key if booking else ""

    def start(self) -> Any:
        """Bring the cluster up, and wait until it is ready: for one that was made with ``start=False``.

        Raises
        ------
        ServiceError, ClusterFailed, WaitTimeout
            As of the class.
        """
        if self.asynchronous:
            return self._start()
        try:
            self._complete(self._start())
        except BaseException:
            if self.status is Status.running:  # Ctrl-C came when it was up, and nobody will have this object
                self.close()
            self._loop_runner.stop()
            raise
        if self.created_here:
            unclosed.remember(self)
        return None

    def give_up(self) -> None:
        """Have `start`, which another thread waits for, undo what it did and raise `ClusterFailed`; return at once."""

        def cancel() -> None:
            self._given_up = True
            if self._starting is not None:
                self._starting.cancel()

        cast(BaseAsyncIOLoop, self.loop).asyncio_loop.call_soon_threadsafe(cancel)

    async def _start(self) -> None:
        if self.status is not Status.created:
            return
        self.status = Status.starting
        self._starting = asyncio.ensure_future(self._come_up())
        if self._given_up:
            self._starting.cancel()
        await unless_given_up(self._starting, f"{self.name}: closed while it came up; nothing of it is left")

    async def _come_up(self) -> None:
        self._service = Service(self.spec.project, self.spec.region)
        self._provision = Provision(self.spec, self._service, self._phases)
        limit = duration("timeouts.create")
        try:
            async with asyncio.timeout(limit):
                with self._phases.phase("service", f"{self.spec.project}/{self.spec.region}"):
                    await self._service.__aenter__()
                await in_turn(self.spec, self._up, self._undo, self._phases, fit=self._fit)
        except BaseException as error:
            if interpreter_ends(error):
                raise  # as if killed: who comes next takes it over, or its lease ends it
            await to_its_end(self._give_up(error))
            if self._create and isinstance(error, DaskDataprocError | TimeoutError):
                about = self.spec, self._provision.request_id
                await to_its_end(reporting.report_failure(*about, error, self._phases.done))
            if isinstance(error, TimeoutError) and not isinstance(error, WaitTimeout):
                raise WaitTimeout(f"{self.name}: not up after {limit} s; it has been deleted") from error
            raise

    async def _up(self, spec: ClusterSpec) -> None:
        self.spec, self.status = spec, Status.starting
        self._provision = Provision(spec, self._service, self._phases)
        try:
            await self._to_ready()
        except BaseException as error:
            if not interpreter_ends(error):
                self._provision.note_failure(error)
            raise

    async def _to_ready(self) -> None:
        life = self._lease_length if self._hold_lease else self.spec.lifetime
        self.uuid, workers = await self._make_or_find(min(life, self.spec.lifetime))
        following = asyncio.ensure_future(self._provision.follow())
        try:
            with self._phases.phase("boot"):
                finding = self._provision.connection(self.uuid, following)
                connection, _ = await asyncio.gather(finding, asyncio.to_thread(netutil._client_ssl_defaults))
            with self._phases.phase("connect", connection.scheduler):
                await self._connect(connection)
            with self._phases.phase("workers", f"{workers} to register") as said:
                registered = sooner(self._registered(workers, said.now), following)
                said.append(await alongside(registered, self._provision.agree(self.scheduler_comm)))
            with self._phases.phase("ready"):
                await following
                await self._take_over()
            self._connected.callback(asyncio.ensure_future(self._keep_telling()).cancel)
        except CommClosedError as error:  # in the middle of a call: somebody, or its lease, has ended it meanwhile
            raise ClusterFailed(f"{self.name}: the scheduler has gone: {error}", "%dask_cluster status") from error
        finally:
            following.cancel()

    async def _make_or_find(self, life: float) -> tuple[str, int]:
        """Return the cluster's uuid and how many workers to wait for."""
        if self._create:
            with contextlib.suppress(ClusterExists):
                operation = await self._provision.create(life)
                self.created_here, self.spec = True, self._provision.spec
                self.name = self.spec.name  # that of a stopped one, which was started instead
                return operation.cluster_uuid, self.spec.total_workers
        record = await self._provision.existing()
        self.spec = self._provision.spec = record.spec()
        return record.uuid, 0 if record.status == "RUNNING" else record.total_workers

    async def _take_over(self) -> None:
        """Begin to count the cost and to keep the lease."""
        record = await self._service.get(self.name)
        booking = self._provision.booking or Booking.of(record, self._service.clock)
        self._tenure = Tenure(self.spec, record, self._service, self._phases, booking)
        await self._tenure.count()
        self._tenure.take_lease(self._lease_length, self._life_ends(record))
        self._note_ready()
        if self._hold_lease:
            await self._tenure.hold(self._idle_seconds)
            adapts = (await self._head.workers_state())["adapts"]
            if adapts is not None:
                self._follow_head(adapts["minimum"], adapts["maximum"])
            elif not self.created_here:
                resume(self)

    def _life_ends(self, record: ClusterRecord) -> float:
        """Return until when its lease may be renewed, unix seconds.

        A lease that somebody keeps ends with the cluster's lifetime, whoever goes on with it. One that nobody keeps, as
        of a cluster that was made in a shell, lasts to its end: who takes it over has a lifetime of its own from now.
        """
        if self.created_here:
            return record.created + self._wanted_life
        ends = record.created + self.spec.lifetime
        kept = record.lease_expires is not None and record.lease_expires < ends - FIXED
        return ends if kept else self._service.clock.now() + self._wanted_life

    async def _keep_telling(self) -> None:
        """Tell the head again and again what it cannot know by itself."""
        made = [phase for phase in self._phases.done if self.created_here]
        while True:
            await self._tell_once(made)
            await asyncio.sleep(reporting.EVERY)

    async def _tell_once(self, made: Iterable[Phase] = ()) -> None:
        """Tell the head what it cannot know by itself; one of an earlier version does not listen."""
        with contextlib.suppress(Exception):  # a head that has gone, a ledger that is away: it is worth no failure
            async with asyncio.timeout(reporting.LIMIT):
                scale = self._service.clock.scale
                said = await reporting.word(self._tenure, made, scale, holds=self._hold_lease)
                await self._head.told(said=said)

    def _note_ready(self) -> None:
        """Have the audit trail say that the cluster is here, unless somebody only looks at it."""
        if self.created_here:
            took = sum(phase.seconds or 0.0 for phase in self._phases.done)
            self._tenure.note_act(STARTED if self._provision.started else CREATED, detail=f"after {took:.1f} s")
        elif self._hold_lease or origin(os.environ, sys.argv).startswith(IN_DAG):
            self._tenure.note_act(ATTACH, usd=self._tenure.cost)

    async def _undo(self) -> None:
        try:
            await self._provision.undo()
        finally:
            with contextlib.suppress(OSError):  # a scheduler that has gone
                await self._disconnect()

    async def _give_up(self, error: BaseException) -> None:
        try:
            await self._undo()
        except DaskDataprocError as undone:
            left_behind(self.name, error, undone)
        finally:
            await self._service.__aexit__()
