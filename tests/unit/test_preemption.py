"""The notice of preemption is heard once, and preempted machines are counted by the hour."""

from __future__ import annotations

from http.server import BaseHTTPRequestHandler, HTTPServer
from threading import Thread

import pytest
from hypothesis import given
from hypothesis import strategies as st

from dask_dataproc.init_actions.preemption import HOUR, Replacements, metadata_server, watch


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


@pytest.mark.parametrize(("answers", "heard"), [([200, b"TRUE"], [1]), ([404, b""], [])])
def test_a_notice_is_acted_on_once_and_none_where_there_is_no_such_thing(answers, heard):
    class Answer(BaseHTTPRequestHandler):
        def do_GET(self) -> None:
            self.send_response(answers[0])
            self.end_headers()
            self.wfile.write(answers[1])

        def log_message(self, *_: object) -> None:
            pass

    acted: list[int] = []
    with HTTPServer(("127.0.0.1", 0), Answer) as server:
        Thread(target=server.serve_forever, daemon=True).start()
        watching = watch(f"http://127.0.0.1:{server.server_port}", lambda: acted.append(1))
        watching.join(10)
        server.shutdown()
    assert not watching.is_alive()
    assert acted == heard


def test_an_emulated_machine_asks_no_metadata_server(monkeypatch):
    monkeypatch.delenv("NODE_METADATA_SERVER", raising=False)
    monkeypatch.setenv("NODE_METADATA", "/node.json")
    assert metadata_server() == ""
