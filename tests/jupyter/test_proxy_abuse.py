"""What the proxy of dashboards refuses: nobody gets through it to anywhere else, and nothing is fetched on the way."""

from __future__ import annotations

import asyncio
import http.server
import socket
import threading
from collections.abc import Iterator
from typing import Any
from urllib.parse import unquote

import pytest
from hypothesis import HealthCheck, given, settings
from hypothesis import strategies as st
from tornado.httpclient import HTTPClientError

REFUSED = {302, 400, 403, 404, 405, 503}
"""302 is the way to the login."""


@pytest.fixture(scope="module")
def canary(new_canary) -> Iterator[Any]:
    """What nobody may ask."""
    with new_canary() as canary:
        yield canary


@pytest.fixture(autouse=True)
def unasked(canary) -> Iterator[None]:
    """Whatever a test does, the canary hears nothing of it."""
    yield
    assert canary.heard == 0


def test_the_canary_would_hear_it(laptop, server, new_canary):
    with new_canary() as other:
        server.ask(f"{server.base}proxy/{other.port}/")  # jupyter-server-proxy's own way to any port
        laptop.until(lambda: other.heard > 0)


@pytest.fixture(scope="module")
def upstream(cluster) -> Iterator[Recorder]:
    """A stand-in for the dashboard of a cluster, which keeps what it is asked."""
    with Recorder() as recorder:
        yield recorder


class Recorder(http.server.ThreadingHTTPServer):
    """Answers with whatever it is told to, and keeps the requests."""

    def __init__(self) -> None:
        self.requests: list[tuple[str, dict[str, str]]] = []
        self.answer: dict[str, str] = {}
        recorder = self

        class Handler(http.server.BaseHTTPRequestHandler):
            def do_GET(self) -> None:
                recorder.requests.append((self.path, {key.lower(): value for key, value in self.headers.items()}))
                self.send_response(302 if "Location" in recorder.answer else 200)
                for key, value in {**recorder.answer, "Content-Length": "2"}.items():
                    self.send_header(key, value)
                self.end_headers()
                self.wfile.write(b"ok")

            def log_message(self, *_: object) -> None:
                pass

        super().__init__(("127.0.0.1", 0), Handler)
        threading.Thread(target=self.serve_forever, daemon=True).start()

    def __exit__(self, *error: object) -> None:
        self.shutdown()
        super().__exit__(*error)


@pytest.fixture
def recorded(made, cluster, upstream) -> Iterator[str]:
    """The name of a cluster whose dashboard is the stand-in: its connection file says so."""
    upstream.requests.clear()
    upstream.answer = {}
    dashboard = f"http://127.0.0.1:{upstream.server_address[1]}"
    with made(dashboard=dashboard) as name:
        yield name


def targets(canary_port: int, name: str) -> list[str]:
    """Ways to say another host, or another port, behind ``proxy/dask-dataproc/``."""
    host = f"127.0.0.1:{canary_port}"
    paths = [
        "",
        "/..",
        "/../..",
        "/%2e%2e",
        "/%2e%2e/%2e%2e",
        "/..%2f..",
        "/%252e%252e",
        "/x/../..",
        "/.",
        "//",
        "/%00",
    ]
    return [
        f"{host}/",
        f"http://{host}/",
        f"http:%2f%2f{host}/",
        f"{name}@{host}/",
        f"{name}:{canary_port}/",
        f"{name}%40{host}/",
        f"{name}%2f..%2f{host}/",
        f"{name}?host={host}",
        f"{name}.evil.example/",
        f"{name.upper()}/status",
        f"{name}%00/status",
        f"{name}%0d%0aHost:%20{host}/",
        f"{name};{host}/status",
        f"{name}\\@{host}/",
        f"{name}/proxy/{canary_port}/127.0.0.1/status",
        f"{name}/%70roxy/{canary_port}/127.0.0.1/",
        f"{name}/PROXY/{canary_port}/127.0.0.1/",
        f"{name}/%2fproxy/{canary_port}/127.0.0.1/",
        f"{name}//{host}/",
        f"{name}/\\{host}/",
        f"{name}/%5c%5c{host}/",
        f"{name}/@{host}/../",
        f"{name}/jupyter/lab",
        f"{name}/status%00",
        f"{name}/status%0d%0aHost:%20{host}",
        f"{name}/sta\u200ctus",
        f"{name}/%c0%ae%c0%ae/%c0%ae%c0%ae",
        f"{name}/\uff0e\uff0e/",
        f"{name}/%uff0e%uff0e/",
        *(f"{name}{path}/proxy/{canary_port}/" for path in paths),
        *(f"{name}{path}/{host}/" for path in paths[1:-2]),
    ]


def test_other_hosts_ports_and_tricks_with_paths_are_refused(server, cluster, canary):
    base = f"{server.base}proxy/dask-dataproc/"
    said = {target: server.ask(base + target).status for target in targets(canary.port, cluster.name)}
    said.pop(f"{cluster.name}?host=127.0.0.1:{canary.port}")  # a redirection to its own status
    assert {target: status for target, status in said.items() if status not in REFUSED} == {}


def test_an_absolute_url_as_target_and_other_hosts_in_the_header_are_refused(server, recorded, canary):
    other = f"127.0.0.1:{canary.port}"
    at = f"{server.base}proxy/dask-dataproc/{recorded}/status"
    assert server.ask(f"http://{other}{at}").status == 404
    assert server.ask(f"http://{other}/").status == 404
    for name in ("evil.example", f"evil.example:{server.port}", "169.254.169.254"):
        assert server.ask(at, server.token | {"Host": name}).status == 403
    for header in ("X-Forwarded-Host", "Forwarded", "X-Forwarded-For", "X-Original-URL", "X-Rewrite-URL"):
        assert server.ask(at, server.token | {header: f"http://{other}/"}).status == 200


TRICKS = (".", "..", "/", "//", "\\", "@", ":", ";", "?", "&", "=", "#", "~", "*", "\u2024", "\uff0f", "status", "info")
CODED = (
    "%2e%2e",
    "%2E.",
    "%252e",
    "%2f",
    "%2F",
    "%5c",
    "%00",
    "%0d%0a",
    "%70roxy",
    "proxy",
    "PROXY",
    "http:",
    "127.0.0.1",
)
PIECES = st.sampled_from(TRICKS + CODED)


@settings(max_examples=150, suppress_health_check=[HealthCheck.function_scoped_fixture])
@given(pieces=st.lists(PIECES, min_size=1, max_size=8), slash=st.sampled_from(["", "/"]))
def test_no_path_asks_anything_but_the_dashboard(server, recorded, upstream, pieces, slash):
    upstream.requests.clear()
    path = (slash + "".join(pieces)).replace("#", "%23")
    answer = server.dashboard(recorded, path)
    if answer.status == 200:
        [(asked, _)] = upstream.requests
        there = asked.partition("?")[0]
        assert there == (path.partition("?")[0] or "/")
        assert not {".", ".."} & set(unquote(there).replace("\\", "/").split("/"))
        assert not unquote(there).lower().startswith(("/proxy/", "//"))
    else:
        assert upstream.requests == []


def test_without_the_token_or_with_a_wrong_one_nothing_of_ours_answers(server, recorded, upstream):
    at = f"{server.base}proxy/dask-dataproc/{recorded}"
    for headers in ({}, {"Authorization": "token wrong"}, {"Cookie": "username-x=y"}):
        for path in (f"{at}/status", f"{at}/status?token=wrong", f"{at}/", at):
            answer = server.ask(path, headers)
            assert answer.status == 302
            assert answer.headers["Location"].startswith(f"{server.base}login?next=")
        assert server.ask(f"{server.base}dask-dataproc/clusters", headers).status == 403
        with pytest.raises(HTTPClientError, match="403"):
            asyncio.run(server.socket(f"/{recorded}/status/ws", headers))
    assert upstream.requests == []


def test_only_looking_is_possible(server, recorded, upstream):
    for method in ("POST", "PUT", "DELETE", "HEAD", "PATCH", "OPTIONS", "TRACE", "CONNECT", "PROPFIND"):
        assert server.dashboard(recorded, "/status", method=method).status in (403, 405), method
    assert upstream.requests == []


def test_a_page_of_another_site_gets_nothing_with_the_users_cookie(server, recorded, upstream):
    cookie = server.cookie()
    assert server.dashboard(recorded, "/status", cookie).status == 200
    here = {"Origin": f"http://{server.host}", "Referer": f"http://{server.host}{server.base}lab"}
    assert server.dashboard(recorded, "/status", cookie | here).status == 200
    upstream.requests.clear()
    others = [
        {"Origin": "http://evil.example"},
        {"Origin": "null"},
        {"Origin": f"http://{server.host}.evil.example"},
        {"Origin": f"http://127.0.0.1:{server.port + 1}"},
        {"Referer": "http://evil.example/"},
        {"Referer": f"http://evil.example/?{server.host}"},
        {"Sec-Fetch-Site": "cross-site"},
        {"Sec-Fetch-Site": "same-site"},
    ]
    for other in others:
        assert server.dashboard(recorded, "/status", cookie | other).status == 403, other
    for origin in [other["Origin"] for other in others if "Origin" in other]:
        with pytest.raises(HTTPClientError, match="403"):
            asyncio.run(server.socket(f"/{recorded}/status/ws", cookie | {"Origin": origin}))
    assert upstream.requests == []


def test_no_cookie_and_no_token_travel_and_none_come_back(server, recorded, upstream):
    upstream.answer = {
        "Set-Cookie": "stolen=1",
        "Access-Control-Allow-Origin": "*",
        "Server": "x",
        "X-Frame-Options": "y",
    }
    sent = server.token | server.cookie() | {"X-XSRFToken": "x", "Proxy-Authorization": "Basic eA==", "X-Secret": "s"}
    answer = server.dashboard(recorded, f"/status?token={server.secret}&theme=dark&%74oken={server.secret}", sent)
    [(path, headers)] = upstream.requests
    assert path == "/status?theme=dark"
    assert set(headers) <= {"host", "connection", "accept", "accept-language", "user-agent", "accept-encoding"}
    assert server.secret not in str(headers)
    assert headers["host"] == f"127.0.0.1:{upstream.server_address[1]}"
    assert {"Set-Cookie", "X-Frame-Options"} & set(answer.headers) == set()
    assert answer.headers["Access-Control-Allow-Origin"] in (None, "")  # Jupyter's own, of a request with a token
    assert "frame-ancestors 'self'" in answer.headers["Content-Security-Policy"]


def test_a_redirection_stays_on_the_dashboard_or_is_refused(server, recorded, upstream, canary):
    here = f"{server.base}proxy/dask-dataproc/{recorded}"
    own = f"http://127.0.0.1:{upstream.server_address[1]}"
    for location, wanted in [("/status", "/status"), ("info/main", "/a/info/main"), (f"{own}/x?y=1", "/x?y=1")]:
        upstream.answer = {"Location": location}
        answer = server.dashboard(recorded, "/a/b")
        assert (answer.status, answer.headers["Location"]) == (302, here + wanted)
    other = f"127.0.0.1:{canary.port}"
    hosts = [f"http://{other}/", f"//{other}/", f"/\\{other}", f"https:{other}", f"{own}@{other}/", f"{own}.example/"]
    paths = ["/../../lab", "../../../lab", "/%2e%2e/x", "javascript:alert(1)//", f"/proxy/{canary.port}/127.0.0.1/"]
    for location in hosts + paths:
        upstream.answer = {"Location": location}
        answer = server.dashboard(recorded, "/a/b")
        assert (answer.status, "Location" in answer.headers) == (403, False), location


def test_a_cluster_whose_keys_lie_elsewhere_is_not_looked_for_there(server, made, canary):
    for staging in (
        f"http://127.0.0.1:{canary.port}/",
        f"https://127.0.0.1:{canary.port}",
        f"ftp://127.0.0.1:{canary.port}/",
    ):
        with made(staging=staging) as name:
            answer = server.dashboard(name, "/status")
            assert (answer.status, "allowed is gs://" in answer.text) == (403, True)


@pytest.mark.parametrize(
    "dashboard", ["http://169.254.169.254:80", "http://10.0.0.1:80", "file:///etc/passwd", "https://x@127.0.0.1:1"]
)
def test_a_cluster_that_says_its_dashboard_is_elsewhere_is_not_believed(server, made, cluster, dashboard):
    with made(dashboard=dashboard) as name:
        assert server.dashboard(name, "/status").status == 403


def test_a_colleagues_cluster_that_is_not_shared_is_unknown(server, made):
    with made(owner="bo") as name:
        assert server.dashboard(name, "/status").status == 404


def test_nothing_is_smuggled_behind_a_request(server, recorded, upstream):
    at = f"{server.base}proxy/dask-dataproc/{recorded}/status"
    inner = "GET /smuggled HTTP/1.1\r\nHost: x\r\n\r\n"
    auth = f"Host: {server.host}\r\nAuthorization: token {server.secret}\r\n"
    chunks = f"{len(inner):x}\r\n{inner}\r\n0\r\n\r\n"
    web_socket = "Upgrade: websocket\r\nSec-WebSocket-Key: eHh4eHh4eHh4eHh4eHh4eA==\r\n"
    tricks = [
        f"Upgrade: h2c\r\nConnection: Upgrade, HTTP2-Settings\r\nHTTP2-Settings: AAMAAABkAAQAAP__\r\n\r\n{inner}",
        f"Content-Length: {len(inner)}\r\n\r\n{inner}",
        f"Transfer-Encoding: chunked\r\n\r\n{chunks}",
        f"Transfer-Encoding: chunked\r\nContent-Length: 4\r\n\r\n{chunks}",
        f"{web_socket}Sec-WebSocket-Version: 13\r\n\r\n{inner}",
        f"{web_socket}Connection: Upgrade\r\nSec-WebSocket-Version: 999\r\n\r\n{inner}",
    ]
    for trick in tricks:
        with socket.create_connection(("127.0.0.1", server.port), timeout=30) as line:
            line.sendall(f"GET {at} HTTP/1.1\r\n{auth}{trick}".encode())
            line.shutdown(socket.SHUT_WR)
            while line.recv(65536):
                pass
    assert {path for path, _ in upstream.requests} <= {"/status"}
    passed = {header for _, headers in upstream.requests for header in headers}
    assert not passed & {"upgrade", "http2-settings", "content-length", "transfer-encoding"}
