"""Machines that go, with the only copy of what somebody computed: Debian nodes, real services, a real power-off."""

from __future__ import annotations

import os
import time
import zlib
from collections.abc import Iterator
from typing import Any

import pytest
import requests
from distributed import Client, Future, wait

from dask_dataproc import DataprocCluster

NOTICE = 30.0
"""Seconds that Compute Engine gives a machine."""
MEGABYTES = 40


@pytest.fixture
def client(cluster) -> Iterator[Client]:
    with cluster.get_client() as client:
        yield client


class Held:
    """Data of which one worker has the only copy: random, so that none can be computed again, and some scattered."""

    def __init__(self, client: Client, worker: str) -> None:
        self.client = client
        drawn = [client.submit(os.urandom, MEGABYTES << 20, pure=False, workers=[worker]) for _ in range(4)]
        self.futures: list[Future] = [*drawn, client.scatter(os.urandom(1000), workers=[worker])]
        self.before = self.marks(workers=[worker])
        assert self.holders() == {worker}

    def marks(self, **where: Any) -> list[int]:
        """What tells the data from other data, as workers find it."""
        wait(self.futures, timeout=60)
        return self.client.gather([self.client.submit(zlib.crc32, each, pure=False, **where) for each in self.futures])

    def fetched(self) -> list[int]:
        """As `marks`, where there may be no worker to compute them."""
        return [zlib.crc32(value) for value in self.client.gather(self.futures)]

    def holders(self) -> set[str]:
        """The names of the workers that have it."""
        workers = self.client.sync(self.client.scheduler.identity, n_workers=-1)["workers"]
        holders = {address for who in self.client.who_has(self.futures).values() for address in who}
        return {workers[address]["name"] for address in holders}


def spilled(lab, cluster: DataprocCluster) -> list[str]:
    """What of the cluster's data is in staging."""
    prefix = f"dask/clusters/{cluster.record.uuid}/spilled/"
    listed = requests.get(f"{lab.storage}/storage/v1/b/{lab.bucket}/o", params={"prefix": prefix}, timeout=30).json()
    return [item["name"] for item in listed.get("items", [])]


def names(client: Client) -> set[str]:
    """The workers there are, as the scheduler has it now."""
    workers = client.sync(client.scheduler.identity, n_workers=-1)["workers"].values()
    return {about["name"] for about in workers}


def test_a_service_that_is_stopped_hands_on_the_only_copy_and_nothing_is_computed_again(online, cluster, client):
    leaving, staying = (f"{cluster.name}-w-{number}" for number in range(2))
    held = Held(client, leaving)
    began = time.monotonic()
    online.run(leaving, "systemctl stop dask-worker")
    took = time.monotonic() - began
    assert held.marks() == held.before
    assert held.holders() == {staying}
    assert took < NOTICE
    assert online.run(leaving, "systemctl show dask-worker --property=Result --value") == "success"
    assert client.sync(client.scheduler.preemptions)["last_hour"] == 0


def test_a_preempted_machine_hands_on_the_only_copy_within_the_notice(online, cluster, client):
    leaving, staying = (f"{cluster.name}-w-{number}" for number in range(2))
    held = Held(client, leaving)
    began = time.monotonic()
    online.preempt(leaving)
    took = time.monotonic() - began
    assert held.marks() == held.before
    assert held.holders() == {staying}
    assert took < NOTICE, "it was not off by itself"
    assert client.sync(client.scheduler.preemptions)["last_hour"] == 1


def test_what_the_last_worker_has_waits_in_staging_for_the_next(online, cluster, client):
    first, last = (f"{cluster.name}-w-{number}" for number in range(2))
    online.run(first, "systemctl stop dask-worker")
    held = Held(client, last)
    began = time.monotonic()
    online.run(last, "systemctl stop dask-worker")
    took = time.monotonic() - began
    assert len(spilled(online, cluster)) == len(held.futures)
    assert held.fetched() == held.before, "it can be had though no worker is there"
    online.run(first, "systemctl start dask-worker")
    online.until(lambda: names(client) == {first}, 60)
    assert held.marks() == held.before
    online.until(lambda: spilled(online, cluster) == [])
    assert took < NOTICE
