"""The notice of preemption is heard once, and preempted machines are counted by the hour."""

from __future__ import annotations

from collections.abc import Iterator
from contextlib import contextmanager
from http.server import BaseHTTPRequestHandler, HTTPServer
from threading import Thread

import pytest
from hypothesis import given
from hypothesis import strategies as st

from dask_dataproc.init_actions.preemption import HOUR, Replacements, is_preempted, metadata_server, watch


@given(st.lists(st.integers(0, 7200), max_size=30))
def test_replacements_are_counted_over_the_last_hour(steps):
    now, times = 0, []
    replacements = Replacements(lambda: now)
    for step in steps:
        now += step
        times.append(now)
        assert replacements.note() == sum(time > now - HOUR for time in times)
    now += HOUR
    assert replacements.last_hour() == 0


@contextmanager
def answering(status: int, body: bytes) -> Iterator[tuple[HTTPServer, str]]:
    """A metadata server that says one thing; yields it and its URL."""

    class Answer(BaseHTTPRequestHandler):
        def do_GET(self) -> None:
            self.send_response(status)
            self.end_headers()
            self.wfile.write(body)

        def log_message(self, *_: object) -> None:
            pass

    with HTTPServer(("127.0.0.1", 0), Answer) as server:
        Thread(target=server.serve_forever, daemon=True).start()
        yield server, f"http://127.0.0.1:{server.server_port}"


@pytest.mark.parametrize(("status", "body", "heard"), [(200, b"TRUE", [1]), (404, b"", [])])
def test_a_notice_is_acted_on_once_and_none_where_there_is_no_such_thing(status, body, heard):
    acted: list[int] = []
    with answering(status, body) as (server, url):
        watching = watch(url, lambda: acted.append(1))
        watching.join(10)
        server.shutdown()
    assert not watching.is_alive()
    assert acted == heard


@pytest.mark.parametrize(
    ("status", "body", "preempted"), [(200, b"TRUE", True), (200, b"FALSE", False), (404, b"", False)]
)
def test_when_told_to_stop_it_is_asked_whether_there_is_a_notice(status, body, preempted):
    with answering(status, body) as (server, url):
        assert is_preempted(url) is preempted
        server.shutdown()
    assert not is_preempted(url), "nobody answers"
    assert not is_preempted("")


def test_an_emulated_machine_asks_no_metadata_server(monkeypatch):
    monkeypatch.delenv("NODE_METADATA_SERVER", raising=False)
    monkeypatch.setenv("NODE_METADATA", "/node.json")
    assert metadata_server() == ""
