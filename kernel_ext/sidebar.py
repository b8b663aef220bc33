"""The sidebar: which clusters dask-labextension shows, and those that its NEW makes.

Labels in Dataproc, and for those made here records on disk, are the truth: it is asked for while somebody looks.
"""

from __future__ import annotations

import asyncio
import time
from collections.abc import Coroutine, Iterable
from functools import partial
from typing import Any

import dask.config
from tornado.ioloop import IOLoop

from ..clusters.config import LOCAL, place, user
from ..clusters.errors import ClusterBusy
from ..clusters.record import ClusterRecord
from .aside import Aside
from .known import Known
from .last_spec import last_spec
from .sidebar_cluster import SidebarCluster
from .sidebar_hand import Hand
from .sidebar_made import Made, MadeFile, all_made, left
from .sidebar_manager import Shown
from .sidebar_opening import sidebar

NEAR, FAR = 2.0, 10.0
"""Seconds between two looks at least: on this machine, and in the cloud."""
AGAIN = 60.0
"""Seconds until a lease that could not be taken over is tried again."""


class Sidebar:
    """What one Jupyter server shows in its sidebar.

    Parameters
    ----------
    aside : Aside
    known : Known
    base_url : str
    log : logging.Logger
    shown : Shown, optional
        The lines; None in a server that does not load dask-labextension.
    """

    def __init__(self, aside: Aside, known: Known, base_url: str, log: Any, shown: Shown | None):
        self._aside, self._known, self._base_url, self._log = aside, known, base_url, log
        self._clusters: list[SidebarCluster] = []
        self._gone: set[str] = set()
        self._shown = shown
        self._me, self._place = "", ("", "")
        self._looked, self._pause, self._looking = -FAR, NEAR, False
        self._said: dict[str, str] = {}
        self._unanswered: set[str] = set()
        self._doing: set[asyncio.Future[None]] = set()
        self._new = asyncio.Lock()

    # -- NEW

    async def new(self, fields: dict[str, Any]) -> SidebarCluster:
        """Begin to make a cluster, and return what stands for it; see `new_cluster`."""
        default = dask.config.get("labextension.default", None) or {}
        size = {} if default.get("workers") is None else {"workers": default["workers"]}
        hand = Hand()
        async with self._new:
            await self._aside.do(partial(_begin, hand, size | fields, default.get("adapt") or {}))
            cluster = SidebarCluster(self._aside, self._base_url, hand)
            self._clusters.append(cluster)
        return cluster

    # -- what is shown

    def looked(self) -> None:
        """Bring the lines up to date for somebody who looks, and ask Dataproc for the next time if that is due."""
        self._say()
        if not self._looking and time.monotonic() - self._looked >= self._pause:
            self._looking = True
            self._do(self._look())

    async def _look(self) -> None:
        self._looked = asked = time.monotonic()
        files: list[MadeFile] = []
        try:
            self._me, self._place, files = await self._aside.do(_around)
            records = await self._known.records(0.0)
        except Exception as error:
            self._tell("", f"{type(error).__name__}: {error}")
            self._leave(files)
            return
        finally:
            self._looking = False
        self._pause = NEAR if self._is_near(records) else FAR
        for where in {"", *self._unanswered, *self._known.failed}:
            self._tell(where, self._known.failed.get(where, ""))
        self._unanswered = set(self._known.failed)
        self._settle(records, asked)
        self._take_over(files)
        self._say()

    def _is_near(self, records: Iterable[ClusterRecord]) -> bool:
        asked = {where.partition("/")[0] for where in self._known.failed} | {where[0] for where in self._known.answered}
        return {*asked, *(record.project for record in records), self._place[0]} == {LOCAL}

    def _settle(self, records: Iterable[ClusterRecord], asked: float) -> None:
        """Have one line for each of ``records``, as they were when ``asked``, and none for what has gone."""
        answered = self._known.answered
        there = {record.uuid: record for record in records if (record.project, record.region) in answered}
        self._gone |= {cluster.hand.uuid for cluster in self._clusters if cluster.ended}
        self._clusters = [cluster for cluster in self._clusters if not cluster.ended]
        self._drop_twins()
        for cluster in list(self._clusters):
            if record := there.pop(cluster.hand.uuid, None):
                cluster.hand.see(record, asked)
                self._follow(cluster)
            elif not cluster.ending and cluster.hand.has_gone(asked) and self._is_known(cluster.hand):
                self._drop(cluster)
        coming = {(*cluster.hand.place, cluster.hand.name) for cluster in self._clusters if cluster.hand.coming}
        for uuid, record in there.items():
            if self._new.locked():
                return  # what is just begun is no line of its own yet
            if uuid not in self._gone and (record.project, record.region, record.name) not in coming:
                self._show(SidebarCluster(self._aside, self._base_url, Hand(record)))

    def _drop_twins(self) -> None:
        """Have one line of a stopped cluster that NEW has started again: the one that holds its lease."""
        held = {cluster.hand.uuid for cluster in self._clusters if cluster.hand.holds}
        for cluster in list(self._clusters):
            if cluster.hand.uuid in held and not cluster.hand.holds:
                self._drop(cluster)

    def _is_known(self, hand: Hand) -> bool:
        """Return whether it would have been named if it were there; while no emulator runs, nobody says."""
        return hand.place in self._known.answered or (hand.place[0] == LOCAL and not hand.holds)

    def _show(self, cluster: SidebarCluster) -> None:
        self._clusters.append(cluster)
        self._follow(cluster)
        if self._shown is not None:
            self._shown.add(cluster.hand.uuid, cluster)

    def _follow(self, cluster: SidebarCluster) -> None:
        """Do what is to be done about a change of its state."""
        hand = cluster.hand
        if not hand.address:
            self._do(self._aside.do(hand.locate))
        if hand.connected and not hand.is_alive and not cluster.ending:  # stopped, or deleted, by somebody else
            hand.forget()
            self._do(self._aside.do(hand.let_go))

    def _drop(self, cluster: SidebarCluster) -> None:
        self._clusters.remove(cluster)
        cluster.hand.forget()
        self._do(self._aside.do(cluster.hand.let_go))
        if self._shown is not None:
            self._shown.drop(cluster)

    def _say(self) -> None:
        now = time.time()
        if self._shown is not None:
            for line, cluster in self._shown.clusters(SidebarCluster).items():
                text = cluster.line(self._me, self._place, now)
                self._shown.say(line, text, cluster.hand.bounds)

    # -- what earlier servers held

    def _take_over(self, files: Iterable[MadeFile]) -> None:
        """Hold the leases that ``files`` speak of, and forget what has gone or was stopped."""
        unclear = []
        for file in files:
            made = file.made
            hand = next((each.hand for each in self._clusters if made and _is(made, each.hand)), None)
            if hand is not None and hand.is_alive:
                self._do(self._hold(hand, file))
            elif made and f"{made.project}/{made.region}" in self._known.failed:
                unclear.append(file)
            else:
                file.clear()
        self._leave(unclear)

    def _leave(self, files: Iterable[MadeFile]) -> None:
        """Leave ``files`` for a later look, of this server or another."""
        for file in files:
            file.release()
            self._later()

    async def _hold(self, hand: Hand, file: MadeFile) -> None:
        await self._aside.do(partial(hand.hold, file))
        self._tell(hand.name, hand.trouble)
        if hand.trouble:
            self._later()

    def _later(self) -> None:
        IOLoop.current().call_later(AGAIN, self.looked)

    # -- small things

    def _do(self, work: Coroutine[Any, Any, None]) -> None:
        doing = asyncio.ensure_future(work)
        self._doing.add(doing)
        doing.add_done_callback(self._doing.discard)

    def _tell(self, what: str, said: str) -> None:
        """Log what is wrong with ``what``, once for as long as it stays so."""
        if said and self._said.get(what) != said:
            self._log.warning("dask-dataproc sidebar: %s", f"{what}: {said}" if what else said)
        self._said[what] = said


async def _begin(hand: Hand, fields: dict[str, Any], adapt: dict[str, Any]) -> None:
    """Have ``hand`` make a cluster, unless one is being made from a sidebar of this user.

    Raises
    ------
    ClusterBusy
        One is.
    """
    for made in all_made():
        if not made.ready:
            raise ClusterBusy(f"{made.name} is being created: wait until it is ready, or shut it down")
    await hand.make(last_spec() | fields, adapt)


async def _around() -> tuple[str, tuple[str, str], list[MadeFile]]:
    """Return who looks, from where, and what servers that have gone left."""
    return user(), place(), left()


def _is(made: Made, hand: Hand) -> bool:
    """Return whether ``hand`` has what was ``made``; one that was still being created is known by its name only."""
    if made.uuid:
        return hand.uuid == made.uuid
    record = hand.record
    same = (hand.name, *hand.place) == (made.name, made.project, made.region)
    return same and record is not None and record.owner == user()


async def new_cluster(*, asynchronous: bool = True, **fields: Any) -> SidebarCluster:
    """Begin to make a cluster like the last one that was asked for, and return what stands for it in the sidebar.

    What dask-labextension's ``labextension.factory`` is set to.

    Parameters
    ----------
    asynchronous : bool
        As dask-labextension gives it; it is always so.
    **fields
        Fields of `ClusterSpec`, from ``labextension.factory.kwargs``; they win over those of the last cluster.

    Raises
    ------
    SpecError, ConfigError
        Something is out of bounds or missing; nothing was begun.
    ClusterBusy
        One is being made already.
    """
    return await (await sidebar()).new(fields)
