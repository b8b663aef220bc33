"""Real Debian nodes as the emulator's VMs, a Cloud Storage server that they reach, and a root shell on each."""

from __future__ import annotations

import asyncio
import contextlib
import json
import os
import socket
import subprocess
import time
import uuid
from collections.abc import Callable, Iterator
from functools import cached_property
from pathlib import Path
from typing import Any

import grpc
import psutil
import pytest
import requests
from google.api_core import exceptions
from google.api_core.future.polling import DEFAULT_POLLING
from google.cloud import dataproc_v1
from google.cloud.dataproc_v1.services.cluster_controller.transports import ClusterControllerGrpcTransport

from dask_dataproc import DataprocCluster
from dask_dataproc.clusters.local import emulator_start, emulator_status
from dask_dataproc.emulator.debian import DebianMachines
from dask_dataproc.emulator.vms import Vm

from .online import cluster_on, on, wait_for_archive

BUILD = Path(__file__).parents[2] / "build"
BASE, HADOOP, GCS_SERVER = BUILD / "nodes" / "base", BUILD / "nodes" / "hadoop", BUILD / "bin" / "fake-gcs-server"
POLLING = DEFAULT_POLLING.with_delay(initial=0.02, maximum=0.1, multiplier=1.3).with_timeout(240)
PLACE = {"project_id": "local", "region": "us-central1"}
PATH = "/usr/local/sbin:/usr/local/bin:/usr/sbin:/usr/bin:/sbin:/bin"


class Lab:
    """An emulator with Debian nodes on a laptop, and a Cloud Storage server on the host's end of their network.

    Attributes
    ----------
    laptop : Laptop
    host : str
        The host's address as the nodes see it: for whatever server a test starts for them.
    storage : str
        URL of the Cloud Storage server, the same for nodes and host.
    bucket : str
        One that is there from the start.
    """

    def __init__(self, laptop: Any) -> None:
        self.laptop = laptop
        with laptop.here():
            self.target = emulator_start().target
            self.host = emulator_status()["nodes"]["host"]
        self._log = laptop.folder / "gcs.txt"
        port = _free_port(self.host)
        self.storage, address = f"http://{self.host}:{port}", f"{self.host}:{port}"
        place = ["-host", self.host, "-port", str(port), "-public-host", address, "-external-url", self.storage]
        with self._log.open("w") as log:
            command = [GCS_SERVER, "-scheme", "http", "-backend", "memory", *place]
            self._server = subprocess.Popen(command, stdout=log, stderr=log)
        self.until(lambda: self._server.poll() is not None or _listens(self.host, port), 20)
        assert self._server.poll() is None, self._log.read_text()
        self.bucket = self.new_bucket()

    def close(self) -> None:
        self._server.terminate()
        self._server.wait(10)

    # The API, through Google's own client.

    @cached_property
    def client(self) -> dataproc_v1.ClusterControllerClient:
        transport = ClusterControllerGrpcTransport(host="emulator", channel=grpc.insecure_channel(self.target))
        return dataproc_v1.ClusterControllerClient(transport=transport)

    def create(self, name: str, metadata: dict[str, str] | None = None, **config: Any) -> dataproc_v1.Cluster:
        """Create a cluster, two workers unless ``worker_config`` says otherwise, and wait until it runs."""
        gce = {"metadata": {"dask-storage-endpoint": self.storage} | (metadata or {})}
        cluster = {"cluster_name": name, "config": {"gce_cluster_config": gce} | config}
        return self.client.create_cluster(request={**PLACE, "cluster": cluster}).result(polling=POLLING)

    def resize(self, name: str, workers: int) -> None:
        cluster = {"config": {"worker_config": {"num_instances": workers}}}
        mask = {"paths": ["config.worker_config.num_instances"]}
        request = {**PLACE, "cluster_name": name, "cluster": cluster, "update_mask": mask}
        self.client.update_cluster(request=request).result(polling=POLLING)

    def stop(self, name: str) -> None:
        self.client.stop_cluster(request={**PLACE, "cluster_name": name}).result(polling=POLLING)

    def start(self, name: str) -> None:
        self.client.start_cluster(request={**PLACE, "cluster_name": name}).result(polling=POLLING)

    def status(self, name: str) -> str:
        return self.client.get_cluster(cluster_name=name, **PLACE).status.state.name

    def delete(self, name: str) -> None:
        with contextlib.suppress(exceptions.NotFound):
            self.client.delete_cluster(cluster_name=name, **PLACE).result(polling=POLLING)

    # The nodes.

    def vm(self, node: str) -> Vm:
        """The machine of that name, as the emulator keeps it on disk."""
        for file in (self.laptop.state / "emulator" / "clusters").glob("*.json"):
            for vm in json.loads(file.read_text())["vms"]:
                if vm["name"] == node:
                    return Vm.from_dict(vm)
        raise LookupError(f"there is no node {node}")

    @property
    def machines(self) -> DebianMachines:
        """The machines as another process sees them: what can be done to one without the emulator."""
        return DebianMachines(self.laptop.runtime, self.laptop.state / "emulator" / "machines", BASE)

    def address(self, node: str) -> str:
        return self.machines.address(self.vm(node))

    def log(self, node: str) -> str:
        """What its console has shown: its journal."""
        return self.vm(node).log.read_text()

    def run(self, node: str, script: str, check: bool = True) -> str:
        """Run a shell script on a node as root and return what it printed, errors too."""
        enter = ["nsenter", "--target", str(self.machines.leader(self.vm(node))), "--wdns=/"]
        enter += ["--mount", "--uts", "--ipc", "--net", "--pid", "--cgroup"]
        command = [*enter, "env", "-i", f"PATH={PATH}", "HOME=/root", "bash", "-c", script]
        done = subprocess.run(command, stdout=subprocess.PIPE, stderr=subprocess.STDOUT, text=True, timeout=120)
        assert not check or not done.returncode, f"{node}: {script}: {done.returncode}: {done.stdout}"
        return done.stdout.strip()

    def is_up(self, node: str) -> bool:
        try:
            return self.run(node, "systemctl is-system-running", check=False) in ("running", "degraded")
        except ProcessLookupError:
            return False

    def reboot(self, node: str) -> None:
        """Reboot a node and wait until it is up again."""
        first = self.machines.leader(self.vm(node))
        asyncio.run(self.machines.reboot(self.vm(node)))
        self.until(lambda: not psutil.pid_exists(first), 60)
        self.until(lambda: self.is_up(node), 60)

    def preempt(self, node: str) -> None:
        """Take a node away as Compute Engine takes a spot VM; returns when it is off."""
        asyncio.run(self.machines.preempt(self.vm(node)))

    def cut_power(self, node: str) -> None:
        """Take a node away at once: its cable first, so that nobody is told by what ends on it."""
        port = f"port{self.address(node).split('.')[-1]}"
        inside = ["nsenter", "--target", str(self.machines.lab.pid), "--net"]
        subprocess.run([*inside, "ip", "link", "set", port, "down"], check=True)
        os.kill(self.vm(node).pid, 9)
        self.until(lambda: not self.machines.alive(self.vm(node)))

    def processes(self, *nodes: str) -> list[psutil.Process]:
        """Everything that runs on nodes, by their control groups; ``info`` has names and command lines."""
        groups = {self.machines.group(self.vm(node).key) for node in nodes}
        return [process for process in psutil.process_iter(["name", "cmdline"]) if _groups(process.pid) & groups]

    def until(self, holds: Callable[[], Any], timeout: float = 30.0) -> Any:
        """Return what ``holds()`` returns once that is true; fail if it never is."""
        return self.laptop.until(holds, timeout)

    # Cloud Storage.

    def leads(self) -> dict[str, str]:
        """The environment that leads storage clients to it, as those of the nodes."""
        # gcsfs would probe for a feature that no emulator has, for a minute.
        return {"STORAGE_EMULATOR_HOST": self.storage, "GCSFS_EXPERIMENTAL_ZB_HNS_SUPPORT": "false"}

    def new_bucket(self) -> str:
        name = f"test-{uuid.uuid4().hex[:12]}"
        requests.post(f"{self.storage}/storage/v1/b?project=test", json={"name": name}, timeout=10).raise_for_status()
        return name

    def objects(self, bucket: str, prefix: str) -> list[str]:
        """The names of the objects that begin so."""
        answer = requests.get(f"{self.storage}/storage/v1/b/{bucket}/o", params={"prefix": prefix}, timeout=30)
        return [item["name"] for item in answer.json().get("items", [])]

    def put(self, bucket: str, name: str, content: str | bytes) -> str:
        """Write an object and return its URL, ``gs://…``."""
        url = f"{self.storage}/upload/storage/v1/b/{bucket}/o"
        data = content.encode() if isinstance(content, str) else content
        requests.post(url, params={"uploadType": "media", "name": name}, data=data, timeout=30).raise_for_status()
        return f"gs://{bucket}/{name}"

    def get(self, url: str) -> str:
        """The text of an object, ``gs://…``."""
        bucket, _, name = url.removeprefix("gs://").partition("/")
        quoted = requests.utils.quote(name, safe="")
        answer = requests.get(f"{self.storage}/storage/v1/b/{bucket}/o/{quoted}?alt=media", timeout=30)
        answer.raise_for_status()
        return answer.text


@pytest.fixture(scope="session")
def new_lab(new_laptop) -> Iterator[Callable[..., Lab]]:
    """Makes labs: ``new_lab(emulator__internet="true")``; the programs and the root file system have to be there."""
    for what in (BASE / "etc" / "lab-base", GCS_SERVER):
        if not what.exists():
            pytest.fail(f"{what} is missing: sudo bash tests/nodes/setup.sh", pytrace=False)
    made: list[Lab] = []

    def make(**settings: str) -> Lab:
        layers = str(HADOOP) if HADOOP.is_dir() else ""
        own = {"emulator__nodes": "debian", "emulator__image": str(BASE), "emulator__layers": layers}
        made.append(Lab(new_laptop(**own | settings)))
        return made[-1]

    yield make
    for lab in made:
        lab.close()


@pytest.fixture(scope="session")
def shared_lab(new_lab) -> Lab:
    """One lab that stays up; clusters on it have names of their own."""
    return new_lab()


@pytest.fixture(scope="session")
def debian_laptop(shared_lab):
    """The laptop of the shared lab: ``with debian_laptop.here()``, and clusters have Debian nodes."""
    return shared_lab.laptop


@pytest.fixture
def lab(shared_lab) -> Iterator[Lab]:
    """Be on the shared lab's laptop for a test; the clusters that it leaves are deleted."""
    with shared_lab.laptop.here():
        before = {cluster.cluster_name for cluster in shared_lab.client.list_clusters(request=PLACE)}
        yield shared_lab
        for cluster in shared_lab.client.list_clusters(request=PLACE):
            if cluster.cluster_name not in before:
                shared_lab.delete(cluster.cluster_name)


@pytest.fixture
def bucket(lab, monkeypatch: pytest.MonkeyPatch) -> str:
    """A new bucket's name; storage clients of this process and of its kernels are led to it, as those of the nodes."""
    for name, value in lab.leads().items():
        monkeypatch.setenv(name, value)
    return lab.new_bucket()


@pytest.fixture(scope="session")
def online_lab(new_lab) -> Lab:
    """One lab whose nodes reach the package index, and in its bucket the archive of this kernel's environment."""
    lab = new_lab(emulator__internet="true")
    with on(lab), cluster_on(lab, n_workers=0) as builder:
        wait_for_archive(lab, builder.name)
    return lab


@pytest.fixture
def online(online_lab) -> Iterator[Lab]:
    """Be on that lab's laptop for a test."""
    with on(online_lab):
        yield online_lab


@pytest.fixture(scope="session", params=["standalone", "yarn"])
def shared_cluster(online_lab, request) -> Iterator[DataprocCluster]:
    """A cluster there of each runtime, for tests that leave it working, if perhaps on fewer machines."""
    with on(online_lab):
        cluster = cluster_on(online_lab, runtime=request.param, queue="batch")
    yield cluster
    with on(online_lab):
        cluster.close()


@pytest.fixture
def cluster(online) -> Iterator[DataprocCluster]:
    """A cluster of two workers there, for this test alone."""
    with cluster_on(online) as cluster:
        yield cluster


def _groups(pid: int) -> set[str]:
    """The first parts of the control groups of a process."""
    try:
        lines = Path(f"/proc/{pid}/cgroup").read_text().splitlines()
    except (FileNotFoundError, ProcessLookupError):
        return set()
    return {line.split(":", 2)[2].strip("/").split("/")[0] for line in lines}


def _free_port(host: str) -> int:
    with socket.socket() as probe:
        probe.bind((host, 0))
        return probe.getsockname()[1]


def _listens(host: str, port: int) -> bool:
    try:
        socket.create_connection((host, port), timeout=1).close()
    except OSError:
        time.sleep(0.02)
        return False
    return True
