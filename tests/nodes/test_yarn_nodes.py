"""Debian machines with YARN's containers on them: a machine that leaves takes no data along.

One cluster for all of it, which each test leaves with two machines or more.
"""

from __future__ import annotations

import os
import socket
import time
import zlib
from collections.abc import Iterator
from typing import Any

import pytest
from distributed import Client, Event

from dask_dataproc import DataprocCluster

from .online import cluster_on, on

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
def made(online_lab) -> Iterator[None]:
    """The one cluster, from the archive that the lab has."""
    with on(online_lab):
        cluster_on(online_lab, name=NAME, runtime="yarn", queue="batch", max_workers=3).detach()
    yield
    online_lab.delete(NAME)


@pytest.fixture
def cluster(made, online) -> Iterator[DataprocCluster]:
    with attached(online) as cluster:
        yield cluster


@pytest.fixture
def client(cluster) -> Iterator[Client]:
    with cluster.get_client() as client:
        yield client


def attached(lab: Any) -> DataprocCluster:
    return DataprocCluster.from_name(NAME, staging=f"gs://{lab.bucket}/dask", local=True)


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


def test_a_machine_that_is_scaled_away_hands_on_what_its_container_has(online, cluster, client):
    cluster.scale(3)
    assert set(places(client)) == nodes("w-0", "w-1", "sw-0")
    held = Held(client, places(client)[f"{NAME}-sw-0"])  # the head may choose to close another container
    cluster.scale(2)
    assert held.marks() == held.before
    online.until(lambda: set(places(client)) == nodes("w-0", "w-1"), 60)


def test_the_head_adapts_with_nobody_there_and_machines_follow_while_somebody_is(online, cluster):
    with cluster.get_client() as client:
        cluster.adapt(minimum=1, maximum=3, interval="200ms", target_duration="1s")
        client.publish_dataset(work=client.map(lambda i: (Event("go").wait("300s"), i)[1], range(40)))
    cluster.detach()
    with attached(online) as again, again.get_client() as client:
        adapts = {"minimum": 1, "maximum": 3, "wanted": 3}
        online.until(lambda: client.sync(client.scheduler.workers_state)["adapts"] == adapts)
        online.until(lambda: len(places(client)) == 3, 120)
        Event("go", client=client).set()
        assert client.gather(client.get_dataset("work")) == list(range(40))
        client.unpublish_dataset("work")
        online.until(lambda: len(places(client)) == 1, 60)
        online.until(lambda: again.record.total_workers == 2, 60)


def test_a_preempted_machine_hands_on_what_its_container_has_and_the_next_application_goes_on(online, cluster, client):
    cluster.scale(2)  # ends what the test above has begun
    master = "pgrep --full com.anaconda.skein.ApplicationMaster"
    (leaving,) = [node for node in nodes("w-0", "w-1") if online.run(node, master, check=False)]
    held = Held(client, places(client)[leaving])
    online.run(leaving, HARSH)
    began = time.monotonic()
    online.preempt(leaving)
    took = time.monotonic() - began
    assert took < NOTICE, "it was not off by itself"
    assert held.marks() == held.before
    assert set(places(client)) == nodes("w-0", "w-1") - {leaving}
    assert client.sync(client.scheduler.preemptions)["last_hour"] == 1
