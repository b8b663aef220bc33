"""Environments' files beside two real Airflows: what `composer plan` says differs, and what `apply` brings in line."""

from __future__ import annotations

import contextlib
import http.server
import json
import os
import socket
import subprocess
import threading
import time
from collections.abc import Iterator
from concurrent.futures import ThreadPoolExecutor
from pathlib import Path
from typing import Any, ClassVar

import httpx
import psutil
import pytest
import yaml
from click.testing import CliRunner, Result

from dask_dataproc.magics.cli import dataproc

HERE = Path(__file__).parent
BUILD = HERE.parents[1] / "build"
USERS = {"admin": "not-shown-1", "viewer": "not-shown-2"}
SECRET = "never-to-be-seen"
FILE: dict[str, Any] = {
    "environment": {"name": "prod", "location": "europe-west1", "project": "data"},
    "variables": {
        "gcp_project_id": "data",
        "limits": {"value": {"rows": 3}, "description": "of a run"},
        "slack_token": {"env": "TEST_SLACK"},
    },
    "pools": {"dataproc_jobs": {"slots": 10, "description": "clusters at a time", "include_deferred": True}},
    "connections": {
        "warehouse": {
            "conn_type": "google_cloud_platform",
            "login": "etl",
            "password": {"env": "TEST_SLACK"},
            "extra": {"project": "data", "num_retries": 5, "api_key": {"env": "TEST_SLACK"}},
        }
    },
}


class Web:
    """One version's REST API: a web server of its own, asked as an administrator."""

    def __init__(self, version: str, folder: Path):
        self.version, self.folder = version, folder
        self.major = int(version.partition(".")[0])
        self.python = BUILD / f"airflow-{version}" / "bin" / "python"
        if not (self.python.parent.parent / ".installed").exists():
            pytest.fail(f"Airflow {version} is not installed: bash tests/airflow/setup.sh", pytrace=False)
        self.port = free_port()
        self.url = f"http://127.0.0.1:{self.port}"
        self.api = f"{self.url}/api/v{1 if self.major == 2 else 2}"
        self.process: subprocess.Popen[bytes] | None = None

    def start(self) -> None:
        passwords = self.folder / "passwords.json"
        passwords.write_text(json.dumps(USERS))
        env = os.environ | {
            "AIRFLOW_HOME": str(self.folder),
            "AIRFLOW__CORE__LOAD_EXAMPLES": "False",
            "AIRFLOW__CORE__PARALLELISM": "64",
            "AIRFLOW__DATABASE__LOAD_DEFAULT_CONNECTIONS": "False",
            "AIRFLOW__API__AUTH_BACKENDS": "airflow.providers.fab.auth_manager.api.auth.backend.basic_auth",
            "AIRFLOW__API__EXPOSE_CONFIG": "True",
            "AIRFLOW__WEBSERVER__EXPOSE_CONFIG": "True",
            "AIRFLOW__CORE__SIMPLE_AUTH_MANAGER_USERS": "admin:admin,viewer:viewer",
            "AIRFLOW__CORE__SIMPLE_AUTH_MANAGER_PASSWORDS_FILE": str(passwords),
            "PATH": f"{self.python.parent}:{os.environ['PATH']}",
        }
        making = [str(self.python), str(HERE / "airflow_web.py"), json.dumps(USERS)]
        subprocess.run(making, env=env, check=True, timeout=120, capture_output=True)
        server = ["webserver", "--hostname"] if self.major == 2 else ["api-server", "--host"]
        with (self.folder / "web.log").open("wb") as log:
            command = [
                str(self.python.with_name("airflow")),
                *server,
                "127.0.0.1",
                "--workers",
                "1",
                "--port",
                str(self.port),
            ]
            self.process = subprocess.Popen(command, env=env, stdout=log, stderr=log, start_new_session=True)
        self.wait()
        auth = (
            {"auth": ("admin", USERS["admin"])}
            if self.major == 2
            else {"headers": {"Authorization": f"Bearer {self.token()}"}}
        )
        self.client = httpx.Client(base_url=self.api, timeout=60, **auth)

    def wait(self) -> None:
        end = time.monotonic() + 120
        while time.monotonic() < end and self.process is not None and self.process.poll() is None:
            try:
                if httpx.get(f"{self.api}/version", timeout=10).status_code == 200:
                    return
            except httpx.HTTPError:
                time.sleep(0.2)
        pytest.fail(f"Airflow {self.version} does not answer: {(self.folder / 'web.log').read_text()[-2000:]}")

    def token(self) -> str:
        given = {"username": "admin", "password": USERS["admin"]}
        return httpx.post(f"{self.url}/auth/token", json=given, timeout=60).json()["access_token"]

    def get(self, path: str) -> dict[str, Any] | None:
        answer = self.client.get(path)
        return None if answer.status_code == 404 else answer.raise_for_status().json()

    def clean(self) -> None:
        """Leave as the server began."""
        for folder, key in (("variables", "key"), ("connections", "connection_id"), ("pools", "name")):
            for each in self.get(f"/{folder}")[folder]:
                if each[key] != "default_pool":
                    self.client.delete(f"/{folder}/{each[key]}").raise_for_status()

    def stop(self) -> None:
        """Kill the server and its workers: nothing of theirs is kept, and in order it takes 20 s."""
        if self.process is not None:
            family = [psutil.Process(self.process.pid)]
            family += family[0].children(recursive=True)
            for each in family:
                with contextlib.suppress(psutil.NoSuchProcess):
                    each.kill()
            self.process.wait(20)


def free_port() -> int:
    with socket.socket() as probe:
        probe.bind(("127.0.0.1", 0))
        return probe.getsockname()[1]


@pytest.fixture(scope="session")
def webs(tmp_path_factory: pytest.TempPathFactory) -> Iterator[dict[str, Web]]:
    made = {version: Web(version, tmp_path_factory.mktemp(f"web-{version}")) for version in ("2.11", "3")}
    try:
        with ThreadPoolExecutor() as rows:
            list(rows.map(Web.start, made.values()))
        yield made
    finally:
        for web in made.values():
            web.stop()


@pytest.fixture
def web(webs: dict[str, Web], version: str, monkeypatch: pytest.MonkeyPatch) -> Web:
    import dask.config

    found = webs[version]
    found.clean()
    monkeypatch.setenv("DASK_DATAPROC__COMPOSER__PASSWORD", USERS["admin"])
    monkeypatch.setenv("TEST_SLACK", SECRET)
    with dask.config.set({"dataproc.composer.user": "admin"}):
        yield found


class Folder:
    """An environment's folder, and the verbs on it as a person calls them."""

    def __init__(self, path: Path, web: Web):
        self.path, self.url = path, web.url
        self.say(FILE)

    def say(self, document: dict[str, Any]) -> None:
        (self.path / "environment.yaml").write_text(yaml.safe_dump(document))

    def change(self, **sections: Any) -> None:
        self.say(FILE | sections)

    def call(self, verb: str, *more: str, url: str = "") -> Result:
        result = CliRunner().invoke(dataproc, ["composer", verb, str(self.path), "--url", url or self.url, *more])
        assert SECRET not in result.output
        assert not any(password in result.output for password in USERS.values())
        return result


@pytest.fixture
def folder(tmp_path: Path, web: Web) -> Folder:
    return Folder(tmp_path, web)


def test_an_empty_airflow_is_brought_in_line_once_and_then_nothing_differs(web, folder):
    first = folder.call("plan")
    assert first.exit_code == 2, first.output
    assert '+ variable gcp_project_id\n      value: "data"' in first.output
    assert "+ pool dataproc_jobs" in first.output
    assert "value: (from env TEST_SLACK)" in first.output
    assert "Plan: 5 to create, 0 to update, 0 to delete" in first.output
    assert web.get("/variables/gcp_project_id") is None, "plan only reads"
    applied = folder.call("apply")
    assert applied.exit_code == 0, applied.output
    assert web.get("/variables/gcp_project_id")["value"] == "data"
    assert web.get("/variables/limits")["value"] == '{"rows": 3}'
    assert web.get("/variables/limits")["description"] == "of a run"
    pool = web.get("/pools/dataproc_jobs")
    assert (pool["slots"], pool["include_deferred"], pool["description"]) == (10, True, "clusters at a time")
    connection = web.get("/connections/warehouse")
    assert json.loads(connection["extra"]) == {"project": "data", "num_retries": 5, "api_key": "***"}
    for verb in ("plan", "apply"):
        again = folder.call(verb)
        assert again.exit_code == 0, again.output
        assert "has what the files name" in again.output


def test_each_kind_of_drift_is_seen_and_mended(web, folder):
    folder.call("apply")
    drift = [
        ("variables", {"key": "gcp_project_id", "value": "other"}, 'value: "other" -> "data"'),
        ("variables", {"key": "limits", "value": '{"rows": 4}', "description": "by hand"}, "~ variable limits"),
        (
            "pools",
            {"name": "dataproc_jobs", "slots": 3, "description": "d", "include_deferred": True},
            "slots: 3 -> 10",
        ),
        (
            "connections",
            {"connection_id": "warehouse", "conn_type": "google_cloud_platform", "login": "me"},
            '"me" -> "etl"',
        ),
    ]
    for kind, body, _ in drift:
        name = next(iter(body.values()))
        mask = {"update_mask": "login"} if kind == "connections" else {}
        web.client.patch(f"/{kind}/{name}", json=body, params=mask).raise_for_status()
    planned = folder.call("plan")
    assert planned.exit_code == 2
    for _, _, said in drift:
        assert said in planned.output
    assert "Plan: 0 to create, 4 to update, 0 to delete" in planned.output
    assert folder.call("apply").exit_code == 0
    assert folder.call("plan").exit_code == 0
    assert web.get("/variables/limits")["description"] == "of a run"
    assert web.get("/pools/dataproc_jobs")["slots"] == 10
    assert web.get("/connections/warehouse")["login"] == "etl"


def test_what_the_files_do_not_name_stays_as_it_is(web, folder):
    web.client.post("/variables", json={"key": "foreign", "value": "theirs"}).raise_for_status()
    web.client.post("/pools", json={"name": "foreign", "slots": 7, "description": "t"}).raise_for_status()
    theirs = {"connection_id": "foreign", "conn_type": "http", "host": "theirs"}
    web.client.post("/connections", json=theirs).raise_for_status()
    ours = {
        "connection_id": "warehouse",
        "conn_type": "google_cloud_platform",
        "host": "kept",
        "extra": '{"scope": "x"}',
    }
    web.client.post("/connections", json=ours).raise_for_status()
    before = [web.get(f"/{kind}/foreign") for kind in ("variables", "pools", "connections")]
    assert folder.call("apply").exit_code == 0
    assert [web.get(f"/{kind}/foreign") for kind in ("variables", "pools", "connections")] == before
    mine = web.get("/connections/warehouse")
    assert mine["host"] == "kept"
    assert json.loads(mine["extra"])["scope"] == "x"
    assert web.get("/pools/default_pool")["slots"] == 128


def test_what_is_named_as_null_is_deleted_and_nothing_else(web, folder):
    folder.call("apply")
    folder.change(variables=FILE["variables"] | {"gcp_project_id": None, "never_there": None})
    planned = folder.call("plan")
    assert "- variable gcp_project_id" in planned.output
    assert "never_there" not in planned.output
    assert folder.call("apply").exit_code == 0
    assert web.get("/variables/gcp_project_id") is None
    assert web.get("/variables/limits") is not None


def test_a_rotated_secret_is_written_when_asked(web, folder, monkeypatch):
    folder.call("apply")
    monkeypatch.setenv("TEST_SLACK", f"{SECRET}-2")
    asked = folder.call("plan", "--secrets")
    assert "~ connection warehouse" in asked.output
    assert "password: (secret) -> (from env TEST_SLACK)" in asked.output
    assert folder.call("apply", "--secrets").exit_code == 0
    monkeypatch.delenv("TEST_SLACK")
    gone = folder.call("plan")
    assert gone.exit_code == 1
    assert "TEST_SLACK: is not set in the environment" in gone.output


def test_an_override_that_differs_is_said_with_the_command_that_sets_it(web, folder):
    folder.change(
        config={"core.parallelism": 64, "dag_processor.refresh_interval": 60, "core.killed_task_cleanup_time": 300}
    )
    folder.call("apply")
    planned = folder.call("plan")
    assert planned.exit_code == 2
    renamed = "scheduler.dag_dir_list_interval" if web.major == 2 else "dag_processor.refresh_interval"
    assert f"! config {renamed}: 300 -> 60" in planned.output
    assert "core.parallelism" not in planned.output
    line = (
        "gcloud composer environments update prod --location europe-west1 --project data "
        f"--update-airflow-configs={renamed.replace('.', '-')}=60,core-killed_task_cleanup_time=300"
    )
    other = line.replace(
        f"{renamed.replace('.', '-')}=60,core-killed_task_cleanup_time=300",
        f"core-killed_task_cleanup_time=300,{renamed.replace('.', '-')}=60",
    )
    assert line in planned.output or other in planned.output


def test_every_override_that_init_writes_is_one_that_the_airflow_has(web, folder, tmp_path):
    CliRunner().invoke(dataproc, ["composer", "init", str(tmp_path / "new")])
    written = yaml.safe_load((tmp_path / "new" / "environment.yaml").read_text())
    folder.say({"config": written["config"]})
    planned = folder.call("plan")
    assert planned.exit_code == 2, planned.output
    assert planned.output.count("! config") >= 7
    assert "not there" not in planned.output


def test_settings_that_the_airflow_does_not_show_are_said_not_to_be_seen(web, folder, monkeypatch):
    """Airflow 3's viewer may see them; in Airflow 2 it is refused as all are where expose_config is off."""
    import dask.config

    folder.say({"config": {"core.parallelism": 64}})
    monkeypatch.setenv("DASK_DATAPROC__COMPOSER__PASSWORD", USERS["viewer"])
    with dask.config.set({"dataproc.composer.user": "viewer"}):
        planned = folder.call("plan")
    assert planned.exit_code == 0, planned.output
    assert ("? config: the Airflow does not show its settings" in planned.output) == (web.major == 2)


def test_a_provider_that_is_missing_or_too_old_is_said(web, folder):
    folder.change(
        packages={
            "apache-airflow-providers-google": ">=1",
            "apache-airflow-providers-papermill": ">=99",
            "apache-airflow-providers-imagined": "",
            "polars": ">=1",
        }
    )
    folder.call("apply")
    planned = folder.call("plan")
    assert planned.exit_code == 2
    assert "! packages apache-airflow-providers-imagined: not there" in planned.output
    assert "! packages apache-airflow-providers-papermill" in planned.output
    assert "packages apache-airflow-providers-google:" not in planned.output
    assert "? packages.polars: an Airflow tells of its providers only" in planned.output


def test_a_wrong_password_is_one_line_and_changes_nothing(web, folder, monkeypatch):
    monkeypatch.setenv("DASK_DATAPROC__COMPOSER__PASSWORD", "guessed")
    for verb in ("plan", "apply"):
        refused = folder.call(verb)
        assert refused.exit_code == 1
        assert "AirflowError" in refused.output
        assert "guessed" not in refused.output
        assert "Traceback" not in refused.output
    assert web.get("/variables/gcp_project_id") is None


def test_a_role_that_may_not_is_told_so(web, folder, monkeypatch):
    import dask.config

    monkeypatch.setenv("DASK_DATAPROC__COMPOSER__PASSWORD", USERS["viewer"])
    with dask.config.set({"dataproc.composer.user": "viewer"}):
        refused = folder.call("plan")
    assert refused.exit_code == 1
    assert "403" in refused.output
    assert "or their role may not" in refused.output


def test_an_airflow_that_is_away_is_one_line(web, folder):
    away = folder.call("apply", url=f"http://127.0.0.1:{free_port()}")
    assert away.exit_code == 1
    assert "no answer" in away.output
    assert "Traceback" not in away.output


def test_after_a_half_failed_apply_the_next_one_completes_it(web, folder):
    """The server itself refuses one of them: a number of slots that no database takes."""
    folder.change(pools={"a_too_large": {"slots": 2**70}, "dataproc_jobs": {"slots": 10}})
    refused = folder.call("apply")
    assert refused.exit_code == 1
    assert "5 of 6 changes made; failed: pool a_too_large" in refused.output, refused.output
    assert "Try:  the same apply again does what is left" in refused.output
    assert web.get("/pools/dataproc_jobs")["slots"] == 10
    assert web.get("/connections/warehouse") is not None
    folder.change(pools={"a_too_large": {"slots": 2}, "dataproc_jobs": {"slots": 10}})
    assert "Plan: 1 to create, 0 to update, 0 to delete" in folder.call("plan").output
    assert folder.call("apply").exit_code == 0
    assert folder.call("plan").exit_code == 0


class Cut(http.server.BaseHTTPRequestHandler):
    """The way to an Airflow, which is cut for good after the second write has been made and before it is answered."""

    to: ClassVar[str]
    writes: ClassVar[int]

    def _pass(self) -> None:
        if type(self).writes >= 2:
            return
        body = self.rfile.read(int(self.headers.get("Content-Length", 0)))
        sent = {name: value for name, value in self.headers.items() if name.lower() not in ("host", "accept-encoding")}
        answer = httpx.request(self.command, f"{self.to}{self.path}", headers=sent, content=body, timeout=60)
        type(self).writes += self.command == "POST" and "/auth/" not in self.path
        if type(self).writes >= 2:
            return
        self.send_response(answer.status_code)
        self.send_header("Content-Length", str(len(answer.content)))
        self.end_headers()
        self.wfile.write(answer.content)

    do_GET = do_POST = do_PATCH = _pass

    def log_message(self, format: str, *args: object) -> None:
        """Say nothing."""


def test_cut_off_in_the_middle_it_says_how_far_it_came_and_the_next_apply_completes_it(web, folder):
    Cut.to, Cut.writes = web.url, 0
    with http.server.ThreadingHTTPServer(("127.0.0.1", 0), Cut) as server:
        threading.Thread(target=server.serve_forever, daemon=True).start()
        cut = folder.call("apply", url=f"http://127.0.0.1:{server.server_port}")
        server.shutdown()
    assert cut.exit_code == 1
    assert "1 of 5 changes made; failed: variable limits; 3 not tried" in cut.output
    assert "no answer" in cut.output
    assert folder.call("apply").exit_code == 0
    assert folder.call("plan").exit_code == 0


@pytest.mark.parametrize(
    ("url", "said"),
    [
        ("http://airflow.example.com", "allowed is https://HOST"),
        ("https://admin:pw@airflow.example.com", "has a user or a password in it"),
        ("ftp://airflow.example.com", "allowed is https://HOST"),
    ],
)
def test_credentials_go_to_no_address_that_is_not_safe(tmp_path, url, said):
    (tmp_path / "environment.yaml").write_text("variables: {a: b}")
    refused = CliRunner().invoke(dataproc, ["composer", "plan", str(tmp_path), "--url", url])
    assert refused.exit_code == 1
    assert said in refused.output
    assert "pw" not in refused.output.replace("password", "")
