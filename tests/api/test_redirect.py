"""An unmodified client, wired to Google's own host name, redirected by two environment variables and nothing else."""

from __future__ import annotations

import base64
import os
import socket
import ssl
import subprocess
import sys
from urllib.parse import urlsplit

import pytest

PROGRAM = """
import json, sys
from google.api_core.client_options import ClientOptions
from google.auth.credentials import AnonymousCredentials
from google.cloud import dataproc_v1

options = ClientOptions(api_endpoint="us-central1-dataproc.googleapis.com:443")
client = dataproc_v1.ClusterControllerClient(credentials=AnonymousCredentials(), client_options=options)
place = {"project_id": "test-project", "region": "us-central1"}
creation = client.create_cluster(request={**place, "cluster": json.loads(sys.argv[1])}, timeout=30)
print(creation.result(timeout=60).status.state.name)
client.delete_cluster(cluster_name=json.loads(sys.argv[1])["cluster_name"], **place).result(timeout=60)
"""
UNWANTED = {
    "grpc_proxy",
    "http_proxy",
    "https_proxy",
    "no_proxy",
    "no_grpc_proxy",
    "HTTP_PROXY",
    "HTTPS_PROXY",
    "NO_PROXY",
}


@pytest.fixture(scope="module")
def redirected(module_dataproc):
    """An emulator that takes redirected clients in."""
    return module_dataproc("--redirect")


@pytest.fixture
def connect(redirected):
    """``connect(host, token)``: speak to the proxy by hand; return the socket and the status line."""
    opened = []
    proxy = urlsplit(redirected.announcement()["redirect"]["grpc_proxy"])

    def speak(host: str, credentials: str | None = f"{proxy.username}:{proxy.password}", method: str = "CONNECT"):
        connection = socket.create_connection(("127.0.0.1", proxy.port), timeout=10)
        opened.append(connection)
        head = f"{method} {host} HTTP/1.1\r\nHost: {host}\r\n"
        if credentials is not None:
            head += f"Proxy-Authorization: Basic {base64.b64encode(credentials.encode()).decode()}\r\n"
        connection.sendall(f"{head}\r\n".encode())
        return connection, connection.recv(4096).decode().splitlines()[0]

    yield speak
    for connection in opened:
        connection.close()


def test_a_client_of_googles_host_creates_a_cluster_here_by_environment_alone(redirected):
    import json

    redirect = redirected.announcement()["redirect"]
    kept = {key: value for key, value in os.environ.items() if key not in UNWANTED}
    env = kept | {"grpc_proxy": redirect["grpc_proxy"], "GRPC_DEFAULT_SSL_ROOTS_FILE_PATH": redirect["roots"]}
    command = [sys.executable, "-c", PROGRAM, json.dumps(redirected.single())]
    done = subprocess.run(command, env=env, capture_output=True, text=True, timeout=120, check=False)
    assert (done.returncode, done.stdout) == (0, "RUNNING\n"), done.stderr
    assert redirected.names() == []


@pytest.mark.parametrize("credentials", [None, "dataproc:", "dataproc:guess", "other:guess"])
def test_nobody_is_let_in_without_the_token(connect, credentials):
    assert connect("us-central1-dataproc.googleapis.com:443", credentials)[1].split()[1] == "407"


@pytest.mark.parametrize(
    "host",
    [
        "storage.googleapis.com:443",
        "us-central1-dataproc.googleapis.com.evil.example:443",
        "us-central1-dataproc.googleapis.com:22",
        "127.0.0.1:443",
    ],
)
def test_only_dataproc_is_redirected(connect, host):
    assert connect(host)[1].split()[1] == "403"


def test_the_proxy_only_connects(connect):
    assert connect("us-central1-dataproc.googleapis.com:443", method="GET")[1].split()[1] == "403"


def test_the_certificate_is_trusted_by_its_roots_only_and_speaks_h2(redirected, connect):
    context = ssl.create_default_context(cafile=redirected.announcement()["redirect"]["roots"])
    context.set_alpn_protocols(["h2"])
    connection, status = connect("dataproc.googleapis.com:443")
    assert status.split()[1] == "200"
    with context.wrap_socket(connection, server_hostname="europe-west1-dataproc.googleapis.com") as tls:
        assert tls.selected_alpn_protocol() == "h2"
    connection, _ = connect("dataproc.googleapis.com:443")
    with pytest.raises(ssl.SSLCertVerificationError):
        ssl.create_default_context().wrap_socket(connection, server_hostname="dataproc.googleapis.com")


def test_without_the_option_there_is_no_proxy_and_no_key_stays_on_disk(dataproc, redirected):
    assert dataproc.announcement()["redirect"] is None
    files = {path.name: path.read_text() for path in redirected.runtime.iterdir() if path.is_file()}
    assert "roots.pem" in files
    assert not any("PRIVATE KEY" in text for text in files.values())
