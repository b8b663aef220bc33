"""From the name of a cluster to its dashboard: its address, its keys, and a tunnel where there is no other way."""

from __future__ import annotations

import asyncio
import contextlib
import ssl
from collections.abc import Iterator, Mapping
from dataclasses import dataclass, field
from urllib.parse import urlsplit

from tornado.httpclient import HTTPRequest

from ..clusters.errors import ClusterBusy, DashboardRefused, NoDashboard
from ..clusters.record import ClusterRecord
from ..clusters.spec import LOCAL
from .aside import Aside
from .dashboard_rules import may_stage, origin_of
from .known import Known
from .tunnel import Tunnel, can_tunnel, dig

PUBLISHED = 5.0
"""Seconds to read where the dashboard is; of a cluster that comes up it is not written yet."""
CONNECT = 3.0
"""Seconds until a dashboard counts as not reachable without a tunnel."""
ANSWER = 60.0
"""Seconds that a dashboard has to answer."""


@dataclass(frozen=True, slots=True)
class Target:
    """A dashboard as it is reached from here.

    Attributes
    ----------
    origin : str
        ``scheme://host:port`` to ask.
    keys : SSLContext or None
        The cluster's own, which both sides prove to have; None of one on loopback that asks for none.
    tunnel : Tunnel or None
        What ``origin`` leads through.
    """

    origin: str
    keys: ssl.SSLContext | None = field(repr=False)
    tunnel: Tunnel | None = field(repr=False, default=None)

    def request(self, path: str, *, socket: bool = False, headers: Mapping[str, str] | None = None) -> HTTPRequest:
        """Return the request of ``path``, with the keys and within the bounds; of a web socket with ``socket``."""
        origin = "ws" + self.origin.removeprefix("http") if socket else self.origin
        return HTTPRequest(
            origin + path,
            headers=dict(headers or {}),
            connect_timeout=CONNECT,
            request_timeout=ANSWER,
            follow_redirects=False,
            decompress_response=False,
            ssl_options=self.keys,
        )

    @property
    def alive(self) -> bool:
        """Whether ``origin`` still leads anywhere."""
        return self.tunnel is None or self.tunnel.alive

    @contextlib.contextmanager
    def used(self) -> Iterator[None]:
        """Keep the way open meanwhile."""
        with self.tunnel.used() if self.tunnel else contextlib.nullcontext():
            yield


class Targets:
    """The dashboards of the clusters that a Jupyter server knows.

    Parameters
    ----------
    aside : Aside
        Where the keys are read.
    known : Known
    """

    def __init__(self, aside: Aside, known: Known):
        self._aside, self._known = aside, known
        self._ways: dict[str, asyncio.Task[Target]] = {}

    async def find(self, name: str) -> Target:
        """Return how to reach the dashboard of cluster ``name``.

        Raises
        ------
        ClusterNotFound
            This user has no such cluster.
        ClusterBusy
            It is coming up, or is not running.
        DashboardRefused
            What it says of itself would lead somewhere else.
        NoDashboard, WaitTimeout
            There is no way to it from here.
        """
        try:
            record = await self._known.find(name)
        finally:
            self._forget_all_but({each.uuid for each in self._known.told})
        if not record.alive:
            raise ClusterBusy(f"{name} is {record.status}: it has no dashboard", "%dask_cluster list")
        way = self._ways.get(record.uuid)
        if way is None or (way.done() and not (way.exception() is None and way.result().alive)):
            way = self._ways[record.uuid] = asyncio.ensure_future(self._open(record))
        return await asyncio.shield(way)

    def lose(self, target: Target) -> None:
        """Forget ``target``, which does not answer: a head that was started again is elsewhere."""
        for uuid, way in list(self._ways.items()):
            if way.done() and way.exception() is None and way.result() is target:
                self._forget(uuid)

    def _forget_all_but(self, living: set[str]) -> None:
        for uuid in set(self._ways) - living:
            self._forget(uuid)

    def _forget(self, uuid: str) -> None:
        way = self._ways.pop(uuid)
        if not way.done():
            way.cancel()
        elif way.exception() is None and (tunnel := way.result().tunnel):
            tunnel.end()

    async def _open(self, record: ClusterRecord) -> Target:
        local = record.project == LOCAL
        if not may_stage(record.staging, local=local):
            raise DashboardRefused(f"{record.name}: its keys lie at {record.staging[:80]!r}, allowed is gs://BUCKET/…")
        said, keys = await self._aside.do(lambda: _read(record))
        origin = origin_of(said, local=local)
        at = urlsplit(origin)
        assert at.hostname is not None
        assert at.port is not None
        if at.scheme == "http":
            return Target(origin, None)
        if await _answers(at.hostname, at.port):
            return Target(origin, keys)
        if at.hostname.startswith("127.") or not can_tunnel():
            raise NoDashboard(
                f"{record.name}: {origin} does not answer from here, and there is no gcloud to tunnel with",
                "install the Google Cloud CLI, or:  %dask_cluster up --component-gateway",
            )
        tunnel = await dig(f"{record.name}-m", at.port, record.zone, record.project)
        return Target(f"https://127.0.0.1:{tunnel.port}", keys, tunnel)


async def _read(record: ClusterRecord) -> tuple[str, ssl.SSLContext]:
    """Return what the head has published: the dashboard's URL, and its keys as what they are used through."""
    from ..clusters.connection import find

    try:
        async with asyncio.timeout(PUBLISHED):
            connection = await find(record.staging, record.uuid)
    except TimeoutError:
        raise ClusterBusy(f"{record.name} is coming up: no dashboard yet", "%dask_cluster status") from None
    except Exception as error:  # each file system has its own
        why = " ".join(str(error).split())[:200]
        raise NoDashboard(
            f"{record.name}: its keys at {record.staging} cannot be read: {why}",
            "gcloud auth application-default login",
        ) from error
    return connection.dashboard, connection.security().get_connection_args("client")["ssl_context"]


async def _answers(host: str, port: int) -> bool:
    """Return whether something listens there."""
    with contextlib.suppress(OSError, TimeoutError):
        async with asyncio.timeout(CONNECT):
            _, writer = await asyncio.open_connection(host, port)
            writer.close()
            return True
    return False
