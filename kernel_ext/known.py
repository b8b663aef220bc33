"""The clusters that a Jupyter server knows: its user's own and those shared with all, wherever they were made.

Labels on the clusters are the truth, in the configured project and region and in those that records on disk name. So
a cluster is known whether a notebook, a shell, a DAG or a colleague made it, and after any restart.
"""

from __future__ import annotations

import asyncio
import contextlib
import json
import math
import time
from collections.abc import Iterable
from typing import TYPE_CHECKING

from .aside import Aside

if TYPE_CHECKING:
    from ..clusters.record import ClusterRecord

SHARED = "shared"
"""The label with which an owner shows a cluster to everybody in the project: ``--labels shared=yes``."""
FRESH = 2.0
"""Seconds for which an answer is good enough."""


class Known:
    """The clusters there are, asked for when somebody wants to know; what that takes is imported then, aside.

    Parameters
    ----------
    aside : Aside
        Where Dataproc is asked.

    Attributes
    ----------
    failed : dict of str to str
        Places, ``PROJECT/REGION``, that did not answer last time, and in one line why; their clusters are as before.
    answered : set of tuple of str
        The projects and regions that did: what there is of them is known.
    """

    def __init__(self, aside: Aside):
        self.failed: dict[str, str] = {}
        self.answered: set[tuple[str, str]] = set()
        self._aside = aside
        self._found: dict[tuple[str, str], list[ClusterRecord]] = {}
        self._begun = self._answered = -math.inf
        self._asking: asyncio.Future[None] | None = None

    @property
    def told(self) -> list[ClusterRecord]:
        """The clusters as they were last told of."""
        return [record for found in self._found.values() for record in found]

    async def records(self, fresh: float = FRESH) -> list[ClusterRecord]:
        """Return the clusters as they were told of at most ``fresh`` seconds ago; with 0, asked for from now on."""
        now = time.monotonic()
        if now - self._answered > fresh:
            await self._hear(-math.inf if fresh else now)
        return self.told

    async def find(self, name: str) -> ClusterRecord:
        """Return the cluster called ``name``; asked for once more if it is not known yet.

        Raises
        ------
        ClusterNotFound
            There is none that this user may see.
        """
        from ..clusters.errors import ClusterNotFound

        now = time.monotonic()
        for fresh in (FRESH, 0.0):
            for record in await self.records(fresh):
                if record.name == name:
                    return record
            if self._begun >= now:
                break
        raise ClusterNotFound(f"no cluster {name}", "%dask_cluster list")

    async def _hear(self, since: float) -> None:
        """Wait for the answer to a question that began after ``since``; one is under way, whoever waits for it."""
        heard = False
        while not heard or self._begun < since:
            if self._asking is None or self._asking.done():
                self._asking = asyncio.ensure_future(self._aside.do(self._ask))
            await asyncio.shield(self._asking)
            heard = True

    async def _ask(self) -> None:
        begun, there = time.monotonic(), places()
        found = self._found | dict(await asyncio.gather(*map(self._ask_at, there)))
        self._found = {where: found[where] for where in there}
        self.answered = {where for where in there if "/".join(where) not in self.failed}
        self._begun, self._answered = begun, time.monotonic()

    async def _ask_at(self, where: tuple[str, str]) -> tuple[tuple[str, str], list[ClusterRecord]]:
        from ..clusters.config import user
        from ..clusters.dataproc_config import MARK
        from ..clusters.errors import DaskDataprocError
        from ..clusters.service import Service

        try:
            async with Service(*where) as service:
                found = visible(await service.list({MARK: "*"}), user())
        except DaskDataprocError as error:
            self.failed["/".join(where)] = error.message
            return where, self._found.get(where, [])
        self.failed.pop("/".join(where), None)
        return where, found


def visible(records: Iterable[ClusterRecord], me: str) -> list[ClusterRecord]:
    """Return the clusters of ``records`` that ``me`` owns or that their owners share."""
    return [record for record in records if record.owner == me or record.labels.get(SHARED) == "yes"]


def places() -> list[tuple[str, str]]:
    """Return the projects and regions to look in: the configured one, and those of this user's records.

    The emulator's is not one while no emulator runs: looking starts none.
    """
    from ..clusters.config import LOCAL, place
    from ..clusters.local import emulator_status

    found = dict.fromkeys([place(None, None), *_noted()])
    return [where for where in found if where[0] != LOCAL or emulator_status() is not None]


def _noted() -> Iterable[tuple[str, str]]:
    from ..clusters.paths import state_dir

    for made in ("sessions", "sidebar"):
        for path in sorted((state_dir() / made).glob("*.json")):
            with contextlib.suppress(OSError, ValueError, KeyError, TypeError):
                said = json.loads(path.read_text())
                yield said["project"], said["region"]
