"""The dashboard's two doors: plain http on the head's own loopback, TLS with the cluster's keys on its address."""

from __future__ import annotations

from distributed import Scheduler
from tornado.httpserver import HTTPServer

LOOPBACK = "127.0.0.1"
"""Where Component Gateway and what scrapes metrics ask, on the master itself."""


def offer(scheduler: Scheduler, host: str) -> str:
    """Offer the pages, which ``scheduler`` serves on loopback, on ``host`` to holders of its keys; return their URL."""
    port = scheduler.http_server.port
    if host == LOOPBACK:
        return f"http://{host}:{port}"
    keys = scheduler.security.get_listen_args("scheduler")["ssl_context"]
    HTTPServer(scheduler.http_application, ssl_options=keys).listen(port, host)
    return f"https://{host}:{port}"
