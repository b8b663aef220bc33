"""A real emulator, and the unmodified google-cloud-dataproc client wired to it without anything of ``clusters/``."""

from __future__ import annotations

import contextlib
import json
import os
import shutil
import signal
import socket
import subprocess
import sys
import tempfile
import time
import uuid
from collections.abc import Callable, Iterator
from pathlib import Path
from typing import Any

import grpc
import psutil
import pytest
from google.api_core import exceptions
from google.api_core.future.polling import DEFAULT_POLLING
from google.cloud import dataproc_v1
from google.cloud.dataproc_v1.services.autoscaling_policy_service.transports import (
    AutoscalingPolicyServiceGrpcTransport,
)
from google.cloud.dataproc_v1.services.cluster_controller.transports import (
    ClusterControllerGrpcAsyncIOTransport,
    ClusterControllerGrpcTransport,
)
from google.cloud.dataproc_v1.services.job_controller.transports import JobControllerGrpcTransport

POLLING = DEFAULT_POLLING.with_delay(initial=0.02, maximum=0.1, multiplier=1.3).with_timeout(120)
PROJECT, REGION = "test-project", "us-central1"
PLACE = {"project_id": PROJECT, "region": REGION}


def eventually(holds: Callable[[], Any], timeout: float = 60.0) -> Any:
    """Return what ``holds()`` returns once that is true; fail if it never is."""
    end = time.monotonic() + timeout
    while not (value := holds()):
        assert time.monotonic() < end, f"not so after {timeout} s: {holds}"
        time.sleep(0.02)
    return value


class Dataproc:
    """One emulator process with its folders, and clients for it."""

    place = PLACE

    def __init__(self, folder: Path, *arguments: str) -> None:
        self.folder = folder
        self.runtime, self.state = folder / "r", folder / "s"
        self.arguments = arguments
        self.start()

    def start(self) -> None:
        command = [sys.executable, "-m", "dask_dataproc.emulator", "--runtime", self.runtime, "--state", self.state]
        self.log = self.folder / "log.txt"
        with open(self.log, "ab") as log:
            self.process = subprocess.Popen([*command, *self.arguments], stdout=log, stderr=log, cwd=self.folder)
        eventually(lambda: self.process.poll() is not None or self.announcement().get("pid") == self.process.pid)
        assert self.process.poll() is None, self.log.read_text()
        self.channel = grpc.insecure_channel(self.target)
        self.clusters = dataproc_v1.ClusterControllerClient(
            transport=ClusterControllerGrpcTransport(host="emulator", channel=self.channel)
        )
        self.jobs = dataproc_v1.JobControllerClient(
            transport=JobControllerGrpcTransport(host="emulator", channel=self.channel)
        )
        self.policies = dataproc_v1.AutoscalingPolicyServiceClient(
            transport=AutoscalingPolicyServiceGrpcTransport(host="emulator", channel=self.channel)
        )
        self.operations = self.clusters.transport.operations_client

    @property
    def target(self) -> str:
        return f"unix:{self.runtime}/dataproc.sock"

    def asynchronous(self) -> dataproc_v1.ClusterControllerAsyncClient:
        channel = grpc.aio.insecure_channel(self.target)
        transport = ClusterControllerGrpcAsyncIOTransport(host="emulator", channel=channel)
        return dataproc_v1.ClusterControllerAsyncClient(transport=transport)

    def announcement(self) -> dict[str, Any]:
        try:
            return json.loads((self.runtime / "emulator.json").read_text())
        except FileNotFoundError:
            return {}

    def stop(self, number: int = signal.SIGTERM) -> int:
        self.process.send_signal(number)
        self.channel.close()
        return self.process.wait(30)

    def definition(self, name: str | None = None, **config: Any) -> dict[str, Any]:
        """A cluster's definition: small, with the staging folder that the head needs."""
        staging = {"metadata": {"dask-staging": str(self.folder / "staging")}}
        gce = staging | config.pop("gce_cluster_config", {})
        labels = config.pop("labels", {})
        return {
            "cluster_name": name or f"c-{uuid.uuid4().hex[:8]}",
            "labels": labels,
            "config": {"gce_cluster_config": gce} | config,
        }

    def single(self, name: str | None = None, **config: Any) -> dict[str, Any]:
        """The definition of a single node: the smallest cluster there is."""
        software = {"properties": {"dataproc:dataproc.allow.zero.workers": "true"}}
        return self.definition(name, software_config=software, **config)

    def create(self, definition: dict[str, Any], **request: Any) -> dataproc_v1.Cluster:
        """Create a cluster and wait until it runs."""
        operation = self.clusters.create_cluster(request={**PLACE, "cluster": definition, **request})
        return operation.result(polling=POLLING)

    def update(self, name: str, mask: str, cluster: dict[str, Any], **request: Any) -> dataproc_v1.Cluster:
        """Update one field of a cluster and wait for that."""
        given = {**PLACE, "cluster_name": name, "cluster": cluster, "update_mask": {"paths": [mask]}, **request}
        return self.clusters.update_cluster(request=given).result(polling=POLLING)

    def delete(self, name: str) -> None:
        """Delete a cluster and wait until it is gone."""
        self.clusters.delete_cluster(cluster_name=name, **PLACE).result(polling=POLLING)

    def get(self, name: str) -> dataproc_v1.Cluster:
        return self.clusters.get_cluster(cluster_name=name, **PLACE)

    def names(self, **request: Any) -> list[str]:
        return [cluster.cluster_name for cluster in self.clusters.list_clusters(request={**PLACE, **request})]

    def ask(self, **request: Any) -> dict[str, Any]:
        """Ask something of the control socket."""
        with socket.socket(socket.AF_UNIX) as client:
            client.connect(str(self.runtime / "control.sock"))
            client.sendall(json.dumps(request).encode() + b"\n")
            return json.loads(client.makefile().readline())

    def fault(self, kind: str, times: int = 1, **settings: Any) -> list[str]:
        """Have something go wrong; return the machines struck at once."""
        return self.ask(do="ask", kind=kind, times=times, settings=settings)["struck"]

    def processes(self, name: str = "") -> dict[str, psutil.Process]:
        """The first processes of the VMs of a cluster, or of all, as the state files know them and as they live."""
        found = {}
        for file in (self.state / "emulator" / "clusters").glob("*.json"):
            kept = json.loads(file.read_text())
            if name in ("", kept["cluster"]["cluster_name"]):
                found |= {vm["name"]: process for vm in kept["vms"] if (process := living(vm["pid"], vm["created"]))}
        return found

    def close(self) -> None:
        """End the server and every VM, by pid."""
        if self.process.poll() is None:
            for name in self.names():
                delete_if_there(self.delete, name)
            self.stop()
        for process in self.processes().values():
            os.killpg(process.pid, signal.SIGKILL)


def living(pid: int, created: float) -> psutil.Process | None:
    """Return the process of that pid and time of creation, if it runs: it may go at any moment."""
    with contextlib.suppress(psutil.NoSuchProcess):
        process = psutil.Process(pid)
        if process.create_time() == created and process.status() != psutil.STATUS_ZOMBIE:
            return process
    return None


def delete_if_there(delete: Callable[[str], None], name: str) -> None:
    """Delete a cluster that may just be going by itself."""
    try:
        delete(name)
    except (exceptions.NotFound, exceptions.FailedPrecondition):
        return


@pytest.fixture(scope="module")
def dataproc() -> Iterator[Dataproc]:
    """An emulator shared by a module's tests, each with clusters of its own names; they end with the module."""
    # Not tmp_path: the path of a unix socket may have 107 bytes.
    emulator = Dataproc(Path(tempfile.mkdtemp(prefix="dp-")))
    yield emulator
    emulator.close()
    shutil.rmtree(emulator.folder, ignore_errors=True)


@pytest.fixture
def own_dataproc() -> Iterator[Callable[..., Dataproc]]:
    """Starts emulators of this test alone: ``own_dataproc("--idle", "1")``."""
    yield from _starter()


@pytest.fixture(scope="module")
def module_dataproc() -> Iterator[Callable[..., Dataproc]]:
    """Starts emulators of this module's tests."""
    yield from _starter()


def _starter() -> Iterator[Callable[..., Dataproc]]:
    made: list[Dataproc] = []

    def start(*arguments: str) -> Dataproc:
        made.append(Dataproc(Path(tempfile.mkdtemp(prefix="dp-")), *arguments))
        return made[-1]

    yield start
    for emulator in made:
        emulator.close()
        shutil.rmtree(emulator.folder, ignore_errors=True)


@pytest.fixture(scope="session")
def until() -> Callable[..., Any]:
    """``until(lambda: …)``: wait for something to be so."""
    return eventually
