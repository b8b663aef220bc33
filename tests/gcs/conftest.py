"""A real object store on loopback: fake-gcs-server, which speaks Google Cloud Storage's own API."""

from __future__ import annotations

import socket
import subprocess
import time
import uuid
from collections.abc import Iterator
from pathlib import Path

import pytest
import requests

SERVER = Path(__file__).parents[2] / "build" / "bin" / "fake-gcs-server"


@pytest.fixture(scope="session")
def gcs_log(tmp_path_factory: pytest.TempPathFactory) -> Path:
    """The file in which the server notes each request."""
    return tmp_path_factory.mktemp("gcs") / "log.txt"


@pytest.fixture(scope="session")
def gcs_url(gcs_log: Path) -> Iterator[str]:
    if not SERVER.exists():
        pytest.fail("fake-gcs-server is not installed: bash tests/gcs/setup.sh", pytrace=False)
    port = _free_port()
    url, host = f"http://127.0.0.1:{port}", f"127.0.0.1:{port}"
    place = ["-scheme", "http", "-host", "127.0.0.1", "-port", str(port), "-public-host", host, "-external-url", url]
    with gcs_log.open("w") as file:
        server = subprocess.Popen([SERVER, "-backend", "memory", *place], stdout=file, stderr=file)
    try:
        _wait(server, port, gcs_log)
        yield url
    finally:
        server.terminate()
        server.wait(10)


@pytest.fixture
def gcs(gcs_url: str, monkeypatch: pytest.MonkeyPatch) -> str:
    """Return a new bucket's URL, ``gs://…``; storage clients of this process and of its kernels are led to it."""
    monkeypatch.setenv("STORAGE_EMULATOR_HOST", gcs_url)
    bucket = f"test-{uuid.uuid4().hex[:12]}"
    requests.post(f"{gcs_url}/storage/v1/b?project=test", json={"name": bucket}, timeout=10).raise_for_status()
    return f"gs://{bucket}"


def _free_port() -> int:
    with socket.socket() as probe:
        probe.bind(("127.0.0.1", 0))
        return probe.getsockname()[1]


def _wait(server: subprocess.Popen[bytes], port: int, log: Path, timeout: float = 20.0) -> None:
    end = time.monotonic() + timeout
    while server.poll() is None and time.monotonic() < end:
        try:
            socket.create_connection(("127.0.0.1", port), timeout=1).close()
            return
        except OSError:
            time.sleep(0.02)
    pytest.fail(f"fake-gcs-server does not listen: {log.read_text()}", pytrace=False)
