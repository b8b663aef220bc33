"""A Dask cluster on Dataproc, used as Dask's own cluster classes are."""

from __future__ import annotations

import asyncio
import datetime
from collections.abc import Callable, Generator, Mapping
from typing import Any

# The package itself before its modules: a thread imports this beside a notebook's cells, and two threads that come into
# the circle of Dask's modules from two sides have halves of them.
from distributed import Status

from . import unclosed
from .config import LEASE_BOUNDS, duration, resolve
from .errors import DaskDataprocError
from .history import Run
from .phases import Phase, Phases
from .provision import left_behind, to_its_end
from .rising_cluster import RisingCluster
from .spec import ClusterSpec
from .warm import check_stoppable
from .wording import cost_row


class DataprocCluster(RisingCluster):
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
    start : bool
        False leaves that to `start`, so that another thread can have the object meanwhile.
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
        start: bool = True,
        asynchronous: bool = False,
        loop: Any = None,
        **spec_fields: Any,
    ):
        given = {"workers": n_workers, "name": name} | spec_fields
        self.spec = resolve(spec, local=local, create=create, **{k: v for k, v in given.items() if v is not None})
        self.keep = keep
        self._create, self._fit, self._hold_lease, self._on_phase = create, fit, hold_lease, on_phase
        self._wanted_life = self.spec.lifetime
        self._run: Run | None = None
        self._lease_length = duration("lease", LEASE_BOUNDS)
        self._phases = Phases(self._log_phase)
        super().__init__(asynchronous=asynchronous, loop=loop, name=self.spec.name, quiet=True)
        if not self.asynchronous:
            self._loop_runner.start()
            if start:
                self.start()

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

    def measured(self, timeout: float = 5.0) -> Any:
        """Return what the cluster has done so far as a `Run`, None if nothing; what it had done, once it has ended.

        Raises
        ------
        WaitTimeout
            There is no answer within ``timeout`` seconds.
        """
        return self._answer(self._measure, timeout) if self.status is Status.running else self._run

    async def _measure(self) -> Run | None:
        self._run = self._tenure.run(await self._used()) or self._run
        return self._run

    async def _keep_run(self) -> None:
        if (run := await self._measure()) is not None:
            await self._tenure.booking.keep(run)

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
            await to_its_end(asyncio.gather(self._keep_run(), self._last_words()))
        ending = asyncio.ensure_future(self._tenure.end(how, keep=self.keep))
        parting = self._part(ending if how == "leave" and self.keep else None)
        both = asyncio.gather(ending, parting, return_exceptions=True)  # neither may cut the other short
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

    async def _part(self, kept: asyncio.Future[None] | None) -> None:
        """Disconnect; from a cluster that is ``kept`` once its head knows for how long."""
        if kept is not None:
            await asyncio.wait([kept])
            await self._tell_once()
        await self._disconnect()

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
