"""What a Jupyter server has in hand of one cluster: its record, and a connection while it holds the lease or adapts.

Coroutines here run on the loop aside; the rest may be read from anywhere.
"""

from __future__ import annotations

import asyncio
import contextlib
import inspect
import logging
import time
from collections.abc import AsyncIterator, Callable, Coroutine, Mapping
from dataclasses import replace
from functools import partial
from typing import TYPE_CHECKING, Any

from ..clusters.cluster import DataprocCluster
from ..clusters.errors import ClusterFailed, ClusterNotFound, DaskDataprocError
from ..clusters.fleet import remove_cluster
from ..clusters.record import ClusterRecord
from ..clusters.sizes import adaptable, adapts
from ..clusters.spec import ClusterSpec
from .sidebar_made import Made, MadeFile, begun
from .sidebar_words import Bounds, expected, registered, short

if TYPE_CHECKING:
    from ..clusters.phases import Phase

log = logging.getLogger(__name__)


class Hand:
    """One cluster, in hand.

    Parameters
    ----------
    record : ClusterRecord, optional
        As Dataproc reports it; None of one that is still to be made.

    Attributes
    ----------
    coming : bool
        Whether it is being made from here.
    phase : Phase or None
        The latest of its creation.
    failed : str
        Why it could not be made, in one line.
    trouble : str
        What went wrong with it last.
    """

    def __init__(self, record: ClusterRecord | None = None):
        self.record = record
        self.coming, self.failed, self.trouble = False, "", ""
        self.phase: Phase | None = None
        self._seen = time.monotonic()
        self._adapting: Bounds | None = None
        self._cluster: DataprocCluster | None = None
        self._starting: asyncio.Task[None] | None = None
        self._when_ready: Callable[[], Coroutine[Any, Any, None]] | None = None
        self._file: MadeFile | None = None
        self._spec: ClusterSpec | None = None
        self._one_at_a_time = asyncio.Lock()

    # -- what it is

    @property
    def name(self) -> str:
        """The cluster's name."""
        return self.record.name if self.record else self.spec.name

    @property
    def uuid(self) -> str:
        """The cluster's uuid, empty until it is known."""
        return self.record.uuid if self.record else ""

    @property
    def place(self) -> tuple[str, str]:
        """Project and region."""
        of = self.record or self.spec
        return of.project, of.region

    @property
    def spec(self) -> ClusterSpec:
        """What it was made from, at its present size.

        Raises
        ------
        ClusterExists, SpecError
            Another tool, or another version of this one, made it.
        """
        if self.record is not None:
            return self.record.spec()
        if self._spec is None:
            raise ClusterNotFound("a cluster that was never made")
        return self._spec

    @property
    def bounds(self) -> Bounds | None:
        """Between how many workers it adapts; None if it does not."""
        said = adapts(self.record.labels) if self.record else None
        return self._adapting or (Bounds(*said) if said else None)

    @property
    def address(self) -> str:
        """The scheduler's, empty without a connection."""
        return self._cluster.scheduler_address if self._cluster and self._ready else ""

    def machines(self) -> dict[str, dict[str, int]]:
        """Return the machines with workers; as its spec has them where no connection says which have registered."""
        if self._cluster is not None and self._ready:
            return registered(list(self._cluster.scheduler_info["workers"].values()))
        if self.record is None or self.record.status not in ("RUNNING", "UPDATING"):
            return {}
        with contextlib.suppress(DaskDataprocError):
            return expected(self.spec)
        return {}

    def see(self, record: ClusterRecord, asked: float) -> None:
        """Take over what Dataproc said when it was ``asked`` (`time.monotonic`), unless we know better since."""
        if asked >= self._seen:
            self.record = record

    def has_gone(self, asked: float) -> bool:
        """Return whether a cluster that Dataproc did not name when it was ``asked`` is there no more."""
        return self.record is not None and not self.coming and asked >= self._seen

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
        self._spec = cluster.spec
        self._file = begun(Made(cluster.name, cluster.spec.project, cluster.spec.region))
        self._cluster, self.coming = cluster, True
        self._starting = asyncio.ensure_future(self._made(cluster, self._file))

    async def hold(self, file: MadeFile) -> None:
        """Hold the lease from now on, as the server that left ``file`` did; if that fails, let another one try."""
        self._file = file
        self._cluster = cluster = self._named()
        self._starting = asyncio.ensure_future(self._reached(cluster, file))
        await self._starting

    async def _made(self, cluster: DataprocCluster, file: MadeFile) -> None:
        try:
            await cluster
        except Exception as error:
            if not isinstance(error, DaskDataprocError):
                log.exception("%s could not be made", cluster.name)
            self.failed = short(str(error)) or type(error).__name__
            self._cluster, self.coming = None, False
            file.clear()
            return
        self._saw(cluster.record)
        self.coming = False
        file.write(Made(self.name, *self.place, self.uuid, ready=True))
        if self._when_ready is not None:
            await self._when_ready()

    async def _reached(self, cluster: DataprocCluster, file: MadeFile) -> None:
        try:
            await self._that_one(cluster)
        except (DaskDataprocError, OSError) as error:
            self._cluster, self._file = None, None
            self.trouble = f"its lease is not held: {short(str(error))}"
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
            self._spec = self._cluster.spec  # of another name, if a stopped one was started instead
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
            self.trouble = f"{what}: {short(str(error))}"

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
            with contextlib.suppress(DaskDataprocError, OSError):  # it has gone
                await cluster.detach()

    def forget(self) -> None:
        """Leave the next server no record of it."""
        if self._file is not None:
            self._file.clear()
            self._file = None

    # -- connections

    @property
    def _ready(self) -> bool:
        return self._starting is None or self._starting.done()

    @contextlib.asynccontextmanager
    async def _connected(self) -> AsyncIterator[DataprocCluster]:
        """Have the connection there is, or one for as long as it takes, which leaves the lease to whoever holds it."""
        if self._cluster is not None:
            yield self._cluster
            return
        cluster = await self._that_one(self._named(hold_lease=False))
        try:
            yield cluster
        finally:
            await cluster.detach()

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

    def _saw(self, record: ClusterRecord) -> None:
        self.record, self._seen = record, time.monotonic()
