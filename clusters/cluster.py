"""A Dask cluster on Dataproc, used as Dask's own cluster classes are."""

from __future__ import annotations

import asyncio
import contextlib
import datetime
from collections.abc import Callable, Generator, Mapping
from typing import Any

from distributed.comm.core import CommClosedError
from distributed.core import Status
from tornado import netutil

from . import unclosed
from .adaptive import resume
from .alternatives import in_turn
from .booking import Booking
from .config import LEASE_BOUNDS, duration, resolve
from .errors import ClusterExists, ClusterFailed, DaskDataprocError, WaitTimeout
from .living_cluster import LivingCluster
from .phases import Phase, Phases
from .provision import Provision, alongside, left_behind, sooner, to_its_end, unless_given_up
from .service import Service
from .spec import ClusterSpec
from .tenure import Tenure
from .warm import check_stoppable
from .wording import cost_row


class DataprocCluster(LivingCluster):
    """An ephemeral Dask cluster on Dataproc.

    Made with the object and deleted by `close`, at the end of a ``with``, when Python ends, or by Dataproc itself when
    nobody renews its lease any more. A living cluster of the same name is attached to instead, and outlives `close`.

    Parameters
    ----------
    spec : ClusterSpec or mapping, optional
        What to make; what is missing comes from dask config, the environment and `ClusterSpec`'s defaults.
    n_workers : int, optional
        Primary workers; the same as ``workers``.
    name : str, optional
        The cluster's name; one is made up by default.
    local : bool
        Use the emulator whatever project is configured.
    create : bool
        False attaches to a living cluster of that name or fails.
    keep : bool
        `close` leaves the cluster to its lifetime.
    fit : bool
        Where a quota has less left than is asked for, make the largest cluster that fits.
    hold_lease : bool
        Renew the lease from here. Without it the cluster lives for its whole ``lifetime``.
    on_phase : callable, optional
        Called with each `Phase` when it begins and when it ends, from the loop's thread.
    asynchronous : bool
        Make an awaitable for use in a running event loop.
    **spec_fields
        Fields of `ClusterSpec`; they win over ``spec``.

    Raises
    ------
    SpecError, ConfigError
        Something is out of bounds or missing; nothing was created.
    ServiceError, ClusterFailed, WaitTimeout
        It could not be made; what had been created has been deleted.

    Examples
    --------
    >>> with DataprocCluster(n_workers=2) as cluster, cluster.get_client() as client:  # doctest: +SKIP
    ...     client.submit(sum, [1, 2]).result()
    """

    def __init__(
        self,
        spec: ClusterSpec | Mapping[str, Any] | None = None,
        *,
        n_workers: int | None = None,
        name: str | None = None,
        local: bool = False,
        create: bool = True,
        keep: bool = False,
        fit: bool = False,
        hold_lease: bool = True,
        on_phase: Callable[[Phase], None] | None = None,
        asynchronous: bool = False,
        loop: Any = None,
        **spec_fields: Any,
    ):
        given = {"workers": n_workers, "name": name} | spec_fields
        self.spec = resolve(spec, local=local, create=create, **{k: v for k, v in given.items() if v is not None})
        self.keep, self.created_here = keep, False
        self._create, self._fit, self._hold_lease, self._on_phase = create, fit, hold_lease, on_phase
        self._starting: asyncio.Task[None] | None = None
        self._wanted_life = self.spec.lifetime
        self._lease_length = duration("lease", LEASE_BOUNDS)
        self._phases = Phases(self._log_phase)
        super().__init__(asynchronous=asynchronous, loop=loop, name=self.spec.name, quiet=True)
        if not self.asynchronous:
            self._loop_runner.start()
            try:
                self._complete(self._start())
            except BaseException:
                if self.status is Status.running:  # Ctrl-C came when it was up, and nobody will have this object
                    self.close()
                self._loop_runner.stop()
                raise
            if self.created_here:
                unclosed.remember(self)

    @classmethod
    def from_name(cls, name: str, **keywords: Any) -> DataprocCluster:
        """Return the living cluster called ``name``; `close` will leave it running.

        Parameters
        ----------
        name : str
        **keywords
            As of the class: ``project``, ``region``, ``asynchronous`` and so on.

        Raises
        ------
        ClusterNotFound
            There is none; none is made.
        """
        return cls(name=name, create=False, **keywords)

    @property
    def phases(self) -> list[Phase]:
        """The phases that have ended, in order."""
        return list(self._phases.done)

    # -- the way up

    async def _start(self) -> None:
        if self.status is not Status.created:
            return
        self.status = Status.starting
        self._starting = asyncio.ensure_future(self._come_up())
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
            await to_its_end(self._give_up(error))
            if isinstance(error, TimeoutError) and not isinstance(error, WaitTimeout):
                raise WaitTimeout(f"{self.name}: not up after {limit} s; it has been deleted") from error
            raise

    async def _up(self, spec: ClusterSpec) -> None:
        self.spec, self.status = spec, Status.starting
        self._provision = Provision(spec, self._service, self._phases)
        life = self._lease_length if self._hold_lease else self.spec.lifetime
        uuid, workers = await self._make_or_find(min(life, self.spec.lifetime))
        following = asyncio.ensure_future(self._provision.follow())
        try:
            with self._phases.phase("boot"):
                finding = self._provision.connection(uuid, following)
                connection, _ = await asyncio.gather(finding, asyncio.to_thread(netutil._client_ssl_defaults))
            with self._phases.phase("connect", connection.scheduler):
                await self._connect(connection)
            with self._phases.phase("workers", f"{workers} to register") as said:
                registered = sooner(self._registered(workers, said.now), following)
                said.append(await alongside(registered, self._provision.agree(self.scheduler_comm)))
            with self._phases.phase("ready"):
                await following
                await self._take_over()
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
        begins = record.created if self.created_here else self._service.clock.now()
        self._tenure.take_lease(self._lease_length, begins + self._wanted_life)
        if self._hold_lease:
            await self._tenure.hold(self._idle_seconds)
            adapts = (await self._head.workers_state())["adapts"]
            if adapts is not None:
                self._follow_head(adapts["minimum"], adapts["maximum"])
            elif not self.created_here:
                resume(self)

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

    # -- the end

    def delete(self) -> Any:
        """Delete the cluster, whoever made it, and close the connection to it."""
        return self._end("delete")

    def stop(self) -> Any:
        """Stop the cluster, whoever made it, and close the connection to it: whoever asks for its spec gets it again.

        Raises
        ------
        SpecError
            It has local SSDs; nothing was changed.
        """
        check_stoppable(self.spec)
        return self._end("stop")

    def detach(self) -> Any:
        """Close the connection; the cluster lives on until its lease ends, or its lifetime with ``keep``."""
        return self._end("leave")

    def hand_back(self) -> Any:
        """Close the connection to a cluster that whoever made it deletes now, as a job's DAG does."""
        return self._end("hand back")

    def close(self, timeout: float | None = None) -> Any:
        """Delete the cluster if it was made here and is not to be kept; close the connection to it."""
        return self._end(self._usual_end)

    async def _keep_run(self) -> None:
        await self._tenure.keep_run(await self._used())

    @property
    def _usual_end(self) -> str:
        return "delete" if self.created_here and not self.keep else "leave"

    def _end(self, how: str) -> Any:
        if self.asynchronous:
            return self._finish(how)
        if self.status is not Status.closed:
            self._complete(self._finish(how))
            self._loop_runner.stop()
        return None

    async def _close(self) -> None:
        await self._finish(self._usual_end)

    async def _finish(self, how: str) -> None:
        if self._starting is not None:
            self._starting.cancel()
            await asyncio.wait([self._starting])
        if self.status in (Status.created, Status.closed):
            self.status = Status.closed
            return
        unclosed.forget(self)
        if how != "leave":
            await to_its_end(self._keep_run())
        ending = self._tenure.end(how, keep=self.keep)
        both = asyncio.gather(ending, self._disconnect(), return_exceptions=True)  # neither may cut the other short
        try:
            ended, closed = await to_its_end(both)
        finally:
            self.status = Status.closed
            await self._service.__aexit__()
        if isinstance(ended, DaskDataprocError):
            left_behind(self.name, ended, ended)
        if isinstance(ended, BaseException):
            raise ended
        if isinstance(closed, BaseException) and not isinstance(closed, OSError):  # a scheduler that has gone
            raise closed

    # -- how it is used

    def __await__(self) -> Generator[Any, None, DataprocCluster]:
        async def started() -> DataprocCluster:
            await self._start()
            return self

        return started().__await__()

    def _repr_html_(self, cluster_status: str | None = None) -> str:
        if self.status is not Status.running:
            return super()._repr_html_(cluster_status)
        return super()._repr_html_(f"{cluster_status or ''}{cost_row(self.price_per_hour, self.cost)}")

    def _log_phase(self, phase: Phase) -> None:
        if phase.seconds is not None:
            said = f"{phase.name} {phase.detail} {'failed after' if phase.failed else 'in'} {phase.seconds:.2f} s"
            self._cluster_manager_logs.append((datetime.datetime.now(datetime.UTC), said))
        if self._on_phase is not None:
            self._on_phase(phase)
