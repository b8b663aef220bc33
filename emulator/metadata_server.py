"""Compute Engine's metadata server for the nodes of a lab: who asks is known by the address; PUT tells the emulator.

A process of the lab's network namespace, which it holds. What it answers is in a file for each address, read at each
request, so that whoever changes the file changes the metadata. Two keys of such a file make the server misbehave:
``slow``, the seconds each answer takes, and ``refuse``, how many requests are first answered 503.
"""

from __future__ import annotations

import argparse
import contextlib
import hashlib
import json
import os
import socket
import socketserver
import threading
import time
from collections import Counter
from http.server import BaseHTTPRequestHandler, ThreadingHTTPServer
from pathlib import Path
from typing import Any, ClassVar
from urllib.parse import parse_qs, urlsplit

ADDRESS = ("169.254.169.254", 80)
ROOT = "/computeMetadata/v1/"
STATE = "instance/guest-attributes/dataproc/state"
"""Where a node's agent says that it is ready, or what failed."""
POLL = 0.05
"""Seconds between two looks at a file somebody waits for."""
ORPHAN = 900.0
"""Seconds that a lab goes on with no emulator: long enough for it to be started again and adopt the nodes."""


class Handler(BaseHTTPRequestHandler):
    """Answers one node's requests."""

    protocol_version = "HTTP/1.1"
    nodes: ClassVar[Path]
    notify: ClassVar[str]
    refused: ClassVar[Counter[str]] = Counter()

    def do_GET(self) -> None:
        """Answer a question, at once or when the answer changes."""
        url = urlsplit(self.path)
        path, query = url.path.removeprefix(ROOT), {k: v[-1] for k, v in parse_qs(url.query).items()}
        if self._is_fit(url.path):
            if query.get("wait_for_change") == "true":
                self._wait(path, query)
            self._answer(*_look_up(self._node(), path, query.get("recursive") == "true"))

    def do_PUT(self) -> None:
        """Take a guest attribute; the agent's state goes to the emulator, 503 if there is none now."""
        text = self.rfile.read(int(self.headers.get("Content-Length", 0))).decode()
        path = self.path.removeprefix(ROOT)
        if not self._is_fit(self.path):
            return
        if path != STATE:
            self._answer(404, f"only {STATE} is written here")
            return
        try:
            with socket.socket(socket.AF_UNIX, socket.SOCK_DGRAM) as out:
                out.sendto(f"{text}\nX_VM={self._node()['vm']}\n".encode(), self.notify)
        except OSError as error:
            self._answer(503, str(error))
        else:
            self._answer(200, "")

    def log_message(self, format: str, *args: Any) -> None:
        """Say nothing of each request."""

    def _is_fit(self, path: str) -> bool:
        node = self._node()
        if not node or not path.startswith(ROOT):
            self._answer(404, "not found")
        elif self.headers.get("Metadata-Flavor") != "Google":
            self._answer(403, "Missing Metadata-Flavor:Google header.")
        elif self.refused[node["vm"]] < node.get("refuse", 0):
            self.refused[node["vm"]] += 1
            self._answer(503, "try again later")
        else:
            time.sleep(node.get("slow", 0))
            return True
        return False

    def _node(self) -> dict[str, Any]:
        try:
            return json.loads((self.nodes / f"{self.client_address[0]}.json").read_text())
        except FileNotFoundError:
            return {}

    def _wait(self, path: str, query: dict[str, str]) -> None:
        """Return when what is asked for is other than it was, or when the client's time is over."""
        recursive = query.get("recursive") == "true"
        before = query.get("last_etag") or _etag(_look_up(self._node(), path, recursive)[1])
        end = time.monotonic() + float(query.get("timeout_sec", "inf"))
        while time.monotonic() < end and _etag(_look_up(self._node(), path, recursive)[1]) == before:
            time.sleep(POLL)

    def _answer(self, status: int, text: str, kind: str = "application/text") -> None:
        body = text.encode()
        self.send_response(status)
        for name, value in (("Metadata-Flavor", "Google"), ("Content-Type", kind), ("ETag", _etag(text))):
            self.send_header(name, value)
        self.send_header("Content-Length", str(len(body)))
        self.end_headers()
        self.wfile.write(body)


class Server(ThreadingHTTPServer):
    """The server; it does not look its own name up, which would take seconds without a resolver."""

    daemon_threads = True

    def server_bind(self) -> None:
        """Bind, and take the address for the name."""
        socketserver.TCPServer.server_bind(self)
        self.server_name, self.server_port = ADDRESS


def _look_up(node: dict[str, Any], path: str, recursive: bool) -> tuple[int, str, str]:
    """Return status, text and type of what there is at ``path``: a value, or a folder's names or contents."""
    found: Any = node.get("metadata", {})
    for key in filter(None, path.split("/")):
        if not isinstance(found, dict) or key not in found:
            return 404, "not found", "application/text"
        found = found[key]
    if isinstance(found, str):
        return 200, found, "application/text"
    if recursive or path.endswith("/token"):
        return 200, json.dumps(found), "application/json"
    return (
        200,
        "".join(f"{key}/\n" if isinstance(v, dict) else f"{key}\n" for key, v in found.items()),
        "application/text",
    )


def _etag(text: str) -> str:
    return hashlib.sha256(text.encode()).hexdigest()[:16]


def _tell(notify: str) -> None:
    """Say that the lab is ready."""
    with contextlib.suppress(OSError), socket.socket(socket.AF_UNIX, socket.SOCK_DGRAM) as out:
        out.sendto(b"READY=1\nX_VM=lab\n", notify)


def _end_as_orphan(emulator: str) -> None:
    """End the process, and with it the lab and its nodes, when no emulator has listened for `ORPHAN` seconds."""
    last = time.monotonic()
    while time.monotonic() - last < ORPHAN:
        time.sleep(ORPHAN / 30)
        with contextlib.suppress(OSError), socket.socket(socket.AF_UNIX) as probe:
            probe.connect(emulator)
            last = time.monotonic()
    os._exit(0)


def main() -> None:
    """Serve until killed, or until there is no emulator any more."""
    parser = argparse.ArgumentParser(prog="python -m dask_dataproc.emulator.metadata_server", description=__doc__)
    parser.add_argument("nodes", type=Path, help="folder of a file for each address")
    parser.add_argument("notify", help="the emulator's datagram socket")
    parser.add_argument("emulator", help="the emulator's own socket")
    given = parser.parse_args()
    Handler.nodes, Handler.notify = given.nodes, given.notify
    server = Server(ADDRESS, Handler)
    threading.Thread(target=_end_as_orphan, args=(given.emulator,), daemon=True).start()
    _tell(given.notify)
    server.serve_forever()


if __name__ == "__main__":
    main()
