"""The ledger holds where it has to: many processes at once, SIGKILL at every step, answers that are lost or refused."""

from __future__ import annotations

import asyncio
import http.client
import http.server
import importlib.util
import itertools
import json
import re
import subprocess
import sys
import threading
from collections.abc import Iterator
from pathlib import Path
from types import ModuleType
from typing import Any
from urllib.parse import urlsplit

import fsspec
import pytest
import requests

from dask_dataproc import ConfigError, WaitTimeout
from dask_dataproc.clusters import store, store_bucket
from dask_dataproc.clusters.clock import Clock
from dask_dataproc.clusters.ledger import Ledger

HERE = Path(__file__).parent
BENCHMARKS = HERE.parents[1] / "benchmarks"


def loaded(path: Path) -> ModuleType:
    spec = importlib.util.spec_from_file_location(path.stem, path)
    assert spec is not None
    assert spec.loader is not None
    module = importlib.util.module_from_spec(spec)
    spec.loader.exec_module(module)
    return module


crowds, killed = loaded(BENCHMARKS / "ledger_crowd.py"), loaded(HERE / "ledger_killed.py")
NOW, LEASE = killed.NOW, killed.LEASE


@pytest.fixture(params=["folder", "bucket"])
def url(request, tmp_path, gcs, gcs_url) -> str:
    """Where a ledger may lie; the bucket keeps every version of its objects."""
    if request.param == "folder":
        return str(tmp_path)
    versioned = {"versioning": {"enabled": True}}
    requests.patch(f"{gcs_url}/storage/v1/b/{gcs.removeprefix('gs://')}", json=versioned, timeout=10).raise_for_status()
    fsspec.get_filesystem_class("gs").clear_instance_cache()
    return f"{gcs}/ledger"


def ran(script: Path, *given: object) -> list[str]:
    command = [sys.executable, script, *map(str, given)]
    done = subprocess.run(command, capture_output=True, text=True, timeout=120)
    assert done.returncode == 0, done.stderr
    return done.stdout.splitlines()


def test_no_quota_is_exceeded_and_nothing_lost_by_many_processes_at_once(url):
    (line,) = ran(BENCHMARKS / "ledger_crowd.py", url, "--processes", 8, "--reservations", 15)
    told = json.loads(line)
    assert told["wrong"] == []
    assert len(told["reserved"]) == 8 * 15
    assert told["writes"] >= 5 * 8 * 15
    assert told["beaten"] > 0 or "://" not in url  # somebody was in somebody's way; in a folder they wait instead


def state(*held: str, ended: str = "", spent: float = 0.0) -> dict[str, Any]:
    """Return an account that holds the clusters ``held``, and where those of ``ended`` have been paid."""
    reservations = {key: {"uuid": key} for key in held}
    return {"reservations": reservations, "ended": dict.fromkeys(ended, 1.0), "spent": {"2026-09-21": {"etl": spent}}}


RIGHT = [state("a"), state("a", "b"), state("b", ended="a", spent=1.0), state(ended="ab", spent=2.0)]
SPOILT = {
    "at once, 2 allowed": [*RIGHT[:2], state("a", "b", "c"), state("a", "b", ended="c", spent=1.0), *RIGHT[2:]],
    r"\['a'\] gone and \[\] spent": [*RIGHT[:2], state("b"), state(ended="b", spent=2.0)],
    r"\['a', 'b'\] at once": [RIGHT[0], state("b"), state(ended="b", spent=2.0)],
    r"\['a'\] twice": [*RIGHT, state("a", ended="ab", spent=2.0), RIGHT[-1]],
    "2 clusters, 1 USD spent": [*RIGHT[:3], state(ended="ab", spent=1.0)],
    r"left with \['b'\]": RIGHT[:3],
}


@pytest.mark.parametrize("what", SPOILT)
def test_the_look_at_every_state_sees_what_could_go_wrong(what):
    assert crowds.wrong([("ana.json", each) for each in RIGHT], {"ana": 2}) == []
    found = crowds.wrong([("ana.json", each) for each in SPOILT[what]], {"ana": 2})
    assert [text for text in found if re.search(what, text)]


def test_a_process_killed_at_any_step_blocks_nobody_hides_nothing_and_is_billed_once(url):
    where = ran(HERE / "ledger_killed.py", url)
    assert where[-1] == "done"
    assert len(where) > 20
    for step in range(len(where)):
        asyncio.run(recover(f"{url}/{step}"))


async def recover(url: str) -> None:
    at_once, later = Ledger(url, Clock(NOW, scale=0)), Ledger(url, Clock(NOW + LEASE, scale=0))
    held, pooled = (await at_once.read("ana")).reservations, (await at_once.pool()).reservations
    assert len(held) <= 1
    assert set(pooled) <= {f"ana/{killed.KEY}"}
    assert not (await later.read("ana")).reservations  # after a lease there is room again, for each and for all
    assert not (await later.pool()).reservations
    account = await killed.live(at_once)  # the same request, again
    assert account.spent_in("2026-09", NOW) == pytest.approx(1.0)
    assert not (await at_once.pool()).reservations
    await later.reserve("ana", killed.wanted("another", NOW + LEASE), killed.alone, killed.alone)


class Road(http.server.ThreadingHTTPServer):
    """Leads to the store; what it does to the next uploads is in ``fates``: lost, busy or slow, else nothing."""

    def __init__(self, to: str):
        super().__init__(("127.0.0.1", 0), Passing)
        self.to, self.fates, self.uploads = to, [], 0
        self.ended = threading.Event()


class Passing(http.server.BaseHTTPRequestHandler):
    protocol_version = "HTTP/1.1"
    server: Road

    def do_GET(self) -> None:
        self._pass(b"")

    def do_POST(self) -> None:
        body = self.rfile.read(int(self.headers["Content-Length"]))
        self.server.uploads += 1
        match self.server.fates.pop(0) if self.server.fates else "":
            case "busy":
                told = b'{"error": {"code": 429, "message": "the object exceeds the rate limit for changes"}}'
                return self._answer(429, told, {})
            case "lost":
                self._forward(body)
                self.close_connection = True
                return self.connection.close()
            case "slow":
                self.server.ended.wait(30)
        return self._pass(body)

    def _pass(self, body: bytes) -> None:
        answer = self._forward(body)
        self._answer(answer.status, answer.read(), dict(answer.getheaders()))

    def _forward(self, body: bytes) -> http.client.HTTPResponse:
        there = http.client.HTTPConnection(urlsplit(self.server.to).netloc)
        there.request(self.command, self.path, body, {"Content-Type": self.headers.get("Content-Type", "")})
        return there.getresponse()

    def _answer(self, status: int, body: bytes, headers: dict[str, str]) -> None:
        self.send_response(status)
        for name, value in headers.items():
            if name.lower() not in ("content-length", "transfer-encoding", "connection", "date"):
                self.send_header(name, value)
        self.send_header("Content-Length", str(len(body)))
        self.end_headers()
        self.wfile.write(body)

    def log_message(self, *_: Any) -> None: ...


@pytest.fixture
def road(gcs, gcs_url, monkeypatch) -> Iterator[Road]:
    """The way to the bucket, on which answers can be lost."""
    server = Road(gcs_url)
    serving = threading.Thread(target=server.serve_forever, daemon=True)
    serving.start()
    monkeypatch.setenv("STORAGE_EMULATOR_HOST", f"http://127.0.0.1:{server.server_port}")
    fsspec.get_filesystem_class("gs").clear_instance_cache()
    yield server
    server.ended.set()
    server.shutdown()
    server.server_close()
    fsspec.get_filesystem_class("gs").clear_instance_cache()


@pytest.mark.parametrize("upload", range(5))
def test_a_write_whose_answer_is_lost_counts_once(gcs, road, upload):
    road.fates = [""] * upload + ["lost"]
    account = asyncio.run(killed.live(Ledger(f"{gcs}/ledger", killed.CLOCK)))
    assert account.spent_in("2026-09", NOW) == pytest.approx(1.0)
    assert not asyncio.run(Ledger(f"{gcs}/ledger", killed.CLOCK).pool()).reservations
    assert road.uploads == 6  # five of a life, and the lost one again


def test_an_object_that_is_changed_too_often_is_changed_a_little_later(gcs, road):
    road.fates = ["busy", "busy"]
    assert store.update(f"{gcs}/ledger/pool.json", lambda found: b"{}") == b"{}"
    assert road.uploads == 3


def test_a_bucket_that_does_not_answer_ends_in_one_line(gcs, road, monkeypatch):
    monkeypatch.setattr(store_bucket, "CALL", 0.3)
    road.fates = ["slow"] * 9
    with pytest.raises(
        WaitTimeout, match=r"pool\.json: not changed within 0\.5 s: no answer of Cloud Storage for 0\.3 s"
    ):
        store.update(f"{gcs}/ledger/pool.json", lambda found: b"{}", limit=0.5)


def test_an_object_is_swapped_against_its_generation_only(gcs):
    url = f"{gcs}/ledger/users/ana.json"
    _, absent = store.read(url)
    assert store.swap(url, b"one", absent)
    assert not store.swap(url, b"two", absent)
    found, first = store.read(url)
    assert found == b"one"
    assert store.swap(url, b"one", first)
    assert not store.swap(url, b"two", first)  # the same content, another generation
    assert store.names(f"{gcs}/ledger/users") == ["ana.json"]
    assert store.names(f"{gcs}/ledger") == []


def test_an_update_that_others_always_beat_ends_in_one_line(gcs):
    url, numbers = f"{gcs}/ledger/pool.json", itertools.count()

    def beaten(found: bytes | None) -> bytes:
        assert store.swap(url, str(next(numbers)).encode(), store.read(url)[1])
        return b"mine"

    with pytest.raises(WaitTimeout, match=r"pool\.json: not changed within 0\.2 s: others change it all the time"):
        store.update(url, beaten, limit=0.2)


def test_a_bucket_that_is_not_there_is_named(gcs):
    with pytest.raises(ConfigError, match="there is no bucket no-such-bucket"):
        store.update("gs://no-such-bucket/ledger/pool.json", lambda found: b"{}")
