"""How the sidebar begins: what it needs is imported, aside, when somebody looks or an earlier server left something."""

from __future__ import annotations

import asyncio
import sys
from typing import TYPE_CHECKING, Any

from tornado.ioloop import IOLoop

from .sidebar_manager import Shown

if TYPE_CHECKING:
    from .server import Side
    from .sidebar import Sidebar

SETTLED = 5.0
"""Seconds after which a server that starts takes over what earlier ones held, if nobody looks before."""


class Opening:
    """The sidebar of one Jupyter server, from before it is there.

    Parameters
    ----------
    side : Side
    base_url : str
        The server's.
    log : logging.Logger
    """

    def __init__(self, side: Side, base_url: str, log: Any):
        self._side, self._base_url, self._log = side, base_url, log
        self._shown: Shown | None = None
        self._sidebar: asyncio.Future[Sidebar] | None = None

    def open(self) -> None:
        """Show in dask-labextension's sidebar, if this server has loaded it, and look by ourselves if need be."""
        module = sys.modules.get("dask_labextension.manager")
        if module is not None:
            self._shown = Shown(module.manager, self.looked)
        IOLoop.current().call_later(SETTLED, self._look_for_what_is_left)

    def looked(self) -> None:
        """Let the sidebar know that somebody looks."""
        if self._sidebar is not None and self._sidebar.done():
            self._sidebar.result().looked()
        else:
            asyncio.ensure_future(self.sidebar()).add_done_callback(lambda opened: opened.result().looked())

    async def sidebar(self) -> Sidebar:
        """Return the sidebar."""
        if self._sidebar is None:
            self._sidebar = asyncio.ensure_future(self._made())
        return await self._sidebar

    async def _made(self) -> Sidebar:
        async def imported() -> type[Sidebar]:
            from .sidebar import Sidebar

            return Sidebar

        made = await self._side.aside.do(imported)
        return made(self._side.aside, self._side.known, self._base_url, self._log, self._shown)

    def _look_for_what_is_left(self) -> None:
        from .sidebar_made import all_made

        if all_made():
            self.looked()


_here: Opening | None = None


def begin(app: Any, side: Side) -> None:
    """Have the sidebar of ``app``, a ``ServerApp`` that is loading its extensions, show the clusters there are."""
    global _here
    _here = Opening(side, app.web_app.settings["base_url"], app.log)
    IOLoop.current().add_callback(_here.open)


async def sidebar() -> Sidebar:
    """Return the sidebar of the Jupyter server that this process is.

    Raises
    ------
    ConfigError
        It has not loaded our extension.
    """
    if _here is None:
        from ..clusters.errors import ConfigError

        raise ConfigError(
            "dask_dataproc.kernel_ext is not loaded", "jupyter server extension enable dask_dataproc.kernel_ext"
        )
    return await _here.sidebar()
