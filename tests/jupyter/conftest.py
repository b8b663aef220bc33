"""A real Jupyter server on a laptop, behind a token and a base_url; a cluster it knows; a canary nobody may ask."""

from __future__ import annotations

import http.client
import http.server
import json
import os
import subprocess
import sys
import threading
from collections.abc import Iterator
from dataclasses import dataclass, field
from typing import Any

import pytest
from tornado.httpclient import HTTPRequest
from tornado.websocket import WebSocketClientConnection, websocket_connect

from dask_dataproc import DataprocCluster

WAIT = 60.0
BASE = "/user/ana/"
TOKEN = "c0ffee"


@dataclass
class Answer:
    """What a server answered."""

    status: int
    headers: http.client.HTTPMessage
    body: bytes

    @property
    def text(self) -> str:
        return self.body.decode()

    def json(self) -> Any:
        return json.loads(self.body)


@dataclass
class JupyterServer:
    """A server on loopback, and whoever talks to it: with its token, with a browser's cookie, or with nothing."""

    port: int
    pid: int
    base = BASE
    secret = TOKEN
    token: dict[str, str] = field(default_factory=lambda: {"Authorization": f"token {TOKEN}"})

    @property
    def host(self) -> str:
        return f"127.0.0.1:{self.port}"

    def ask(self, target: str, headers: dict[str, str] | None = None, method: str = "GET", body: str = "") -> Answer:
        """Send a request whose target is ``target``, byte for byte."""
        connection = http.client.HTTPConnection("127.0.0.1", self.port, timeout=WAIT)
        connection._validate_path = lambda url: None  # so that what no client would send is sent
        try:
            connection.request(method, target, body or None, self.token if headers is None else headers)
            answer = connection.getresponse()
            return Answer(answer.status, answer.headers, answer.read())
        finally:
            connection.close()

    def dashboard(
        self, name: str, path: str = "/", headers: dict[str, str] | None = None, method: str = "GET"
    ) -> Answer:
        """Ask for a page of a dashboard."""
        return self.ask(f"{BASE}proxy/dask-dataproc/{name}{path}", headers, method)

    def cookie(self) -> dict[str, str]:
        """What a browser that has logged in sends."""
        said = self.ask(f"{BASE}lab?token={TOKEN}", {}).headers.get_all("Set-Cookie")
        return {"Cookie": "; ".join(each.partition(";")[0] for each in said or ())}

    async def socket(self, path: str, headers: dict[str, str], **more: Any) -> WebSocketClientConnection:
        """Open a web socket of a dashboard."""
        url = f"ws://{self.host}{BASE}proxy/dask-dataproc{path}"
        return await websocket_connect(HTTPRequest(url, headers=headers, request_timeout=WAIT), **more)


@pytest.fixture(scope="session")
def server(shared_laptop) -> Iterator[JupyterServer]:
    """A Jupyter server with everything that is installed, ours among it."""
    runtime = shared_laptop.folder / "jupyter"
    options = ["--no-browser", "--allow-root", "--port=0", f"--ServerApp.base_url={BASE}"]
    process = subprocess.Popen(
        [sys.executable, "-m", "jupyter_server", *options, f"--IdentityProvider.token={TOKEN}"],
        env=os.environ | shared_laptop.environment | {"JUPYTER_RUNTIME_DIR": str(runtime)},
        cwd=shared_laptop.folder,
        stderr=(shared_laptop.folder / "jupyter.log").open("w"),
    )
    try:
        said = runtime / f"jpserver-{process.pid}.json"
        shared_laptop.until(lambda: said.exists() and said.read_text().endswith("}"), WAIT)
        yield JupyterServer(json.loads(said.read_text())["port"], process.pid)
    finally:
        process.terminate()
        assert process.wait(WAIT) == 0


@pytest.fixture(scope="session")
def cluster(shared_laptop) -> Iterator[DataprocCluster]:
    """A cluster that the server knows."""
    with shared_laptop.here(), DataprocCluster(n_workers=2) as running:
        yield running


@pytest.fixture(scope="session")
def canary() -> Iterator[Canary]:
    """A server that nobody may ask."""
    with Canary() as there:
        yield there


class Canary(http.server.ThreadingHTTPServer):
    """Counts who connects to it, whatever they say then."""

    def __init__(self) -> None:
        self.connections = 0
        super().__init__(("127.0.0.1", 0), http.server.SimpleHTTPRequestHandler)
        self.port = self.server_address[1]
        threading.Thread(target=self.serve_forever, daemon=True).start()

    def verify_request(self, request: Any, client_address: Any) -> bool:
        self.connections += 1
        return False

    def __exit__(self, *error: object) -> None:
        self.shutdown()
        super().__exit__(*error)
