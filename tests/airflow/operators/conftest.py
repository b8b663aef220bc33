"""Our operators on the two Airflows: one row of runs for each, side by side, on one emulator and one MLflow server."""

from __future__ import annotations

import contextlib
import json
import os
import re
import signal
import socket
import subprocess
import sys
import threading
import time
import urllib.error
import urllib.request
from collections.abc import Callable, Iterator
from concurrent.futures import Future
from dataclasses import dataclass, field
from pathlib import Path
from typing import Any

import grpc
import pytest
from google.cloud import dataproc_v1, pubsub_v1
from google.cloud.dataproc_v1.services.job_controller.transports import JobControllerGrpcTransport

from dask_dataproc.clusters.labels import label_value
from dask_dataproc.clusters.spec import ClusterSpec
from dask_dataproc.pipelines.beside import put_package
from dask_dataproc.pipelines.operators.naming import Names
from dask_dataproc.pipelines.operators.plan import Program, dataproc_job

sys.path.append(str(Path(__file__).parents[2] / "clusters"))
from pubsub import pubsub  # the tests are no package

HERE = Path(__file__).parent
ROOT = HERE.parents[2]
VERSIONS = ("2.11", "3")
PLACE = {"project_id": "local", "region": "us-central1"}
PATIENCE = 90.0
LOOKS = 5
"""Looks of a deferred task that may fail in a row."""
SCENARIOS = (
    *("succeeds", "deferred", "shared", "second_try"),
    *("refused", "misspelt", "start_fails", "start_fails_deferred"),
    *("job_fails", "job_fails_deferred", "times_out", "times_out_deferred"),
    *("model", "model_in_a_folder", "model_told", "model_not_good_enough"),
    *("model_registry_away", "model_champion", "model_worse"),
    *("etl", "etl_gate_closed", "etl_processing_fails", "etl_no_input"),
    *("batch", "batch_again", "dynamic", "dynamic_no_ref", "stream", "stream_nobody"),
)
AT = "2025-01-02T03:04:05+00:00"
FAULT = "import sys, json; from dask_dataproc.clusters.faults import emulator_fault; "
FAULT += "emulator_fault(sys.argv[1], **json.loads(sys.argv[2]))"


STAMP = re.compile(r"\[\d{4}-\d\d-\d\d |\d{4}-\d\d-\d\dT")
"""How a task's own line begins, in Airflow 2 and 3."""


@dataclass
class Outcome:
    """What became of one run of a DAG."""

    dag: str
    state: str
    tasks: dict[str, str]
    results: dict[str, Any]
    log: str
    seen: dict[str, Any] = field(default_factory=dict)

    def times(self, words: str) -> int:
        """Return how often something was logged; Airflow 2 tells it twice when it tests a DAG, in two formats."""
        return sum(words in line for line in self.log.splitlines() if STAMP.match(line))

    @property
    def cause(self) -> str:
        """The last line that says an error of ours or of Airflow's."""
        lines = [line for line in self.log.splitlines() if "Exception: " in line or "JobFailed: " in line]
        return lines[-1] if lines else ""


def until(look: Callable[[], Any], seconds: float = PATIENCE) -> Any:
    """Look until there is something to see."""
    end = time.monotonic() + seconds
    while not (found := look()):
        assert time.monotonic() < end, "it has not come"
        time.sleep(0.05)
    return found


class Row:
    """The runs on one version, one after the other.

    Parameters
    ----------
    version : str
    folder : Path
    emulator : Emulator
    mlflow : str
        The server's URL.
    """

    def __init__(self, version: str, folder: Path, emulator: Any, mlflow: str):
        self.tag = version.replace(".", "_")
        self.folder, self._emulator = folder, emulator
        self.python = ROOT / "build" / f"airflow-{version}" / "bin" / "python"
        dags, self._home = folder / "dags", folder / "home"
        put_package(dags)
        self.file = dags / "operator_dags.py"
        self.file.write_text((HERE / "dags.py").read_text())
        self._home.mkdir()
        (folder / "mlflow").write_text(mlflow)
        self._env = emulator.env | emulator.redirect | self._settings(dags, mlflow)
        self._channel = grpc.insecure_channel(f"unix:{emulator.folder / 'r' / 'dask-dataproc' / 'dataproc.sock'}")
        self.jobs = dataproc_v1.JobControllerClient(
            transport=JobControllerGrpcTransport(host="emulator", channel=self._channel)
        )
        for name in ("etl", "etl_gate_closed", "etl_processing_fails", "batch", "batch_again"):
            (folder / self.dag(name)).mkdir()
            (folder / self.dag(name) / "in.csv").write_text("id,amount\n1,10\n2,20\n3,30\n")
        (folder / self.dag("batch_again") / "again").mkdir()
        (folder / self.dag("done_anew")).with_suffix(".go").touch()
        repository(folder / "repository")
        self.outcomes: dict[str, Future[Outcome]] = {
            name: Future() for name in (*SCENARIOS, "done_anew", "unseen", "stopped", "stopped_early", "lost_worker")
        }
        self._thread = threading.Thread(target=self._all)
        self._running: subprocess.Popen[str] | None = None
        self._closed = False
        self._thread.start()

    def _settings(self, dags: Path, mlflow: str) -> dict[str, str]:
        connection = {"conn_type": "google_cloud_platform", "extra": {"is_anonymous": True}}
        return {
            "AIRFLOW_HOME": str(self._home),
            "AIRFLOW__CORE__DAGS_FOLDER": str(dags),
            "AIRFLOW__CORE__LOAD_EXAMPLES": "False",
            "AIRFLOW_CONN_GOOGLE_CLOUD_DEFAULT": json.dumps(connection),
            "AIRFLOW_VAR_GCP_PROJECT_ID": PLACE["project_id"],
            "AIRFLOW_VAR_GCP_REGION": PLACE["region"],
            "AIRFLOW_VAR_MLFLOW_TRACKING_URI": mlflow,
            "OPERATORS_FOLDER": str(self.folder),
            "OPERATORS_JOBS": str(HERE / "jobs"),
            "OPERATORS_TAG": self.tag,
        }

    def dag(self, name: str) -> str:
        """Return the id of a scenario's DAG here."""
        return f"{name}_{self.tag}"

    def clusters(self, name: str) -> list[Any]:
        """Return the clusters that the runs of a scenario's DAG have now."""
        mine = f"{label_value(self.dag(name))}-"
        return [c for c in self._emulator.clusters.list_clusters(request=PLACE) if mine in c.cluster_name]

    def gone(self, name: str) -> bool:
        """Return whether a scenario has left no cluster; a deletion that was asked for is waited for."""
        until(lambda: all(c.status.state.name != "DELETING" for c in self.clusters(name)))
        return not self.clusters(name)

    def outcome(self, name: str) -> Outcome:
        """Return what became of a scenario."""
        return self.outcomes[name].result(timeout=280)

    def close(self) -> None:
        """End what runs, and begin no more."""
        self._closed = True
        if self._running is not None and self._running.poll() is None:
            self._running.kill()
        self._thread.join()
        self._channel.close()

    def _all(self) -> None:
        anew, unseen, lost = f"done_anew@{AT}", f"unseen@{AT}", f"lost_worker@{AT}"
        cluster = Names(self.dag("unseen"), f"manual__{AT}", "compute", -1, 1).cluster(self.dag("unseen"), shared=False)
        try:
            self._fault("slow-create", cluster=cluster)
            with self._start(*SCENARIOS, anew, anew, unseen, "stopped", "stopped_early", lost) as process:
                for name in SCENARIOS:
                    self.outcomes[name].set_result(self._told(process))
                first = self._told(process)
                self.outcomes["done_anew"].set_result(self._told(process, first=first))
                self.outcomes["unseen"].set_result(self._unseen(process, cluster))
                self.outcomes["stopped"].set_result(self._stopped(process))
                self.outcomes["stopped_early"].set_result(self._stopped_early(process))
                left = self._lost(process)
            with self._start(lost) as process:
                self.outcomes["lost_worker"].set_result(self._found(process, left))
        except BaseException as error:
            for future in self.outcomes.values():
                if not future.done():
                    future.set_exception(error)

    @contextlib.contextmanager
    def _start(self, *runs: str) -> Iterator[subprocess.Popen[str]]:
        """Begin runs of scenarios, one after the other, which tell what became of them on stdout."""
        assert not self._closed
        ids = [f"{self.dag(name)}{at}{date}" for name, at, date in (run.partition("@") for run in runs)]
        command = [str(self.python), str(HERE / "runs.py"), str(self.file), *ids]
        with (
            (self.folder / "log.txt").open("a") as log,
            subprocess.Popen(
                command, env=self._env, stdout=subprocess.PIPE, stderr=log, text=True, cwd=self._home
            ) as process,
        ):
            self._running = process
            try:
                yield process
            finally:
                process.kill()

    def _log(self) -> str:
        return (self.folder / "log.txt").read_text(errors="replace")

    def _told(self, process: subprocess.Popen[str], **seen: Any) -> Outcome:
        """Return what becomes of the run that is under way."""
        assert process.stdout is not None
        line = process.stdout.readline()
        assert line, f"Airflow has ended:\n{self._log()[-4000:]}"
        told = json.loads(line)
        log = self._log().rpartition(f"=== {told['dag']}\n")[2].partition("\n=== ")[0]
        return Outcome(told["dag"], told["state"], told["tasks"], told["results"], log, seen)

    def _until(self, process: subprocess.Popen[str], look: Callable[[], Any]) -> Any:
        """Look until there is something to see, as long as the process lives."""
        found = until(lambda: look() or process.poll() is not None)
        assert process.poll() is None, f"Airflow has ended:\n{self._log()[-4000:]}"
        return found

    def _fault(self, kind: str, **settings: Any) -> None:
        command = [sys.executable, "-c", FAULT, kind, json.dumps(settings)]
        subprocess.run(command, env=self._emulator.env, check=True, timeout=60)

    def _unseen(self, process: subprocess.Popen[str], cluster: str) -> Outcome:
        """A deferred task's cluster, which goes on coming up, cannot be looked at for a while."""
        self._until(process, lambda: self.clusters("unseen"))
        self._fault("permission", method="get_cluster", cluster=cluster, times=LOOKS)
        return self._told(process)

    def _stopped(self, process: subprocess.Popen[str]) -> Outcome:
        """Airflow ends a task while its job runs."""
        self._until(process, (self.folder / self.dag("stopped")).exists)
        (cluster,) = self.clusters("stopped")
        process.send_signal(signal.SIGTERM)
        outcome = self._told(process)
        outcome.seen["jobs"] = [job.status.state.name for job in self.jobs_on(cluster.cluster_name)]
        return outcome

    def _stopped_early(self, process: subprocess.Popen[str]) -> Outcome:
        """Airflow ends a task while its cluster is made."""
        self._until(process, lambda: self.clusters("stopped_early"))
        process.send_signal(signal.SIGTERM)
        return self._told(process)

    def _lost(self, process: subprocess.Popen[str]) -> str:
        """A worker is lost while its job runs; return the uuid of the cluster."""
        self._until(process, (self.folder / self.dag("lost_worker")).exists)
        process.kill()
        (left,) = self.clusters("lost_worker")
        return left.cluster_uuid

    def _found(self, process: subprocess.Popen[str], left: str) -> Outcome:
        """The run goes on in another worker; its job ends once that has met it."""
        self._until(process, lambda: "Attached to job" in self._log())
        found = self.clusters("lost_worker")
        (self.folder / self.dag("lost_worker")).with_suffix(".go").touch()
        labels = [dict(each.labels) for each in found]
        return self._told(process, left=left, found=[each.cluster_uuid for each in found], labels=labels)

    def begin(self, name: str) -> tuple[str, str]:
        """Have a cluster made and a job that goes on run on it; return the names of both."""
        fields = {"name": f"{label_value(self.dag(name))}-0", "project": PLACE["project_id"], "region": PLACE["region"]}
        spec = ClusterSpec.from_dict(fields | {"staging": f"file://{self.folder}/staging", "workers": 0})
        cluster = {"project_id": spec.project, "cluster_name": spec.name} | spec.to_dataproc()
        self._emulator.clusters.create_cluster(request=PLACE | {"cluster": cluster}).result(timeout=PATIENCE)
        program = Program(file=(HERE / "jobs" / "sleeps.py").as_uri())
        job = dataproc_job(spec.name, spec, {}, program, [str(self.folder), self.dag(name)])
        self.jobs.submit_job(request=PLACE | {"job": job})
        until((self.folder / self.dag(name)).exists)
        return spec.name, spec.name

    def call(self, program: str, *arguments: str) -> str:
        """Run one of the programs beside this file in this Airflow's Python, and return what it prints."""
        command = [str(self.python), str(HERE / program), *arguments]
        done = subprocess.run(command, env=self._env, cwd=self._home, capture_output=True, text=True, timeout=PATIENCE)
        assert done.returncode == 0, done.stderr[-4000:]
        return done.stdout

    def jobs_on(self, cluster: str) -> list[Any]:
        """Return the jobs that were submitted to a cluster."""
        return [j for j in self.jobs.list_jobs(request=PLACE) if j.placement.cluster_name == cluster]


@pytest.fixture(scope="session")
def mlflow(tmp_path_factory: pytest.TempPathFactory) -> Iterator[str]:
    """The URL of an MLflow server, on a database of its own."""
    folder = tmp_path_factory.mktemp("mlflow")
    program = ROOT / "build" / "mlflow" / "bin" / "mlflow"
    if not program.exists():
        pytest.fail("MLflow is not installed: bash tests/airflow/setup.sh", pytrace=False)
    with socket.create_server(("127.0.0.1", 0)) as free:
        port = free.getsockname()[1]
    url = f"http://127.0.0.1:{port}"
    command = [program, "server", "--host", "127.0.0.1", "--port", port, "--workers", 1]
    command += [
        "--backend-store-uri",
        f"sqlite:///{folder}/mlflow.db",
        "--default-artifact-root",
        f"file://{folder}/runs",
    ]
    with (folder / "log.txt").open("w") as log:
        server = subprocess.Popen([*map(str, command)], cwd=folder, stdout=log, stderr=log, start_new_session=True)
    try:
        until(lambda: server.poll() is not None or answers(f"{url}/health"))
        assert server.poll() is None, (folder / "log.txt").read_text()
        yield url
    finally:
        os.killpg(server.pid, signal.SIGKILL)
        server.wait()


def answers(url: str) -> bool:
    try:
        with urllib.request.urlopen(url, timeout=5):
            return True
    except (urllib.error.URLError, OSError):
        return False


def repository(folder: Path) -> None:
    """Make a git repository with the module of the dynamic ETL."""
    folder.mkdir()
    (folder / "repository.py").write_text((HERE / "jobs" / "repository.py").read_text())
    git = ["git", "-C", str(folder), "-c", "user.name=a", "-c", "user.email=a@example.org"]
    for words in (["init", "-q", "-b", "main"], ["add", "."], ["commit", "-q", "-m", "the job"]):
        subprocess.run([*git, *words], check=True, timeout=30)


@pytest.fixture(scope="session")
def sales(emulator: Any) -> Iterator[None]:
    """A Pub/Sub where the emulator's jobs look for it, with the same three sales for each version."""
    address = emulator.env["PUBSUB_EMULATOR_HOST"]
    with pubsub(int(address.rpartition(":")[2])), pytest.MonkeyPatch.context() as patch:
        patch.setenv("PUBSUB_EMULATOR_HOST", address)
        publisher, topic = pubsub_v1.PublisherClient(), "projects/local/topics/sales"
        publisher.create_topic(request={"name": topic})
        with pubsub_v1.SubscriberClient() as subscriber:
            for version in VERSIONS:
                name = f"projects/local/subscriptions/sales-{version.replace('.', '_')}"
                subscriber.create_subscription(request={"name": name, "topic": topic})
        for at, shop, amount in ((0, "a", 1.5), (59, "a", 2.5), (60, "b", 1.0)):
            said = {"at": 1_760_000_400 + at, "shop": shop, "amount": amount}
            publisher.publish(topic, json.dumps(said).encode()).result(30)
        yield


@pytest.fixture(scope="session")
def rows(tmp_path_factory: pytest.TempPathFactory, emulator: Any, mlflow: str, sales: None) -> Iterator[dict[str, Row]]:
    folder = tmp_path_factory.mktemp("operators")
    made: dict[str, Row] = {}
    try:
        for version in VERSIONS:
            (folder / version).mkdir()
            made[version] = Row(version, folder / version, emulator, mlflow)
        yield made
    finally:
        for row in made.values():
            row.close()


@pytest.fixture
def row(rows: dict[str, Row], version: str) -> Row:
    return rows[version]
