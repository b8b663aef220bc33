"""The way to a dashboard that asks for keys, a port of this machine's loopback; and the link that people are shown."""

from __future__ import annotations

import asyncio
import contextlib
from typing import TYPE_CHECKING
from urllib.parse import urlsplit

import dask.config

from .config import setting

if TYPE_CHECKING:
    from distributed.security import Security

CHUNK = 65536
DASKS = "{scheme}://{host}:{port}/status"
"""What Dask's own ``distributed.dashboard.link`` is as long as nobody has configured another."""


def shown_link(name: str, here: str) -> str:
    """Return the link to the dashboard of cluster ``name``, which is at ``here`` on this machine.

    What ``distributed.dashboard.link`` says if somebody has configured it, else what ``dataproc.dashboard-link`` says,
    which a Jupyter server sets for its kernels: a browser may be on another machine. With neither, ``here``'s own.
    """
    if dask.config.get("distributed.dashboard.link", DASKS) != DASKS:
        from distributed.utils import format_dashboard_link

        at = urlsplit(here)
        return format_dashboard_link(at.hostname, at.port)
    return setting("dashboard-link", "").replace("{name}", name) or f"{here}/status"


class Passage:
    """Joins each connection to a port of its own on loopback with the head's dashboard, byte for byte.

    A browser has no keys, and JupyterLab shows dashboards of its own machine only. What is on loopback already, the
    emulator's, needs no passage.

    Parameters
    ----------
    there : str
        ``https://host:port``, or ``http://host:port`` of one that asks for no keys.
    security : Security
        The cluster's keys.

    Attributes
    ----------
    here : str
        The URL on this machine, while it is entered.
    """

    def __init__(self, there: str, security: Security):
        self.there, self.here = there, there
        self._security = security
        self._server: asyncio.Server | None = None
        self._joined: set[asyncio.Task[None]] = set()

    @property
    def is_needed(self) -> bool:
        """Whether the dashboard asks for keys, so that ``here`` leads to it only while this process lives."""
        return self.there.startswith("https://")

    async def __aenter__(self) -> Passage:
        if self.is_needed:
            self._server = await asyncio.start_server(self._accept, "127.0.0.1", 0)
            self.here = f"http://127.0.0.1:{self._server.sockets[0].getsockname()[1]}"
        return self

    async def __aexit__(self, *error: object) -> None:
        if self._server is not None:
            self._server.close()
        for task in self._joined:
            task.cancel()
        await asyncio.gather(*self._joined, return_exceptions=True)

    def _accept(self, reader: asyncio.StreamReader, writer: asyncio.StreamWriter) -> None:
        task = asyncio.ensure_future(self._join(reader, writer))
        self._joined.add(task)
        task.add_done_callback(self._joined.discard)

    async def _join(self, reader: asyncio.StreamReader, writer: asyncio.StreamWriter) -> None:
        head = urlsplit(self.there)
        keys = self._security.get_connection_args("client")["ssl_context"]
        with contextlib.closing(writer), contextlib.suppress(OSError):  # a head or a browser that has gone
            from_head, to_head = await asyncio.open_connection(head.hostname, head.port, ssl=keys)
            with contextlib.closing(to_head):
                ways = [asyncio.ensure_future(_pass(reader, to_head)), asyncio.ensure_future(_pass(from_head, writer))]
                try:
                    await asyncio.wait(ways, return_when=asyncio.FIRST_COMPLETED)
                finally:
                    for way in ways:
                        way.cancel()
                    await asyncio.gather(*ways, return_exceptions=True)


async def _pass(reader: asyncio.StreamReader, writer: asyncio.StreamWriter) -> None:
    while data := await reader.read(CHUNK):
        writer.write(data)
        await writer.drain()
