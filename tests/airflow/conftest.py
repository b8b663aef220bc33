"""Two real Airflows, a real emulator that their unmodified Google provider is led to, and what became of each run."""

from __future__ import annotations

import contextlib
import copy
import json
import os
import re
import socket
import socketserver
import subprocess
import sys
import tempfile
import threading
import time
from collections.abc import Callable, Iterator
from concurrent.futures import Future, ThreadPoolExecutor
from dataclasses import dataclass, field
from datetime import UTC, datetime, timedelta
from http.server import BaseHTTPRequestHandler, ThreadingHTTPServer
from pathlib import Path
from typing import Any

import grpc
import pytest
from google.cloud import dataproc_v1
from google.cloud.dataproc_v1.services.cluster_controller.transports import ClusterControllerGrpcTransport

from dask_dataproc.clusters.environment import notebook_environment
from dask_dataproc.pipelines.composer.begin import write_plugin
from dask_dataproc.pipelines.generator import write_dag
from dask_dataproc.pipelines.kernel import kernel_name

sys.path.append(str(Path(__file__).parents[1] / "clusters"))
from monitoring import monitoring  # the tests are no package

HERE = Path(__file__).parent
ROOT = HERE.parent.parent
VERSIONS = ("2.11", "3")
PLACE = {"project_id": "local", "region": "us-central1"}
CONNECTIONS = {"google_cloud_default": {"conn_type": "google_cloud_platform", "extra": {"is_anonymous": True}}}
START = "from dask_dataproc.clusters.local import emulator_start; emulator_start(redirect=True)"
STOP = "from dask_dataproc.clusters.local import emulator_stop; emulator_stop()"


def airflow(version: str) -> Path:
    python = ROOT / "build" / f"airflow-{version}" / "bin" / "python"
    if not (python.parent.parent / ".installed").exists():
        pytest.fail(f"Airflow {version} is not installed: bash tests/airflow/setup.sh", pytrace=False)
    return python


@dataclass
class Scenario:
    """A way for a run to go: what the notebook is given, and what its metadata says of the cluster and the job.

    With a date the run is one of the schedule's, else one by hand. With rules its table is published.
    """

    name: str
    conf: dict[str, Any] = field(default_factory=dict)
    cluster: dict[str, Any] = field(default_factory=dict)
    revoke: bool = False
    job: dict[str, Any] = field(default_factory=dict)
    rules: dict[str, Any] | None = None
    date: str = ""
    drift: bool = False
    flaky: bool = False
    killed: bool = False
    anew: bool = False

    @property
    def row(self) -> int:
        """Which runs it comes after: those that wait for Dataproc's jobs are beside those that compute."""
        return int(self.rules is not None)


ON_MASTER = {"runner": "dataproc-job"}
RETRIED = {"retries": 1, "retry_delay": 0}
DAILY = {"schedule": "0 6 * * *"}
DATE = "2026-03-01T06:00:00+00:00"
SCENARIOS = {
    scenario.name: scenario
    for scenario in (
        Scenario("succeeds", job={"notify": ["ana@example.org"]}, rules={"rows": {"min": 10}}),
        Scenario("notebook_fails", {"fail": True}),
        Scenario("teardown_fails", revoke=True),
        Scenario("create_refused", cluster={"worker_machine": "n9-imagined-4"}),
        Scenario("create_fails", cluster={"staging": "nowhere://bucket"}),
        Scenario("job_succeeds", job=ON_MASTER | DAILY, rules={"rows": {"min": 10}}, date=DATE),
        Scenario("gate_closed", job=RETRIED | {"pool": "default_pool"}, rules={"rows": {"min": 11}}, flaky=True),
        Scenario("killed", job=ON_MASTER, date=DATE, killed=True),
        Scenario("anew", job=ON_MASTER, date=DATE, anew=True),
        Scenario("job_fails", {"fail": True}, job=ON_MASTER, rules={}),
        Scenario("drift", drift=True),
    )
}


class Emulator:
    """Dataproc on this machine, for a user whose runtime and state folders are the test's."""

    def __init__(self, folder: Path):
        self.folder = folder
        self.env = os.environ | {"XDG_RUNTIME_DIR": str(folder / "r"), "XDG_STATE_HOME": str(folder / "s")}
        with socket.create_server(("127.0.0.1", 0)) as free:  # where the jobs of a stream look for Pub/Sub
            self.env["PUBSUB_EMULATOR_HOST"] = f"127.0.0.1:{free.getsockname()[1]}"
        (folder / "r").mkdir(mode=0o700)
        subprocess.run([sys.executable, "-c", START], env=self.env, check=True, timeout=60)
        about = json.loads((folder / "r" / "dask-dataproc" / "emulator.json").read_text())["redirect"]
        self.redirect = {"grpc_proxy": about["grpc_proxy"], "GRPC_DEFAULT_SSL_ROOTS_FILE_PATH": about["roots"]}
        channel = grpc.insecure_channel(f"unix:{folder / 'r' / 'dask-dataproc' / 'dataproc.sock'}")
        transport = ClusterControllerGrpcTransport(host="emulator", channel=channel)
        self.clusters = dataproc_v1.ClusterControllerClient(transport=transport)

    def of(self, dag: str) -> list[str]:
        """Return the names of the clusters that the runs of one DAG have now."""
        found = self.clusters.list_clusters(request=PLACE)
        return [c.cluster_name for c in found if c.cluster_name.startswith(dag.replace("_", "-"))]

    def close(self) -> None:
        for cluster in self.clusters.list_clusters(request=PLACE):
            self.clusters.delete_cluster(request=PLACE | {"cluster_name": cluster.cluster_name}).result(timeout=60)
        subprocess.run([sys.executable, "-c", STOP], env=self.env, check=True, timeout=60)


@pytest.fixture(scope="session")
def emulator() -> Iterator[Emulator]:
    # A short path: a unix socket's name has 107 characters at most.
    with tempfile.TemporaryDirectory(prefix="dp", dir="/tmp") as folder:
        running = Emulator(Path(folder))
        try:
            yield running
        finally:
            running.close()


def kernels(folder: Path) -> dict[str, str]:
    """Make a kernel that has our packages, as a worker's is, and return what leads Jupyter to it."""
    command = [sys.executable, "-m", "ipykernel_launcher", "-f", "{connection_file}"]
    spec = folder / "kernels" / kernel_name(notebook_environment()) / "kernel.json"
    spec.parent.mkdir(parents=True)
    spec.write_text(json.dumps({"argv": command, "display_name": "Dask", "language": "python"}))
    return {"JUPYTER_PATH": str(folder)}


@dataclass
class Outcome:
    """What became of one run of a DAG."""

    dag: str
    state: str
    tasks: dict[str, str]
    report: dict[str, Any] | None
    notebooks: list[Path]
    published: list[Path]
    staged: list[Path]
    log: str


def until(holds: Callable[[], bool], process: subprocess.Popen[Any]) -> None:
    """Wait until something holds, as long as the process lives and two minutes at most."""
    end = time.monotonic() + 120
    while not holds():
        assert process.poll() is None, f"ended with {process.returncode} before that"
        assert time.monotonic() < end, "two minutes are over"
        time.sleep(0.1)


class Told:
    """What arrives on this machine: what webhooks are told, mails, and points of time series."""

    def __init__(self) -> None:
        self._stack = contextlib.ExitStack()
        self.written, self.monitoring = self._stack.enter_context(monitoring())
        self.posts: list[dict[str, Any]] = []
        self.mails: list[str] = []
        posts, mails = self.posts, self.mails

        class Hook(BaseHTTPRequestHandler):
            def do_POST(self) -> None:
                posts.append(json.loads(self.rfile.read(int(self.headers["Content-Length"]))))
                self.send_response(204)
                self.end_headers()

            def log_message(self, format: str, *args: Any) -> None:
                pass

        class Mail(socketserver.StreamRequestHandler):
            def handle(self) -> None:
                self.wfile.write(b"220 here\r\n")
                for line in self.rfile:
                    if line.upper().startswith(b"DATA"):
                        self.wfile.write(b"354 go on\r\n")
                        mails.append(b"".join(iter(self.rfile.readline, b".\r\n")).decode())
                    self.wfile.write(b"221 bye\r\n" if line.upper().startswith(b"QUIT") else b"250 well\r\n")

        self.servers = [ThreadingHTTPServer(("127.0.0.1", 0), Hook)]
        self.servers.append(socketserver.ThreadingTCPServer(("127.0.0.1", 0), Mail))  # pyright: ignore
        for server in self.servers:
            threading.Thread(target=server.serve_forever, daemon=True).start()
        self.hook, self.smtp = (server.server_address[1] for server in self.servers)

    def of(self, dag: str) -> tuple[list[dict[str, Any]], list[str]]:
        """Return the posts and the mails that say something of one DAG."""
        return [post for post in self.posts if post["dag_id"] == dag], [m for m in self.mails if f" {dag} has" in m]

    def close(self) -> None:
        for server in self.servers:
            server.shutdown()
            server.server_close()
        self._stack.close()


class Airflow:
    """One version: its Python, its homes, and its runs, one after the other in each home."""

    def __init__(self, version: str, folder: Path, emulator: Emulator, told: Told):
        self.version, self.folder, self.emulator, self.told = version, folder, emulator, told
        self.python = airflow(version)
        self.kernels = kernels(folder / "jupyter")
        self.plugins = write_plugin(folder / "plugins").parent

    def run(self, scenario: Scenario) -> Outcome:
        """Make the DAG of the scenario's notebook and run it."""
        dag = f"{scenario.name}_{self.version.replace('.', '_')}"
        folder = self.folder / dag
        connections, report = folder / "connections.json", folder / "report.json"
        file = self.generate(scenario, dag)
        connections.write_text(json.dumps(CONNECTIONS))
        conf = scenario.conf | {"report": str(report)} | ({"connections": str(connections)} if scenario.revoke else {})
        backend = json.dumps({"connections_file_path": str(connections)})
        if scenario.rules is not None:
            conf["table"] = f"file://{folder}/{{{{ ds }}}}/table"
        conf |= {"flaky": str(folder / "tried")} if scenario.flaky else {}
        conf |= {"hold": str(folder)} if scenario.killed else {}
        run = [json.dumps(conf), *([scenario.date] if scenario.date else [])]
        call = self.call_twice if scenario.killed else self.call_anew if scenario.anew else self.call
        done = call(file, *run, home=f"home-{scenario.row}", AIRFLOW__SECRETS__BACKEND_KWARGS=backend)
        (folder / "log.txt").write_text(done.stderr)
        assert done.returncode == 0, done.stderr[-4000:]
        answer = json.loads(done.stdout)
        told = json.loads(report.read_text()) if report.exists() else None
        notebooks, published = sorted(folder.glob("out/*.ipynb")), sorted(folder.glob("2*/table"))
        staged = sorted(folder.glob("2*/_staged/table/*/*.parquet"))
        return Outcome(dag, answer["state"], answer["tasks"], told, notebooks, published, staged, done.stderr)

    def generate(self, scenario: Scenario, dag: str) -> Path:
        """Write the scenario's notebook and its DAG."""
        notebook = json.loads((HERE / "job.ipynb").read_text())
        folder = self.folder / dag
        folder.mkdir()
        job = copy.deepcopy(notebook["metadata"]["dask_dataproc"])
        outputs = str(folder / "out") if scenario.job.get("runner") is None else f"file://{folder}/out"
        job |= {"outputs": outputs, "inputs": [self.input_of(scenario, folder)]} | scenario.job
        job["cluster"] |= {"staging": f"file://{folder}/staging"} | scenario.cluster
        job["notify"] = [*job.get("notify", []), "http://127.0.0.1:1/nobody", f"http://127.0.0.1:{self.told.hook}/hook"]
        job["publishes"] = {} if scenario.rules is None else {"table": scenario.rules}
        if scenario.job.get("runner"):
            job["notebook"] = f"file://{folder}/{dag}.ipynb"
        notebook["metadata"]["dask_dataproc"] = job
        (folder / f"{dag}.ipynb").write_text(json.dumps(notebook))
        made = write_dag(folder / f"{dag}.ipynb", folder / "dags")
        if scenario.drift:
            made.write_text(re.sub(r"\bdask==\S+", "dask==1.2.3 tea==9", made.read_text()))
        return made

    @staticmethod
    def input_of(scenario: Scenario, folder: Path) -> str:
        """Make the input of the day that the run is of, and of the next: it may be midnight. Return it by date."""
        day = datetime.fromisoformat(scenario.date) if scenario.date else datetime.now(UTC)
        for offset in (0, 0 if scenario.date else 1):
            file = folder / "in" / f"{day + timedelta(days=offset):%Y%m%d}" / "ready"
            file.parent.mkdir(parents=True, exist_ok=True)
            file.touch()
        return f"{folder}/in/{{{{ ds_nodash }}}}/ready"

    def call(self, file: Path, *conf: str, home: str = "home", **env: str) -> subprocess.CompletedProcess[str]:
        """Run ``dag_run.py`` in this Airflow, whose DAG folder is the file's."""
        command, settings = self.command(file, conf, home, env)
        try:
            return subprocess.run(command, **settings, capture_output=True, text=True, timeout=240)
        except subprocess.TimeoutExpired as error:
            said = (error.stderr or b"").decode()
            raise AssertionError(f"{file.stem} has not ended after {error.timeout} s: {said[-4000:]}") from None

    def call_twice(self, file: Path, *conf: str, home: str, **env: str) -> subprocess.CompletedProcess[str]:
        """Kill the first call in the middle of its notebook, which goes on when the second call has met it."""
        command, settings = self.command(file, conf, home, env)
        folder = file.parent.parent
        with subprocess.Popen(command, **settings, stdout=subprocess.DEVNULL, stderr=subprocess.DEVNULL) as first:
            try:
                until((folder / "begun").exists, first)
            finally:
                first.kill()
        log = folder / "second.txt"
        with (
            open(log, "w") as errors,
            subprocess.Popen(command, **settings, stdout=subprocess.PIPE, stderr=errors, text=True) as second,
        ):
            try:
                until(lambda: "A killed try has started job" in log.read_text(), second)
                (folder / "go").touch()
                answer, _ = second.communicate(timeout=120)
            finally:
                second.kill()
        return subprocess.CompletedProcess(command, second.returncode, answer, log.read_text())

    def call_anew(self, file: Path, *conf: str, home: str, **env: str) -> subprocess.CompletedProcess[str]:
        """Take away what a first call has left, and call again: the run is another, and of the same id."""
        self.call(file, *conf, home=home, **env)
        for left in [*file.parent.parent.glob("out/*.ipynb"), *file.parent.parent.glob("report.json")]:
            left.unlink()
        return self.call(file, *conf, home=home, **env)

    def command(self, file: Path, conf: tuple[str, ...], home: str, env: dict[str, str]) -> tuple[list[str], Any]:
        """Return the command that runs ``dag_run.py``, and its environment and folder."""
        at = self.folder / home
        at.mkdir(exist_ok=True)
        settings = {
            "AIRFLOW_HOME": str(at),
            "AIRFLOW__CORE__DAGS_FOLDER": str(file.parent),
            "AIRFLOW__CORE__LOAD_EXAMPLES": "False",
            "AIRFLOW__SECRETS__BACKEND": "airflow.secrets.local_filesystem.LocalFilesystemBackend",
            "AIRFLOW__CORE__PLUGINS_FOLDER": str(self.plugins),
            "GCP_PROJECT": "local",
            "MONITORING_EMULATOR_HOST": self.told.monitoring,
            "AIRFLOW__SMTP__SMTP_HOST": "127.0.0.1",
            "AIRFLOW__SMTP__SMTP_PORT": str(self.told.smtp),
            "AIRFLOW__SMTP__SMTP_STARTTLS": "False",
            "AIRFLOW__SMTP__SMTP_MAIL_FROM": "airflow@example.org",
        } | self.kernels
        command = [str(self.python), str(HERE / "dag_run.py"), str(file), *conf]
        environment = self.emulator.env | self.emulator.redirect | settings | env
        return command, {"env": environment, "cwd": at}


class Runs:
    """All scenarios on ``versions``: these side by side, each one's runs in two rows."""

    def __init__(self, folder: Path, emulator: Emulator, versions: list[str]):
        self.airflows = {}
        self.told = Told()
        for version in versions:
            (folder / version).mkdir()
            self.airflows[version] = Airflow(version, folder / version, emulator, self.told)
        self.rows = {(version, row): ThreadPoolExecutor(1) for version in versions for row in (0, 1)}
        self.outcomes: dict[tuple[str, str], Future[Outcome]] = {
            (version, name): self.rows[version, scenario.row].submit(self.airflows[version].run, scenario)
            for version in versions
            for name, scenario in SCENARIOS.items()
        }

    def outcome(self, version: str, scenario: str) -> Outcome:
        return self.outcomes[version, scenario].result()

    def close(self) -> None:
        for row in self.rows.values():
            row.shutdown(cancel_futures=True)
        self.told.close()


@pytest.fixture(scope="session")
def runs(request, tmp_path_factory: pytest.TempPathFactory, emulator: Emulator) -> Iterator[Runs]:
    """The runs on the versions that a test of this session asks for, begun at once."""
    asked = {"3"} | {each.callspec.params.get("version") for each in request.session.items if hasattr(each, "callspec")}
    started = Runs(tmp_path_factory.mktemp("airflow"), emulator, [each for each in VERSIONS if each in asked])
    try:
        yield started
    finally:
        started.close()


@pytest.fixture(params=VERSIONS)
def version(request: pytest.FixtureRequest) -> str:
    return request.param
