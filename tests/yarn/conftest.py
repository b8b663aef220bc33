"""A real YARN per scheduler: Hadoop's ResourceManager and one NodeManager, on free ports, in folders of their own."""

from __future__ import annotations

import contextlib
import getpass
import json
import os
import shutil
import socket
import subprocess
import sys
import tempfile
import textwrap
import time
import urllib.request
from collections.abc import Callable, Iterator
from pathlib import Path
from typing import Any

import psutil
import pytest

import dask_dataproc
from dask_dataproc.init_actions import queues, yarn_driver
from dask_dataproc.init_actions.yarn import YarnCluster

HERE = Path(__file__).parent
ROOT = Path(dask_dataproc.__file__).parent
HADOOP = ROOT / "build" / "hadoop"
SCHEDULERS = {
    name: f"org.apache.hadoop.yarn.server.resourcemanager.scheduler.{name}.{name.title()}Scheduler"
    for name in ("fair", "capacity")
}
PORTS = ("RM", "SCHEDULER", "TRACKER", "ADMIN", "RM_WEB", "NM", "LOCALIZER", "NM_WEB")
HEARTBEAT = 100
"""Milliseconds between the NodeManager's words with the ResourceManager. On a real cluster 1000, unless told."""


class Yarn:
    """A ResourceManager and a NodeManager.

    Attributes
    ----------
    environment : dict
        What a process needs to find them.
    python : str
        This environment, as YarnCluster takes it.
    """

    def __init__(self, scheduler: str, files: dict[str, str]) -> None:
        self.folder = Path(tempfile.mkdtemp(prefix="dd-yarn-"))
        self.conf, self.data = self.folder / "conf", self.folder / "data"
        for made in (self.conf, self.data / "fs" / "user", self.data / "fs" / "app-logs"):
            made.mkdir(parents=True)
        for shared in (self.data / "fs" / "user", self.data / "fs" / "app-logs"):
            shared.chmod(0o1777)
        self.ports = dict(zip(PORTS, _free_ports(len(PORTS)), strict=True))
        self._write_conf(SCHEDULERS[scheduler], files)
        self.python = f"python://{sys.executable}"
        self.environment = {
            "HADOOP_CONF_DIR": str(self.conf),
            "PATH": f"{HADOOP / 'bin'}:{os.environ['PATH']}",
            "SKEIN_CONFIG": os.environ["SKEIN_CONFIG"],
        }
        self.daemons: dict[str, subprocess.Popen[bytes]] = {}
        self.client: Any = None
        self.clusters: list[YarnCluster] = []

    def cluster(self, environment: str = "", **options: Any) -> YarnCluster:
        """Return a new cluster of small containers, which is closed at the end of the test."""
        small = {"worker_memory": "512 MiB", "scheduler_memory": "512 MiB", "deploy_mode": "local", "host": "127.0.0.1"}
        cluster = YarnCluster(environment or self.python, **small | {"skein_client": self.client} | options)
        self.clusters.append(cluster)
        return cluster

    def run(self, script: str, *arguments: str) -> subprocess.Popen[str]:
        """Start Python with a script that finds this YARN."""
        return subprocess.Popen(
            [sys.executable, "-c", textwrap.dedent(script), *arguments],
            env=os.environ | self.environment,
            stdin=subprocess.PIPE,
            stdout=subprocess.PIPE,
            text=True,
        )

    def _write_conf(self, scheduler: str, files: dict[str, str]) -> None:
        said = {"DATA": self.data, "CONF": self.conf, "LIB": HADOOP / "lib", "USER": getpass.getuser()}
        said |= {"SCHEDULER": scheduler, "HEARTBEAT": HEARTBEAT}
        said |= {f"PORT_{name}": port for name, port in self.ports.items()}
        for template in (HERE / "conf").iterdir():
            text = template.read_text()
            for name, value in said.items():
                text = text.replace(f"@{name}@", str(value))
            (self.conf / template.name).write_text(text)
        for name, text in files.items():
            (self.conf / name).write_text(text)

    def start(self, name: str) -> None:
        """Start one of the daemons, ``resourcemanager`` or ``nodemanager``."""
        with (self.folder / f"{name}.log").open("ab") as log:
            self.daemons[name] = subprocess.Popen(
                ["setpriv", "--pdeathsig", "KILL", HADOOP / "bin" / "yarn", name],  # killed tests leave nothing behind
                env=os.environ | self.environment | {"YARN_OPTS": f"-Dhadoop.log.dir={self.folder}"},
                stdout=log,
                stderr=log,
                start_new_session=True,
            )

    def wait(self, timeout: float = 90.0) -> None:
        """Wait until the NodeManager is registered."""
        end = time.monotonic() + timeout
        while self.ask("metrics").get("clusterMetrics", {}).get("activeNodes") != 1:
            late = time.monotonic() > end
            if late or any(daemon.poll() is not None for daemon in self.daemons.values()):
                pytest.fail("YARN is not up:\n" + "\n".join(_tail(log) for log in self.folder.glob("*.log")))
            time.sleep(0.05)

    def ask(self, what: str) -> dict[str, Any]:
        """Return what the ResourceManager's REST interface says, nothing while it is away."""
        try:
            with urllib.request.urlopen(
                f"http://127.0.0.1:{self.ports['RM_WEB']}/ws/v1/cluster/{what}", timeout=10
            ) as a:
                return json.load(a)
        except OSError:
            return {}

    def application(self, app_id: str) -> dict[str, Any]:
        """Return the ResourceManager's view of an application."""
        return self.ask(f"apps/{app_id}").get("app", {})

    def until(self, holds: Callable[[], Any], timeout: float = 60.0) -> Any:
        """Return what ``holds()`` returns once that is true; fail if it never is."""
        end = time.monotonic() + timeout
        while not (value := holds()):
            assert time.monotonic() < end, f"not so after {timeout} s"
            time.sleep(0.05)
        return value

    def processes(self, **variables: str) -> list[psutil.Process]:
        """Return the processes of containers, those that have ``variables`` in their environment."""
        wanted = {"HADOOP_CONF_DIR": str(self.conf)} | variables
        found = []
        for process in psutil.process_iter(["environ"]):
            environ = process.info["environ"] or {}
            found += [process] * ("CONTAINER_ID" in environ and wanted.items() <= environ.items())
        return found

    def kill_container(self, app_id: str, container: str) -> None:
        """Kill all processes of a container with SIGKILL."""
        processes = self.processes(SKEIN_APPLICATION_ID=app_id, SKEIN_CONTAINER_ID=container)
        assert processes
        for process in processes:
            with contextlib.suppress(psutil.NoSuchProcess):
                process.kill()

    def kill(self, name: str) -> None:
        """Kill a daemon with SIGKILL, and wait until it is gone."""
        daemon = self.daemons.pop(name)
        daemon.kill()
        daemon.wait(20)

    def close(self) -> None:
        """End the driver, the daemons and whatever their containers still run, and remove the folders."""
        if self.client is not None:
            self.client.close()
        for daemon in self.daemons.values():
            daemon.terminate()
        for daemon in self.daemons.values():
            try:
                daemon.wait(5)
            except subprocess.TimeoutExpired:  # a NodeManager waits for containers, which end below
                daemon.kill()
                daemon.wait(20)
        for process in self.processes():
            with contextlib.suppress(psutil.NoSuchProcess):
                process.kill()
        shutil.rmtree(self.folder, ignore_errors=True)


def _free_ports(n: int) -> list[int]:
    with contextlib.ExitStack() as stack:
        probes = [stack.enter_context(socket.socket()) for _ in range(n)]
        for probe in probes:
            probe.bind(("127.0.0.1", 0))
        return [probe.getsockname()[1] for probe in probes]


def _tail(log: Path) -> str:
    return f"{log.name}:\n" + "\n".join(log.read_text(errors="replace").splitlines()[-15:])


@contextlib.contextmanager
def running(scheduler: str, files: dict[str, str]) -> Iterator[Yarn]:
    if not (HADOOP / "lib").is_dir() or shutil.which("java") is None:
        pytest.fail("Hadoop is not installed: bash tests/yarn/setup.sh", pytrace=False)
    yarn = Yarn(scheduler, files)
    try:
        for daemon in ("resourcemanager", "nodemanager"):
            yarn.start(daemon)
        yarn.wait()
        yield yarn
    finally:
        yarn.close()


WORKER = queues.Size(512, 1)
"""A worker's container in these tests, on a node of 16 of them."""
CLOSED = '<queue name="closed" type="parent"><aclSubmitApps>somebody</aclSubmitApps></queue></queue>'
"""One more queue, into which not everybody may submit."""
USERS = ("ana", getpass.getuser())


@pytest.fixture(scope="session", autouse=True)
def skein_config(tmp_path_factory: pytest.TempPathFactory) -> Iterator[None]:
    """Where skein, which looks when it is imported, has its own keys: not in the user's home."""
    with pytest.MonkeyPatch.context() as patch:
        patch.setenv("SKEIN_CONFIG", str(tmp_path_factory.mktemp("skein")))
        yield


@pytest.fixture(scope="session")
def fair_yarn(skein_config: None) -> Iterator[Yarn]:
    """A YARN with the Fair Scheduler and our queues, as a node writes them; those of some users are written down."""
    size = ["--worker-memory", str(WORKER.memory), "--worker-vcores", str(WORKER.vcores)]
    write = [sys.executable, "-m", "dask_dataproc.init_actions.queues", "fair", "--users", ",".join(USERS), *size]
    written = subprocess.check_output(write, text=True)
    with running(
        "fair", {"fair-scheduler.xml": written.replace("  </queue>\n  <queueMax", f"{CLOSED}<queueMax")}
    ) as yarn:
        yield yarn


@pytest.fixture(scope="session")
def capacity_yarn(skein_config: None) -> Iterator[Yarn]:
    """A YARN with the Capacity Scheduler and our queues."""
    properties = queues.capacity_scheduler(8192, WORKER)
    properties["yarn.scheduler.capacity.root.background.acl_submit_applications"] = "somebody"
    with running("capacity", {"capacity-scheduler.xml": queues.as_xml(properties)}) as yarn:
        yield yarn


@pytest.fixture
def yarn(fair_yarn: Yarn, monkeypatch: pytest.MonkeyPatch) -> Iterator[Yarn]:
    """Be on a machine that knows a YARN. What a test leaves running is closed."""
    yield from _on(fair_yarn, monkeypatch)


@pytest.fixture
def capacity(capacity_yarn: Yarn, monkeypatch: pytest.MonkeyPatch) -> Iterator[Yarn]:
    """The same, with the Capacity Scheduler."""
    yield from _on(capacity_yarn, monkeypatch)


def _on(yarn: Yarn, monkeypatch: pytest.MonkeyPatch) -> Iterator[Yarn]:
    for name, value in yarn.environment.items():
        monkeypatch.setenv(name, value)
    yarn.client = yarn.client or yarn_driver.start_client()
    yield yarn
    while yarn.clusters:
        yarn.clusters.pop().close()
