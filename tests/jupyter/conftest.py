"""A real Jupyter server on a laptop, behind a token and a base_url; a cluster it knows; a canary nobody may ask."""

from __future__ import annotations

import contextlib
import functools
import http.client
import http.server
import json
import os
import random
import subprocess
import sys
import threading
import uuid
from collections.abc import Callable, Iterator
from dataclasses import dataclass, field
from typing import Any

import psutil
import pytest
from tornado.httpclient import HTTPRequest
from tornado.websocket import WebSocketClientConnection, websocket_connect

from dask_dataproc import DataprocCluster
from dask_dataproc.clusters.config import user
from dask_dataproc.clusters.dataproc_config import MARK
from dask_dataproc.clusters.labels import OWNER
from dask_dataproc.clusters.service import Service, new_request_id
from dask_dataproc.clusters.spec import ClusterSpec
from dask_dataproc.clusters.sync import run

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


class Careless(http.client.HTTPConnection):
    """Sends what no client should."""

    def _validate_path(self, url: str) -> None: ...

    def _encode_request(self, request: str) -> bytes:
        return request.encode()


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
        connection = Careless("127.0.0.1", self.port, timeout=WAIT)
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


@pytest.fixture(scope="module")
def server(shared_laptop) -> Iterator[JupyterServer]:
    """A Jupyter server with everything that is installed, ours among it."""
    runtime, programs = shared_laptop.folder / "jupyter", shared_laptop.folder / "bin"
    options = ["--no-browser", "--allow-root", "--port=0", f"--ServerApp.base_url={BASE}"]
    process = subprocess.Popen(
        [sys.executable, "-m", "jupyter_server", *options, f"--IdentityProvider.token={TOKEN}"],
        env=os.environ | shared_laptop.environment | {"JUPYTER_RUNTIME_DIR": str(runtime), "PATH": str(programs)},
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


@pytest.fixture(scope="module")
def cluster(shared_laptop) -> Iterator[DataprocCluster]:
    """A cluster that the server knows."""
    with shared_laptop.here(), DataprocCluster(n_workers=2) as running:
        yield running


QUIET = range(20_000, 30_000)
"""Ports that no system gives to who asks for any: nobody comes there looking for a cluster that has gone."""


class Canary(http.server.ThreadingHTTPServer):
    """Counts connections, whatever is said then, but for those that another process is seen to hold."""

    def __init__(self, watched: int) -> None:
        self.heard = 0
        self._watched = watched
        while not hasattr(self, "port"):
            port = random.choice(QUIET)
            with contextlib.suppress(OSError):  # somebody's
                super().__init__(("127.0.0.1", port), http.server.SimpleHTTPRequestHandler)
                self.port = port
        threading.Thread(target=self.serve_forever, daemon=True).start()

    def verify_request(self, request: Any, client_address: Any) -> bool:
        port = client_address[1]
        others = (each.pid for each in psutil.net_connections("tcp") if each.laddr and each.laddr.port == port)
        self.heard += all(pid in (None, self._watched) for pid in others)
        return False

    def __exit__(self, *error: object) -> None:
        self.shutdown()
        super().__exit__(*error)


@pytest.fixture(scope="module")
def new_canary(server) -> Callable[[], Canary]:
    """Makes canaries: ``with new_canary() as canary``. Each hears the Jupyter server and nobody else."""
    return functools.partial(Canary, server.pid)


@pytest.fixture
def made(laptop) -> Callable[..., Any]:
    """Makes clusters as somebody else's client might, for the time of a ``with``; it gives their names."""
    return functools.partial(_made, laptop)


@contextlib.contextmanager
def _made(laptop: Any, *, staging: str = "", dashboard: str = "", owner: str = "", like: str = "*") -> Iterator[str]:
    """A cluster without a head of ours, as somebody else's client might make it, with the keys of ``like``."""
    name = f"t-{uuid.uuid4().hex[:8]}"
    elsewhere = f"file://{laptop.folder}/elsewhere"
    spec = ClusterSpec(name=name, project="local", workers=0, staging=staging or elsewhere)
    cluster = spec.to_dataproc()
    cluster["labels"] = {MARK: "standalone", OWNER: owner or user()}

    async def create() -> str:
        async with Service("local", "us-central1") as service:
            return (await service.create(cluster, new_request_id())).cluster_uuid

    async def remove() -> None:
        async with Service("local", "us-central1") as service:
            await service.remove(await service.get(name))

    with laptop.here():
        cluster_uuid = run(create())
        if dashboard:
            folder = laptop.folder / "elsewhere" / "clusters" / cluster_uuid
            keys = json.loads(next(laptop.state.glob(f"staging/clusters/{like}/connection.json")).read_text())
            laptop.until(lambda: (folder / "connection.json").exists())
            (folder / "connection.json").write_text(json.dumps(keys | {"dashboard": dashboard}))
        yield name
        run(remove())
