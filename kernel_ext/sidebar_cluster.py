"""One cluster as dask-labextension wants to have it: what it reads and calls, on the loop of the Jupyter server."""

from __future__ import annotations

import asyncio
from collections.abc import Callable, Coroutine
from functools import partial
from typing import Any

from ..clusters.config import setting, user
from ..clusters.errors import ClusterBusy, ClusterFailed
from ..clusters.permissions import OTHERS, require
from ..clusters.sizes import adaptable
from .aside import Aside
from .server import dashboard_path
from .sidebar_hand import Hand
from .sidebar_words import Bounds, coming, failed, line_of


class SidebarCluster:
    """A line of the sidebar.

    Parameters
    ----------
    aside : Aside
    base_url : str
        The Jupyter server's.
    hand : Hand
    """

    def __init__(self, aside: Aside, base_url: str, hand: Hand):
        self.hand = hand
        self.ending = self.ended = False
        self._aside, self._base_url = aside, base_url
        self._doing: set[asyncio.Future[None]] = set()

    def line(self, me: str, place: tuple[str, str], now: float) -> str:
        """Return what the sidebar calls it; see `sidebar_words`."""
        hand = self.hand
        if self.ending:
            return f"{hand.name} · deleting"
        if hand.failed:
            return failed(hand.name, hand.failed)
        if hand.coming or hand.record is None:
            return coming(hand.name, hand.phase, now)
        return line_of(hand.record, me, place, trouble=hand.trouble)

    # -- what dask-labextension reads

    @property
    def scheduler_info(self) -> dict[str, Any]:
        """The workers, one for each machine."""
        return {"workers": self.hand.machines()}

    @property
    def scheduler_address(self) -> str:
        """Where the scheduler is, which answers only to holders of the cluster's keys; or why there is none.

        The front end shows the whole of it when the pointer rests there, but not the whole of a line.
        """
        return self.hand.failed or self.hand.trouble or self.hand.address

    @property
    def dashboard_link(self) -> str:
        """The path of its plots, through the Jupyter server, which says itself whether there are any.

        Never empty: the front end would look for plots of the Jupyter server itself.
        """
        return dashboard_path(self._base_url, self.hand.name)

    # -- what it calls

    async def scale(self, n: int) -> None:
        """Come to ``n`` workers, and wait until they are there.

        Raises
        ------
        DaskDataprocError
            Why not, in one line.
        """
        await self._do(partial(self.hand.scale, n))

    def adapt(self, *, minimum: int | None = None, maximum: int | None = None, **keywords: Any) -> Bounds:
        """Begin to adapt between ``minimum`` and ``maximum`` workers, and return at once.

        Raises
        ------
        SpecError
            They are out of bounds; nothing was changed.
        """
        bounds = Bounds(*adaptable(self.hand.spec, minimum, maximum))
        self.hand.will_adapt(bounds)
        doing = asyncio.ensure_future(self._do(partial(self.hand.adapt, bounds, **keywords)))
        self._doing.add(doing)
        doing.add_done_callback(self._doing.discard)
        return bounds

    async def close(self) -> None:
        """Delete it, whoever made it, also while it is being made.

        Raises
        ------
        DaskDataprocError
            Why it is still there, in one line.
        """
        if self.ending:
            raise ClusterBusy(f"{self.hand.name} is being deleted already")
        owner = self.hand.record.owner if self.hand.record else user()
        if owner != user():
            require(user(), OTHERS, setting("quotas"))
        self.ending = True
        try:
            if not self.hand.failed:
                await self._do(self.hand.remove)
            self.ended = True
        finally:
            self.ending = False

    async def _do(self, act: Callable[[], Coroutine[Any, Any, None]]) -> None:
        try:
            await self._aside.do(act)
        except OSError as error:
            raise ClusterFailed(f"{self.hand.name} does not answer: {error}") from error
