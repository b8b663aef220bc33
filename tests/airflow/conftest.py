"""Two real Airflows, a real emulator that their unmodified Google provider is led to, and what became of each run."""

from __future__ import annotations

import copy
import json
import os
import subprocess
import sys
import tempfile
from collections.abc import Iterator
from concurrent.futures import Future, ThreadPoolExecutor
from dataclasses import dataclass, field
from pathlib import Path
from typing import Any

import grpc
import pytest
from google.cloud import dataproc_v1
from google.cloud.dataproc_v1.services.cluster_controller.transports import ClusterControllerGrpcTransport

from dask_dataproc.pipelines.generator import write_dag

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
    """A way for a run to go: what the notebook is given, and what its metadata says of the cluster."""

    name: str
    conf: dict[str, Any] = field(default_factory=dict)
    cluster: dict[str, Any] = field(default_factory=dict)
    revoke: bool = False


SCENARIOS = {
    scenario.name: scenario
    for scenario in (
        Scenario("succeeds"),
        Scenario("notebook_fails", {"fail": True}),
        Scenario("teardown_fails", revoke=True),
        Scenario("create_refused", cluster={"worker_machine": "n9-imagined-4"}),
        Scenario("create_fails", cluster={"staging": "nowhere://bucket"}),
    )
}


class Emulator:
    """Dataproc on this machine, for a user whose runtime and state folders are the test's."""

    def __init__(self, folder: Path):
        self.folder = folder
        self.env = os.environ | {"XDG_RUNTIME_DIR": str(folder / "r"), "XDG_STATE_HOME": str(folder / "s")}
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
    spec = folder / "kernels" / "dask" / "kernel.json"
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
    log: str


class Airflow:
    """One version: its Python, its home, and its runs, one after the other."""

    def __init__(self, version: str, folder: Path, emulator: Emulator):
        self.version, self.folder, self.emulator = version, folder, emulator
        self.python = airflow(version)
        self.kernels = kernels(folder / "jupyter")

    def run(self, scenario: Scenario) -> Outcome:
        """Make the DAG of the scenario's notebook and run it."""
        dag = f"{scenario.name}_{self.version.replace('.', '_')}"
        folder = self.folder / dag
        connections, report = folder / "connections.json", folder / "report.json"
        file = self.generate(scenario, dag)
        connections.write_text(json.dumps(CONNECTIONS))
        conf = scenario.conf | {"report": str(report)} | ({"connections": str(connections)} if scenario.revoke else {})
        backend = json.dumps({"connections_file_path": str(connections)})
        done = self.call(file, json.dumps(conf), AIRFLOW__SECRETS__BACKEND_KWARGS=backend)
        (folder / "log.txt").write_text(done.stderr)
        assert done.returncode == 0, done.stderr[-4000:]
        answer = json.loads(done.stdout)
        told = json.loads(report.read_text()) if report.exists() else None
        return Outcome(dag, answer["state"], answer["tasks"], told, sorted(folder.glob("out/*.ipynb")), done.stderr)

    def generate(self, scenario: Scenario, dag: str) -> Path:
        """Write the scenario's notebook and its DAG."""
        notebook = json.loads((HERE / "job.ipynb").read_text())
        folder = self.folder / dag
        folder.mkdir()
        job = copy.deepcopy(notebook["metadata"]["dask_dataproc"])
        job |= {"outputs": str(folder / "out"), "inputs": [str(folder / f"{dag}.ipynb")]}
        job["cluster"] |= {"staging": f"file://{folder}/staging"} | scenario.cluster
        notebook["metadata"]["dask_dataproc"] = job
        (folder / f"{dag}.ipynb").write_text(json.dumps(notebook))
        return write_dag(folder / f"{dag}.ipynb", folder / "dags")

    def call(self, file: Path, *conf: str, **env: str) -> subprocess.CompletedProcess[str]:
        """Run ``dag_run.py`` in this Airflow, whose DAG folder is the file's."""
        home = self.folder / "home"
        home.mkdir(exist_ok=True)
        settings = {
            "AIRFLOW_HOME": str(home),
            "AIRFLOW__CORE__DAGS_FOLDER": str(file.parent),
            "AIRFLOW__CORE__LOAD_EXAMPLES": "False",
            "AIRFLOW__SECRETS__BACKEND": "airflow.secrets.local_filesystem.LocalFilesystemBackend",
        } | self.kernels
        command = [str(self.python), str(HERE / "dag_run.py"), str(file), *conf]
        environment = self.emulator.env | self.emulator.redirect | settings | env
        return subprocess.run(command, env=environment, capture_output=True, text=True, timeout=240, cwd=home)


class Runs:
    """All scenarios on all versions: the versions side by side, each one's runs in a row."""

    def __init__(self, folder: Path, emulator: Emulator):
        self.airflows = {}
        for version in VERSIONS:
            (folder / version).mkdir()
            self.airflows[version] = Airflow(version, folder / version, emulator)
        self.rows = {version: ThreadPoolExecutor(1) for version in VERSIONS}
        self.outcomes: dict[tuple[str, str], Future[Outcome]] = {
            (version, name): self.rows[version].submit(self.airflows[version].run, scenario)
            for version in VERSIONS
            for name, scenario in SCENARIOS.items()
        }

    def outcome(self, version: str, scenario: str) -> Outcome:
        return self.outcomes[version, scenario].result()

    def close(self) -> None:
        for row in self.rows.values():
            row.shutdown(cancel_futures=True)


@pytest.fixture(scope="session")
def runs(tmp_path_factory: pytest.TempPathFactory, emulator: Emulator) -> Iterator[Runs]:
    started = Runs(tmp_path_factory.mktemp("airflow"), emulator)
    try:
        yield started
    finally:
        started.close()


@pytest.fixture(params=VERSIONS)
def version(request: pytest.FixtureRequest) -> str:
    return request.param
