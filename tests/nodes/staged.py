"""What the notebook's side puts into staging for the nodes, made small: a lock, and wheels of a few bytes."""

from __future__ import annotations

import base64
import contextlib
import hashlib
import io
import json
import threading
import zipfile
from collections.abc import Iterator
from http.server import BaseHTTPRequestHandler, ThreadingHTTPServer
from pathlib import Path
from typing import Any

import requests
from uv import find_uv_bin

from dask_dataproc.clusters.staging import node_archive

SEEN = ("Content-Type", "Content-Length")


def wheel(name: str, version: str) -> tuple[str, bytes]:
    """A pure wheel of one module, and its file name."""
    info = f"{name}-{version}.dist-info"
    files = {
        f"{name}.py": f"version = '{version}'\n",
        f"{info}/METADATA": f"Metadata-Version: 2.1\nName: {name}\nVersion: {version}\n",
        f"{info}/WHEEL": "Wheel-Version: 1.0\nGenerator: tests\nRoot-Is-Purelib: true\nTag: py3-none-any\n",
    }
    lines = []
    for path, text in files.items():
        digest = base64.urlsafe_b64encode(hashlib.sha256(text.encode()).digest()).decode().rstrip("=")
        lines.append(f"{path},sha256={digest},{len(text)}\n")
    files[f"{info}/RECORD"] = "".join([*lines, f"{info}/RECORD,,\n"])
    packed = io.BytesIO()
    with zipfile.ZipFile(packed, "w") as archive:
        for path, text in files.items():
            archive.writestr(path, text)
    return f"{name}-{version}-py3-none-any.whl", packed.getvalue()


class Staging:
    """A staging folder in a bucket of the lab's Cloud Storage server."""

    def __init__(self, lab: Any, bucket: str) -> None:
        self.lab, self.bucket, self.nodes = lab, bucket, f"gs://{bucket}/dask/nodes/1.0"
        for name, content in node_archive().items():
            lab.put(bucket, f"dask/nodes/1.0/{name}", content)
        lab.put(bucket, "dask/nodes/1.0/uv-linux-x86_64", Path(find_uv_bin()).read_bytes())

    def environment(self, key: str, packages: dict[str, str], extra: str = "", **about: Any) -> str:
        """Stage an environment of wheels, and ``extra`` lines of its lock; return its URL."""
        folder, lines = f"dask/environments/{key}", []
        for name, version in packages.items():
            file, content = wheel(name, version)
            self.lab.put(self.bucket, f"{folder}/wheels/{file}", content)
            lines.append(f"./wheels/{file}\n")
        self.lab.put(self.bucket, f"{folder}/requirements.txt", "".join(lines) + extra)
        said = {"key": key, "python": "3.11", "platform": "linux-x86_64", "packages": len(packages)}
        self.lab.put(self.bucket, f"{folder}/about.json", json.dumps(said | about))
        return f"gs://{self.bucket}/{folder}"

    def names(self, environment: str) -> list[str]:
        """The objects of an environment, without its wheels."""
        prefix = environment.removeprefix(f"gs://{self.bucket}/") + "/"
        listed = requests.get(f"{self.lab.storage}/storage/v1/b/{self.bucket}/o", params={"prefix": prefix}, timeout=30)
        names = (item["name"].removeprefix(prefix) for item in listed.json().get("items", []))
        return sorted(name for name in names if not name.startswith("wheels/"))

    def archive(self, environment: str) -> str:
        """The name of its archive, ``dask/environments/…`` in the bucket."""
        known = json.loads(self.lab.get(f"{environment}/environment.json"))
        return f"{environment.removeprefix(f'gs://{self.bucket}/')}/{known['archive']}"


@contextlib.contextmanager
def cutting(lab: Any, times: int) -> Iterator[tuple[str, list[str]]]:
    """A way to the lab's Cloud Storage that breaks off the first ``times`` downloads of an archive halfway.

    Yields its URL, and a list of what it has cut.
    """
    cut: list[str] = []

    class Forward(BaseHTTPRequestHandler):
        def forward(self) -> None:
            size = int(self.headers.get("Content-Length", 0))
            headers = {name: self.headers[name] for name in SEEN if name in self.headers}
            answer = requests.request(
                self.command, f"{lab.storage}{self.path}", data=self.rfile.read(size), headers=headers, timeout=60
            )
            self.send_response(answer.status_code)
            self.send_header("Content-Length", str(len(answer.content)))
            self.end_headers()
            content = answer.content
            if self.command == "GET" and ".tar." in self.path and len(cut) < times:
                cut.append(self.path)
                content = content[: len(content) // 2]
            self.wfile.write(content)
            self.close_connection = True

        do_GET = do_POST = do_PUT = do_DELETE = forward

        def log_message(self, *_: object) -> None:
            pass

    with ThreadingHTTPServer((lab.host, 0), Forward) as server:
        serving = threading.Thread(target=server.serve_forever)
        serving.start()
        try:
            yield f"http://{lab.host}:{server.server_port}", cut
        finally:
            server.shutdown()
            serving.join()
