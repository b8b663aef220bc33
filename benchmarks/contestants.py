"""The ways to a Dask cluster on one machine that are compared: each comes up, scales and closes as its users make it.

Dask is not imported at the top: what an import costs is measured too, and spawned workers read this file again.
"""

from __future__ import annotations

import os
import shutil
import socket
import subprocess
import sys
import tempfile
import time
import urllib.request
from pathlib import Path
from typing import TYPE_CHECKING, ClassVar

import psutil
from processes import tree

if TYPE_CHECKING:
    from distributed import Client

ENDS = 10.0
"""Seconds that a process started by hand gets to end after SIGTERM."""
START = 60.0


class Contestant:
    """One way to a cluster, some with a service that stands before anybody asks for one.

    Attributes
    ----------
    imports : tuple of str
        The modules that a user has imported before.
    client : Client
        Of the cluster, once it is up.
    """

    imports: ClassVar[tuple[str, ...]] = ("distributed",)
    client: Client

    def up(self, n: int) -> None:
        """Make a cluster of ``n`` workers and a client."""
        raise NotImplementedError

    def scale(self, n: int) -> None:
        """Ask for ``n`` workers in all."""
        raise NotImplementedError

    def close(self) -> None:
        """End the cluster."""
        raise NotImplementedError

    def before(self) -> None:
        """Run in another process, before each measurement."""

    def prepare(self) -> None:
        """Start, in the measured process but before the clock does, what must stand already."""

    def service(self) -> set[psutil.Process]:
        """Return the processes that stand beside the cluster and outlive it."""
        return set()

    def finish(self) -> None:
        """End what `prepare` started."""


class LocalCluster(Contestant):
    """Dask's own, with worker processes."""

    def up(self, n: int) -> None:
        from distributed import Client, LocalCluster

        self.cluster = LocalCluster(n_workers=n, processes=True, threads_per_worker=1, dashboard_address="127.0.0.1:0")
        self.client = Client(self.cluster)

    def scale(self, n: int) -> None:
        self.cluster.scale(n)

    def close(self) -> None:
        self.client.close()
        self.cluster.close()


class ByHand(Contestant):
    """``dask scheduler`` and ``dask worker``, all started at once on a port chosen beforehand."""

    scheduler: ClassVar[tuple[str, ...]] = ("--dashboard-address", "127.0.0.1:0")
    worker: ClassVar[tuple[str, ...]] = ()

    def up(self, n: int) -> None:
        from distributed import Client

        self.folder, self.processes = tempfile.mkdtemp(), []
        port = free_port()
        self.address = f"tcp://127.0.0.1:{port}"
        self._dask("scheduler", "--host", "127.0.0.1", "--port", str(port), *self.scheduler)
        self.scale(n)
        answers(port)  # a Client that comes too early backs off for a second
        self.client = Client(self.address, timeout=START)

    def scale(self, n: int) -> None:
        for _ in range(n - len(self.processes) + 1):
            self._dask("worker", self.address, "--nthreads", "1", "--host", "127.0.0.1", *self.worker)

    def close(self) -> None:
        self.client.close()
        # Workers first: told to end together with their scheduler, a worker may wait for it for minutes.
        for group in (self.processes[1:], self.processes[:1]):
            for process in group:
                process.terminate()
            for process in group:
                end(process)
        shutil.rmtree(self.folder, ignore_errors=True)

    def _dask(self, *arguments: str) -> None:
        command = [Path(sys.executable).with_name("dask"), *arguments]
        quiet = {"stdout": subprocess.DEVNULL, "stderr": subprocess.DEVNULL}
        self.processes.append(subprocess.Popen(command, cwd=self.folder, **quiet))


class ByHandLean(ByHand):
    """The same, with no nannies and no dashboard: the least that separate processes cost."""

    scheduler = ("--no-dashboard",)
    worker = ("--no-nanny", "--no-dashboard")


class Gateway(Contestant):
    """dask-gateway's local backend and its own proxy, the server standing already."""

    imports = ("distributed", "dask_gateway")

    def prepare(self) -> None:
        self.folder, self.port = tempfile.mkdtemp(), free_port(3)
        bin_folder = Path(sys.executable).parent
        settings = Path(__file__).with_name("gateway_config.py")
        environment = os.environ | {"GATEWAY_PORT": str(self.port), "GATEWAY_FOLDER": self.folder}
        environment["PATH"] = f"{bin_folder}:{environment['PATH']}"
        self.log = open(f"{self.folder}/log.txt", "wb")  # noqa: SIM115
        command = [bin_folder / "dask-gateway-server", "-f", settings]
        self.server = subprocess.Popen(command, env=environment, cwd=self.folder, stdout=self.log, stderr=self.log)
        answers(self.port + 1, "/api/health")
        self.standing = tree([self.server.pid])

    def service(self) -> set[psutil.Process]:
        return self.standing

    def up(self, n: int) -> None:
        from dask_gateway import Gateway

        address, proxy = f"http://127.0.0.1:{self.port + 1}", f"tls://127.0.0.1:{self.port + 2}"
        self.gateway = Gateway(address, proxy_address=proxy, auth="basic")
        self.cluster = self.gateway.new_cluster()
        self.cluster.scale(n)
        self.client = self.cluster.get_client()

    def scale(self, n: int) -> None:
        self.cluster.scale(n)

    def close(self) -> None:
        self.client.close()
        self.cluster.close(shutdown=True)
        self.gateway.close()

    def finish(self) -> None:
        self.server.terminate()
        end(self.server)
        self.log.close()
        shutil.rmtree(self.folder, ignore_errors=True)


class Dataproc(Contestant):
    """Ours, with the emulator running and at rest."""

    imports = ("distributed", "dask_dataproc.clusters.cluster", "google.cloud.dataproc_v1")

    def before(self) -> None:
        """Start the emulator and wait until a cluster has its plots from the start: then it has imported everything."""
        deadline = time.monotonic() + START
        while not self._plots_at_once():
            if time.monotonic() > deadline:
                raise TimeoutError("the emulator's clusters still start without their plots")
            time.sleep(2)  # it imports them when nobody has asked it for anything for a second

    def service(self) -> set[psutil.Process]:
        """Return the emulator and the process it forks machines from."""
        from dask_dataproc.clusters.local import emulator_status

        emulators = [psutil.Process(running["pid"])] if (running := emulator_status()) else []
        return {process for emulator in emulators for process in (emulator, *emulator.children())}

    def up(self, n: int) -> None:
        from dask_dataproc import DataprocCluster

        self.cluster = DataprocCluster(n_workers=n, local=True)
        self.client = self.cluster.get_client()

    def scale(self, n: int) -> None:
        self.cluster.scale(n)

    def close(self) -> None:
        self.client.close()
        self.cluster.close()

    def _plots_at_once(self) -> bool:
        from dask_dataproc import DataprocCluster

        with DataprocCluster(workers=0, local=True) as cluster:
            return has_plots(cluster.dashboard_link)


class DataprocCold(Dataproc):
    """Ours, with no emulator running: the call starts it."""

    def before(self) -> None:
        """Stop the emulator."""
        from dask_dataproc.clusters.local import emulator_stop

        emulator_stop()


class DataprocColdest(DataprocCold):
    """Ours, with neither an emulator nor Google's client imported: the call does both at once."""

    imports = ("distributed", "dask_dataproc.clusters.cluster")


def free_port(n: int = 1) -> int:
    """Return a port that was free a moment ago, below the range that systems give out: so are the next ones, likely."""
    while True:
        with socket.socket() as probe:
            probe.bind(("127.0.0.1", 0))
            if (port := probe.getsockname()[1]) + n < 60000:
                return port


def answers(port: int, path: str = "") -> None:
    """Wait until ``port`` of this machine accepts connections, or answers a GET of ``path``."""
    deadline = time.monotonic() + START
    while time.monotonic() < deadline:
        try:
            if path:
                urllib.request.urlopen(f"http://127.0.0.1:{port}{path}", timeout=1).close()
            else:
                socket.create_connection(("127.0.0.1", port), 1).close()
            return
        except OSError:
            time.sleep(0.01)
    raise TimeoutError(f"nothing answers on port {port}")


def has_plots(dashboard: str) -> bool:
    """Return whether the dashboard's page is there now."""
    try:
        with urllib.request.urlopen(dashboard, timeout=START) as answer:
            return answer.status == 200
    except OSError:
        return False


def end(process: subprocess.Popen[bytes]) -> None:
    """Wait for ``process`` to end; kill it if it takes too long."""
    try:
        process.wait(ENDS)
    except subprocess.TimeoutExpired:
        process.kill()
        process.wait()
