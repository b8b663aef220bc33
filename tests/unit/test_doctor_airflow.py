"""The daily look at an Airflow: its parts and its failed runs, as the REST APIs of Airflow 2 and 3 answer."""

from __future__ import annotations

import json
import threading
from collections.abc import Iterator
from http.server import BaseHTTPRequestHandler, ThreadingHTTPServer
from pathlib import Path
from typing import Any
from urllib.parse import parse_qs, urlsplit

import pytest

from dask_dataproc import AirflowError
from dask_dataproc.magics.reach import Place
from dask_dataproc.magics.rounds import Rounds

WELL = {"metadatabase": {"status": "healthy"}, "scheduler": {"status": "healthy"}, "triggerer": {"status": None}}
RUN = {"dag_id": "etl", "dag_run_id": "scheduled__2026-11-25"}


class Airflow(ThreadingHTTPServer):
    """Answers as the REST API of one version of Airflow does."""

    def __init__(self, version: int):
        super().__init__(("127.0.0.1", 0), Answers)
        self.health: dict[str, Any] = WELL
        self.failed: list[dict[str, str]] = []
        self.asked: dict[str, list[str]] = {}
        api = f"/api/v{version}"
        self.paths = {
            f"{api}/version": lambda: {"version": "2.11.2" if version == 1 else "3.1.0"},
            f"{api}/health" if version == 1 else f"{api}/monitor/health": lambda: self.health,
            f"{api}/dags/~/dagRuns": lambda: {"dag_runs": self.failed},
            "/auth/token": lambda: {"access_token": "t"},
        }


class Answers(BaseHTTPRequestHandler):
    server: Airflow

    def do_GET(self) -> None:
        url = urlsplit(self.path)
        known = self.server.paths.get(url.path)
        if url.path.endswith("dagRuns"):
            self.server.asked = parse_qs(url.query)
        body = json.dumps(known() if known else {"detail": "not found"}).encode()
        self.send_response(200 if known else 404)
        self.send_header("Content-Length", str(len(body)))
        self.end_headers()
        self.wfile.write(body)

    do_POST = do_GET

    def log_message(self, *_: Any) -> None:
        pass


@pytest.fixture(params=[1, 2])
def airflow(request) -> Iterator[Airflow]:
    server = Airflow(request.param)
    threading.Thread(target=server.serve_forever, daemon=True).start()
    yield server
    server.shutdown()
    server.server_close()


def looked(airflow: Airflow) -> Any:
    import dask.config

    with dask.config.set({"dataproc.composer.user": "admin", "dataproc.composer.password": "p"}):
        return Rounds(Place("p", "r"), f"http://127.0.0.1:{airflow.server_port}", Path("dags"))._composer()


def test_an_airflow_that_is_well_is_ok(airflow):
    found = looked(airflow)
    assert (found.status, found.text) == ("ok", "metadatabase healthy, scheduler healthy; no run failed")
    assert airflow.asked["state"] == ["failed"]


def test_failed_runs_are_named_and_a_part_that_is_ill_fails(airflow):
    airflow.failed = [RUN]
    found = looked(airflow)
    assert (found.status, found.evidence) == ("warn", ("etl scheduled__2026-11-25",))
    airflow.health = WELL | {"scheduler": {"status": "unhealthy"}}
    assert looked(airflow).status == "fail"


def test_an_airflow_that_is_not_there_is_an_error_with_its_address():
    with pytest.raises(AirflowError, match=r"http://127\.0\.0\.1:9: no answer"):
        Rounds(Place("p", "r"), "http://127.0.0.1:9", Path("dags"))._composer()
