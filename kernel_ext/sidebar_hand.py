"""A cluster in the hands of a Jupyter server: made, held, scaled, adapted and deleted, on the loop aside."""

from __future__ import annotations

import asyncio
import contextlib
import inspect
import logging
from collections.abc import AsyncIterator, Callable, Coroutine, Mapping
from dataclasses import replace
from functools import partial
from typing import TYPE_CHECKING, Any

from ..clusters.cluster import DataprocCluster
from ..clusters.errors import ClusterFailed, ClusterNotFound, DaskDataprocError
from ..clusters.fleet import remove_cluster
from ..clusters.record import ClusterRecord
from ..clusters.sizes import adaptable
from ..clusters.sync import interpreter_ends
from .sidebar_made import Made, MadeFile, begun
from .sidebar_seen import Seen
from .sidebar_words import Bounds, why

if TYPE_CHECKING:
    from ..clusters.phases import Phase

log = logging.getLogger(__name__)


class Hand(Seen):
    """One cluster, and the connection to it while we hold its lease, adapt or resize it.

    Its coroutines run on the loop aside.
    """

    def __init__(self, record: ClusterRecord | None = None):
        super().__init__(record)
        self._cluster: DataprocCluster | None = None
        self._starting: asyncio.Task[None] | None = None
        self._after: asyncio.Future[None] | None = None
        self._when_ready: Callable[[], Coroutine[Any, Any, None]] | None = None
        self._file: MadeFile | None = None
        self._one_at_a_time = asyncio.Lock()

    @property
    def holds(self) -> bool:
        """Whether its lease is held here, or will be when it is ready."""
        return self._file is not None

    @property
    def connected(self) -> bool:
        """Whether there is a connection to it."""
        return self._cluster is not None and self._is_settled

    @property
    def _is_settled(self) -> bool:
        return self._starting is None or self._starting.done()

    def _registered(self) -> list[Mapping[str, Any]] | None:
        return list(self._cluster.scheduler_info["workers"].values()) if self._cluster and self._is_settled else None

    # -- the way up

    async def make(self, fields: Mapping[str, Any], adapt: Mapping[str, Any]) -> None:
        """Begin to make a cluster of ``fields``, that is to ``adapt`` later, if at all.

        Raises
        ------
        SpecError, ConfigError
            That cannot be; nothing was begun.
        """
        cluster = DataprocCluster(fields, asynchronous=True, on_phase=self._note)
        if adapt:
            adaptable(cluster.spec, adapt.get("minimum"), adapt.get("maximum"))
        self._made_from = cluster.spec
        self._file = begun(Made(cluster.name, cluster.spec.project, cluster.spec.region))
        self._cluster, self.coming = cluster, True
        self._starting = asyncio.ensure_future(self._made(cluster, self._file))

    async def hold(self, file: MadeFile) -> None:
        """Hold the lease from now on, as the server that left ``file`` did; if that fails, let another one try."""
        await self.let_go()
        self._file = file
        self._cluster = cluster = self._named()
        self._starting = asyncio.ensure_future(self._reached(cluster, file))
        await self._starting

    async def _made(self, cluster: DataprocCluster, file: MadeFile) -> None:
        try:
            await cluster
        except Exception as error:
            if interpreter_ends(error):
                return  # the next server makes an end of it
            if not isinstance(error, DaskDataprocError):
                log.exception("%s could not be made", cluster.name)
            self.failed = why(cluster.name, error)
            self._cluster, self.coming = None, False
            file.clear()
            return
        self._saw(cluster.record)
        self.address, self.coming = cluster.scheduler_address, False
        file.write(Made(self.name, *self.place, self.uuid, ready=True))
        if self._when_ready is not None:
            self._after = asyncio.ensure_future(self._when_ready())  # it waits for this to end

    async def _reached(self, cluster: DataprocCluster, file: MadeFile) -> None:
        try:
            await self._that_one(cluster)
        except (DaskDataprocError, OSError) as error:
            self._cluster, self._file = None, None
            self.trouble = f"its lease is not held: {why(self.name, error)}"
            if file.made and self.record and self.record.status != "CREATING":
                file.write(replace(file.made, ready=True))  # it keeps nobody from making another
            file.release()
            return
        self.trouble = ""
        self._saw(cluster.record)
        file.write(Made(self.name, *self.place, self.uuid, ready=True))

    def _note(self, phase: Phase) -> None:
        self.phase = phase
        if phase.name == "boot" and phase.seconds is None and self._cluster is not None and self._file is not None:
            self._made_from = self._cluster.spec  # of another name, if a stopped one was started instead
            self._file.write(Made(self.name, *self.place, self._cluster.uuid))

    # -- what is done with it

    async def scale(self, n: int) -> None:
        """Come to ``n`` workers in all, as soon as it is ready, and adapt no more.

        Raises
        ------
        DaskDataprocError
            Why not; it has the size that it had.
        """
        self._adapting = None
        if self.coming:
            self._when_ready = partial(self._later, f"not scaled to {n}", self.scale, n)
            return
        async with self._one_at_a_time, self._connected() as cluster:
            await cluster.scale(n)
            self._saw(cluster.record)
        if self._file is None:
            await self.let_go()

    def will_adapt(self, bounds: Bounds) -> None:
        """Have it said from now on."""
        self._adapting = bounds

    async def adapt(self, bounds: Bounds, **keywords: Any) -> None:
        """Adapt between ``bounds`` from now on, or as soon as it is ready; what fails is said in its line."""
        if self.coming:
            self._when_ready = partial(self._later, "not adapted", self._adapt, bounds, **keywords)
        else:
            await self._later("not adapted", self._adapt, bounds, **keywords)

    async def _adapt(self, bounds: Bounds, **keywords: Any) -> None:
        async with self._one_at_a_time:
            await self._settled()
            try:
                self._cluster = cluster = self._cluster or await self._that_one(self._named(hold_lease=False))
                begun = cluster.adapt(minimum=bounds.minimum, maximum=bounds.maximum, **keywords)
                if inspect.isawaitable(begun):
                    await begun
            except BaseException:
                self._adapting = None
                if self._file is None:
                    await self.let_go()
                raise

    async def _later(self, what: str, act: Callable[..., Coroutine[Any, Any, None]], *given: Any, **more: Any) -> None:
        self.trouble = ""
        try:
            await act(*given, **more)
        except (DaskDataprocError, OSError) as error:
            self.trouble = f"{what}: {why(self.name, error)}"

    async def remove(self) -> None:
        """Delete the cluster, or undo what there is of it; one that could not be made is forgotten.

        Raises
        ------
        DaskDataprocError
            It could not be deleted; its lease is not renewed any more.
        """
        cluster = self._cluster
        if self._starting is not None and not self._starting.done() and cluster is not None:
            await self._give_up(cluster, self._starting)
            cluster = self._cluster
        try:
            if cluster is not None:
                await cluster.delete()
            elif self.record is not None:
                await remove_cluster(self.record)
        finally:
            self._cluster = None
            self.forget()

    async def _give_up(self, cluster: DataprocCluster, starting: asyncio.Task[None]) -> None:
        await cluster.close()
        await asyncio.wait([starting])
        if any(phase.name == "undo" and phase.failed for phase in cluster.phases):
            self.failed = f"{self.name} may be there still, until its lease ends"
            raise ClusterFailed(self.failed)

    async def let_go(self) -> None:
        """Close the connection, if there is one; the cluster is left to its lease."""
        cluster, self._cluster, self._adapting = self._cluster, None, None
        if cluster is not None:
            await _leave(cluster)

    def forget(self) -> None:
        """Leave the next server no record of it."""
        if self._file is not None:
            self._file.clear()
            self._file = None

    # -- connections

    @contextlib.asynccontextmanager
    async def _connected(self) -> AsyncIterator[DataprocCluster]:
        """Have the connection there is, or one for as long as it takes, which leaves the lease to whoever holds it."""
        await self._settled()
        if self._cluster is not None:
            yield self._cluster
            return
        cluster = await self._that_one(self._named(hold_lease=False))
        try:
            yield cluster
        finally:
            await _leave(cluster)

    async def _settled(self) -> None:
        """Wait until it is held, if it is to be."""
        if self._starting is not None:
            await asyncio.wait([self._starting])

    def _named(self, **keywords: Any) -> DataprocCluster:
        project, region = self.place
        return DataprocCluster.from_name(self.name, project=project, region=region, asynchronous=True, **keywords)

    async def _that_one(self, cluster: DataprocCluster) -> DataprocCluster:
        """Wait for the connection to ``cluster``; another one that took the name is left alone."""
        await cluster
        if self.record is not None and cluster.record.uuid != self.record.uuid:
            await cluster.detach()
            raise ClusterNotFound(f"{self.name} is gone: another cluster has its name")
        return cluster


async def _leave(cluster: DataprocCluster) -> None:
    with contextlib.suppress(DaskDataprocError, OSError):  # it has gone
        await cluster.detach()
