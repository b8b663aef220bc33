"""A real Jupyter server on a laptop, with a prefix and a token, asked as dask-labextension's front end asks it."""

from __future__ import annotations

import contextlib
import json
import os
import secrets
import signal
import socket
import subprocess
import sys
import time
import urllib.error
import urllib.request
from collections.abc import Callable, Iterator
from pathlib import Path
from typing import Any

PREFIX = "/hub/ana/"
READY = 120.0
UNCONCERNED = ("jupyter_lsp", "jupyter_server_terminals", "jupyterlab", "notebook", "notebook_shim")
"""Extensions that are not loaded, to be quick."""


class Refused(Exception):
    """An answer that the front end shows in a dialog: its status, and the one line of it."""

    def __init__(self, status: int, message: str):
        super().__init__(message)
        self.status = status


class SidebarServer:
    """A ``jupyter server`` of its own, with the extensions that the environment has switched on.

    Parameters
    ----------
    laptop : Laptop
        Whose folders and settings it has.
    settings : mapping
        More of its environment.
    """

    def __init__(self, laptop: Any, settings: dict[str, str] | None = None):
        self.laptop, self.token = laptop, secrets.token_hex(16)
        self._environment = os.environ | laptop.environment | {"JUPYTER_TOKEN": self.token} | (settings or {})
        self.log = laptop.folder / f"server-{self.token}.log"
        self.launch()

    def launch(self) -> None:
        """Start it, and wait for nothing; see `answers`."""
        port = _free_port()
        self.url = f"http://127.0.0.1:{port}{PREFIX}"
        options = [
            "--ServerApp.ip=127.0.0.1",
            f"--ServerApp.port={port}",
            "--ServerApp.port_retries=0",
            f"--ServerApp.base_url={PREFIX}",
            f"--ServerApp.root_dir={self.laptop.folder}",
            "--no-browser",
            *(f"--ServerApp.jpserver_extensions={extension}=False" for extension in UNCONCERNED),
            *(["--allow-root"] if os.getuid() == 0 else []),
        ]
        with self.log.open("ab") as log:
            self.process = subprocess.Popen(
                [sys.executable, "-m", "jupyter_server", *options], env=self._environment, stdout=log, stderr=log
            )

    def answers(self) -> None:
        """Wait until it answers."""
        self.until(self._answers, timeout=READY)

    def kill(self) -> None:
        """End it as the operating system does when memory is short."""
        self.process.kill()
        self.process.wait(10)

    def stop(self, signal_number: int = signal.SIGTERM) -> float:
        """End it in order, and return the seconds that took."""
        begun = time.monotonic()
        self.process.send_signal(signal_number)
        self.process.wait(20)
        return time.monotonic() - begun

    # -- what the front end does

    def listed(self) -> list[dict[str, Any]]:
        """The models of the lines, as the front end's poll gets them."""
        return self.ask("GET")

    def line(self, name: str) -> dict[str, Any] | None:
        """The line whose text begins with the cluster's ``name``, if there is one."""
        found = [model for model in self.listed() if model["name"].split(" · ")[0] == name]
        assert len(found) <= 1, f"twins: {found}"
        return found[0] if found else None

    def new(self) -> dict[str, Any]:
        """Press NEW, and return the line of the list that the front end reads next."""
        made = self.ask("PUT")
        return next(model for model in self.listed() if model["id"] == made["id"])

    def by_id(self, line: str) -> dict[str, Any] | None:
        """The line with that id, if it is listed."""
        return next((model for model in self.listed() if model["id"] == line), None)

    def ready(self, line: str) -> dict[str, Any]:
        """The model of ``line`` once its cluster is ready."""

        def found() -> dict[str, Any] | None:
            model = self.by_id(line)
            assert model is not None, "no such line"
            assert "failed" not in model["name"], model
            return model if " · " not in model["name"] and model["workers"] else None

        return self.until(found)

    def plots(self, model: dict[str, Any]) -> tuple[int, bytes]:
        """What is answered to whom looks for plots behind a line's dashboard: status and body."""
        link = model["dashboard_link"].removesuffix("status") + "individual-plots.json"
        headers = {"Authorization": f"token {self.token}"}
        request = urllib.request.Request(self.url.removesuffix(PREFIX) + link, headers=headers)
        with urllib.request.urlopen(request, timeout=60) as answer:
            return answer.status, answer.read()

    def scale(self, line: str, n: int) -> dict[str, Any]:
        """Press SCALE."""
        return self.ask("PATCH", f"/{line}", {"workers": n})

    def adapt(self, line: str, minimum: int, maximum: int) -> dict[str, Any]:
        """Press SCALE with adaptive scaling."""
        return self.ask("PATCH", f"/{line}", {"adapt": {"minimum": minimum, "maximum": maximum}})

    def shutdown(self, line: str) -> None:
        """Press SHUTDOWN."""
        self.ask("DELETE", f"/{line}")

    def ask(self, method: str, path: str = "", body: Any = None, timeout: float = 60.0) -> Any:
        """Return what ``dask/clusters`` answers.

        Raises
        ------
        Refused
            It has another status than 200 or 204.
        """
        data = None if body is None else json.dumps(body).encode()
        headers = {"Authorization": f"token {self.token}", "Content-Type": "application/json"}
        request = urllib.request.Request(f"{self.url}dask/clusters{path}", data, headers, method=method)
        try:
            with urllib.request.urlopen(request, timeout=timeout) as answer:
                said = answer.read()
        except urllib.error.HTTPError as error:
            raise Refused(error.code, json.loads(error.read())["message"]) from None
        return json.loads(said) if said else None

    def until(self, holds: Callable[[], Any], timeout: float = 30.0) -> Any:
        """Return what ``holds()`` returns once that is true; fail, with the server's log, if it never is."""
        end = time.monotonic() + timeout
        while not (value := holds()):
            assert time.monotonic() < end, f"not so after {timeout} s\n{self.log.read_text()}"
            assert self.process.poll() is None, f"the server has ended\n{self.log.read_text()}"
            time.sleep(0.05)
        return value

    def _answers(self) -> bool:
        with contextlib.suppress(OSError):
            self.listed()
            return True
        return False


@contextlib.contextmanager
def sidebar_server(laptop: Any, settings: dict[str, str] | None = None) -> Iterator[SidebarServer]:
    """Have a server that answers, and is ended; its clusters are to be deleted by whoever made them."""
    with ended(SidebarServer(laptop, settings)) as server:
        server.answers()
        yield server


@contextlib.contextmanager
def ended(server: SidebarServer) -> Iterator[SidebarServer]:
    """Leave ``server`` ended, whatever happens."""
    try:
        yield server
    finally:
        if server.process.poll() is None:
            server.process.kill()
            server.process.wait(10)


def records(laptop: Any) -> list[dict[str, Any]]:
    """What servers have left on disk of the clusters that they made."""
    return [json.loads(path.read_text()) for path in Path(laptop.state / "sidebar").glob("*.json")]


def _free_port() -> int:
    with socket.socket() as probe:
        probe.bind(("127.0.0.1", 0))
        return probe.getsockname()[1]
