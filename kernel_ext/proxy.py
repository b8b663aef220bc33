"""The dashboards of the clusters that this Jupyter server knows, at ``{base_url}proxy/dask-dataproc/<cluster>/``.

A reverse proxy that nobody can point elsewhere. Who asks is checked as Jupyter checks it; what is asked and where it
goes is held by `dask_dataproc.kernel_ext.dashboard_rules`; of the headers only those named here travel, either way.
"""

from __future__ import annotations

import contextlib
from typing import TYPE_CHECKING, Any

from jupyter_server.utils import url_path_join
from jupyter_server_proxy.handlers import ProxyHandler
from tornado import web
from tornado.httpclient import HTTPClientError
from tornado.simple_httpclient import SimpleAsyncHTTPClient
from tornado.websocket import WebSocketClosedError, WebSocketError, websocket_connect

from ..clusters.errors import (
    ClusterBusy,
    ClusterNotFound,
    DashboardRefused,
    DaskDataprocError,
    NoDashboard,
    WaitTimeout,
)
from .dashboard_rules import path_there, place_here, query_there
from .server import PLACE, SETTING, Side

if TYPE_CHECKING:
    from .targets import Target

ROUTE = rf"{PLACE}/(?P<name>[a-z][-a-z0-9]*)(?:/.*|)"
"""What a cluster's name is made of; which there are, the server knows."""
ASKED = ("Accept", "Accept-Language", "If-Modified-Since")
"""Headers of a browser's request that the dashboard is told; a cookie or a token of Jupyter's is none."""
ANSWERED = ("Content-Type", "Content-Encoding", "Cache-Control", "Expires", "Last-Modified", "Content-Disposition")
"""Headers of the dashboard's answer that the browser is told; a cookie is none."""
PLOTS = "individual-plots.json"
"""What dask-labextension asks for again and again to see whether there is a dashboard: no content is a No."""
MESSAGE = 64 << 20
"""Bytes of a page, or of a message of a plot, at most."""
STATUS: dict[type[DaskDataprocError], int] = {
    ClusterNotFound: 404,
    ClusterBusy: 503,
    DashboardRefused: 403,
    WaitTimeout: 504,
}
"""What each error is in HTTP; all others are a bad gateway."""
LOST = (OSError, HTTPClientError, WebSocketError)


class DashboardHandler(ProxyHandler):
    """Pages and web sockets of one cluster's dashboard; nothing but to look at them."""

    target: Target
    path: str

    async def prepare(self) -> None:
        """Find out who asks, what for, and where it is; nothing is asked of anybody before that is clear."""
        await super().prepare()
        if self._finished:  # sent to the login
            return
        if self.request.method != "GET":
            raise web.HTTPError(405)
        if not self._asked_from_here():
            raise web.HTTPError(403, "asked by a page of another site")
        try:
            query = query_there(self.request.query)
            self.path = path_there(self.request.path.removeprefix(self._prefix)) + (query and f"?{query}")
            self.target = await self._side.targets.find(self._name)
        except DaskDataprocError as error:
            self._tell(error)

    async def http_get(self, *_: Any, **__: Any) -> None:
        """Answer with a page of the dashboard."""
        told = {key: self.request.headers[key] for key in ASKED if key in self.request.headers}
        try:
            with self.target.used():
                client = SimpleAsyncHTTPClient(force_instance=True, max_body_size=MESSAGE, max_buffer_size=2 * MESSAGE)
                with contextlib.closing(client):
                    answer = await client.fetch(self.target.request(self.path, headers=told), raise_error=False)
            self._answer(answer)
        except LOST as error:
            self._side.targets.lose(self.target)
            self._tell(_lost(self._name, error))
        except DashboardRefused as error:
            self._tell(error)

    async def open(self, *_: Any, **__: Any) -> None:
        """Join a web socket of the browser with one of the dashboard."""
        self._open_way = contextlib.ExitStack()
        try:
            self._open_way.enter_context(self.target.used())
            self.ws = await websocket_connect(
                self.target.request(self.path, socket=True),
                on_message_callback=self._pass_back,
                subprotocols=self._requested_subprotocols,
                max_message_size=MESSAGE,
            )
        except LOST as error:
            self._side.targets.lose(self.target)
            self.close(1011, _lost(self._name, error).message[:120])

    def on_close(self) -> None:
        """Let go of the dashboard's web socket."""
        super().on_close()
        self._open_way.close()

    def post(self, *_: Any, **__: Any) -> None:
        """Refuse: a dashboard is looked at."""
        raise web.HTTPError(405)

    put = delete = head = patch = options = post

    @property
    def _side(self) -> Side:
        return self.settings[SETTING]

    @property
    def _name(self) -> str:
        return self.path_kwargs["name"]

    @property
    def _prefix(self) -> str:
        return url_path_join(self.base_url, PLACE, self._name)

    def _asked_from_here(self) -> bool:
        """Whether no page of another site asks, for which a browser would give this user's cookie; as Jupyter does."""
        headers = self.request.headers
        if not self.check_origin():
            return False
        if "Referer" in headers:
            return self.check_referer()
        known = "Origin" in headers or self.skip_check_origin() or self.allow_origin == "*"
        return known or headers.get("Sec-Fetch-Site", "none") in ("none", "same-origin")

    def _answer(self, answer: Any) -> None:
        self.set_status(answer.code, answer.reason)
        for key in ANSWERED:
            if key in answer.headers:
                self.set_header(key, answer.headers[key])
        if "Location" in answer.headers:
            here = place_here(answer.headers["Location"], self.path, self.target.origin, self._prefix)
            self.set_header("Location", here)
        if answer.body and answer.code not in (204, 304):
            self.write(answer.body)

    def _pass_back(self, message: str | bytes | None) -> None:
        if message is None:
            self.close()
            return
        with contextlib.suppress(WebSocketClosedError):  # the browser has gone meanwhile
            self.write_message(message, binary=isinstance(message, bytes))

    def _tell(self, error: DaskDataprocError) -> None:
        """Answer with the error's line and hint: in a pane there is room for no more."""
        if self.request.path == url_path_join(self._prefix, PLOTS) and not isinstance(error, DashboardRefused):
            self.set_status(204)
            self.finish()
            return
        codes = [code for kind, code in STATUS.items() if isinstance(error, kind)]
        self.set_status(codes[0] if codes else 502)
        self.set_header("Content-Type", "text/plain; charset=utf-8")
        self.finish(error.lines())


def _lost(name: str, error: Exception) -> DaskDataprocError:
    if getattr(error, "code", None) == 599 and "imeout" in str(error):
        return WaitTimeout(f"{name}: its dashboard has not answered in time", f"%dask_cluster status {name}")
    why = " ".join(str(error).split())[:200] or type(error).__name__
    return NoDashboard(f"{name}: its dashboard does not answer: {why}", f"%dask_cluster status {name}")
