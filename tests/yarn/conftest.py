"""A real YARN per scheduler: Hadoop's ResourceManager and one NodeManager, on free ports, in folders of their own."""

from __future__ import annotations

import contextlib
import getpass
import json
import os
import shutil
import signal
import socket
import subprocess
import sys
import tempfile
import time
import urllib.request
from collections.abc import Callable, Iterator
from pathlib import Path
from typing import Any

import psutil
import pytest

import dask_dataproc

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

    def __init__(self, scheduler: str, queues: dict[str, str]) -> None:
        self.folder = Path(tempfile.mkdtemp(prefix="dd-yarn-"))
        self.conf, self.data = self.folder / "conf", self.folder / "data"
        for made in (self.conf, self.data / "fs" / "user", self.data / "fs" / "app-logs", self.folder / "home"):
            made.mkdir(parents=True)
        for shared in (self.data / "fs" / "user", self.data / "fs" / "app-logs"):
            shared.chmod(0o1777)
        self.ports = dict(zip(PORTS, _free_ports(len(PORTS)), strict=True))
        self._write_conf(SCHEDULERS[scheduler], queues)
        self.python = f"python://{sys.executable}"
        self.environment = {
            "HADOOP_CONF_DIR": str(self.conf),
            "PATH": f"{HADOOP / 'bin'}:{os.environ['PATH']}",
            "SKEIN_CONFIG": str(self.folder / "home"),
        }
        self.daemons: dict[str, subprocess.Popen[bytes]] = {}

    def _write_conf(self, scheduler: str, queues: dict[str, str]) -> None:
        said = {"DATA": self.data, "CONF": self.conf, "LIB": HADOOP / "lib", "USER": getpass.getuser()}
        said |= {"SCHEDULER": scheduler, "HEARTBEAT": HEARTBEAT}
        said |= {f"PORT_{name}": port for name, port in self.ports.items()}
        for template in (HERE / "conf").iterdir():
            text = template.read_text()
            for name, value in said.items():
                text = text.replace(f"@{name}@", str(value))
            (self.conf / template.name).write_text(text)
        for name, text in queues.items():
            (self.conf / name).write_text(text)

    def start(self, name: str) -> None:
        """Start one of the daemons, ``resourcemanager`` or ``nodemanager``."""
        with (self.folder / f"{name}.log").open("ab") as log:
            self.daemons[name] = subprocess.Popen(
                [HADOOP / "bin" / "yarn", name],
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
            with urllib.request.urlopen(f"http://127.0.0.1:{self.ports['RM_WEB']}/ws/v1/cluster/{what}", timeout=10) as a:
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

    def processes(self, *words: str) -> list[psutil.Process]:
        """Return the processes of containers whose command line has all of ``words``."""
        found = []
        for process in psutil.process_iter(["cmdline", "environ"]):
            environ = process.info["environ"] or {}
            line = " ".join(process.info["cmdline"] or ())
            if environ.get("HADOOP_CONF_DIR") == str(self.conf) and "CONTAINER_ID" in environ:
                found += [process] * all(word in line for word in words)
        return found

    def kill(self, name: str) -> None:
        """Kill a daemon with SIGKILL, and wait until it is gone."""
        daemon = self.daemons.pop(name)
        daemon.kill()
        daemon.wait(20)

    def close(self) -> None:
        """End the daemons and whatever their containers still run, and remove the folders."""
        for daemon in self.daemons.values():
            daemon.terminate()
        for daemon in self.daemons.values():
            try:
                daemon.wait(20)
            except subprocess.TimeoutExpired:
                daemon.kill()
                daemon.wait(20)
        for process in self.processes():
            with contextlib.suppress(psutil.NoSuchProcess):
                process.send_signal(signal.SIGKILL)
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
def running(scheduler: str, queues: dict[str, str]) -> Iterator[Yarn]:
    if not (HADOOP / "lib").is_dir() or shutil.which("java") is None:
        pytest.fail("Hadoop is not installed: bash tests/yarn/setup.sh", pytrace=False)
    yarn = Yarn(scheduler, queues)
    try:
        for daemon in ("resourcemanager", "nodemanager"):
            yarn.start(daemon)
        yarn.wait()
        yield yarn
    finally:
        yarn.close()
