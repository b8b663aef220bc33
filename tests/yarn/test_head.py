"""The head's containers on a YARN: as many as the work asks for, with nobody watching, and what they hold is kept."""

from __future__ import annotations

import asyncio
import contextlib
import json
import os
import random
import subprocess
import sys
from collections.abc import Iterator
from pathlib import Path
from typing import Any

import psutil
import pytest
from distributed import Client, Event

from dask_dataproc.clusters import connection

UUID = "0b9e5a54-2b0a-4bd4-9b3e-6a4f4a3d9c11"
QUICK = {"interval": "200ms", "target_duration": "1s", "wait_count": 3}


class Head:
    """The head's program as a process of its own; its containers are small, and hold little."""

    def __init__(self, yarn: Any, folder: Path) -> None:
        self.yarn, self.folder, self.staging = yarn, folder, f"file://{folder}/staging"
        metadata = {
            "name": "c-m",
            "dask-runtime": "yarn",
            "dask-staging": self.staging,
            "dataproc-cluster-uuid": UUID,
            "dataproc-cluster-name": "c",
            "dask-scheduler-port": "0",
            "dask-dashboard-port": "0",
            "dask-worker-port": "0",
            "dask-workers": "2",
            "dask-queue": "batch",
            "dask-container-vcores": "1",
            "dask-container-memory": "512",
        }
        (folder / "metadata.json").write_text(json.dumps(metadata))
        with (folder / "log.txt").open("wb") as log:
            self.process = subprocess.Popen(
                [sys.executable, "-m", "dask_dataproc.init_actions.head"],
                env=os.environ | {"NODE_METADATA": str(folder / "metadata.json")},
                stdout=log,
                stderr=log,
            )

    @contextlib.contextmanager
    def client(self) -> Iterator[Client]:
        """Be a notebook's client; at the end the head is left to itself."""
        found = asyncio.run(asyncio.wait_for(connection.find(self.staging, UUID), 60))
        with Client(found.scheduler, security=found.security()) as client:
            yield client

    def containers(self) -> set[str]:
        """The containers in which workers run, whatever Dask knows of them."""
        environments = [each.info["environ"] for each in self.yarn.processes()]
        return {each["CONTAINER_ID"] for each in environments if "SKEIN_CONTAINER_ID" in each}

    def kill_master(self) -> None:
        """Kill the application's master, as if its machine had gone: YARN ends all containers of the application."""
        for each in self.yarn.processes():
            if "SKEIN_CONTAINER_ID" not in each.info["environ"]:
                with contextlib.suppress(psutil.NoSuchProcess):  # one may end because another has been killed
                    each.kill()

    def close(self) -> None:
        self.process.terminate()
        try:
            self.process.wait(30)
        finally:
            self.process.kill()
            print((self.folder / "log.txt").read_text())  # which pytest shows if the test failed


@pytest.fixture
def head(yarn, tmp_path) -> Iterator[Head]:
    running = Head(yarn, tmp_path)
    yield running
    running.close()


def state(client: Client) -> dict[str, Any]:
    return client.sync(client.scheduler.workers_state)


def test_the_head_adapts_from_one_to_many_and_back_with_nobody_there_until_it_is_told_a_number(head, yarn):
    with head.client() as client:
        client.sync(client.scheduler.adapt, minimum=1, maximum=3, options=QUICK)  # noted: there is no container yet
        client.publish_dataset(work=client.map(lambda i: (Event("go").wait("90s"), i)[1], range(40)))
    yarn.until(lambda: len(head.containers()) == 3, 120)
    with head.client() as client:
        Event("go", client=client).set()
        assert client.gather(client.get_dataset("work")) == list(range(40))
        client.unpublish_dataset("work")
    yarn.until(lambda: len(head.containers()) == 1)
    with head.client() as client:
        assert state(client)["adapts"] == {"minimum": 1, "maximum": 3, "wanted": 1}
        client.sync(client.scheduler.resize, n=2)
        client.wait_for_workers(2, timeout=60)
        assert state(client)["adapts"] is None


def test_an_application_that_ends_takes_nothing_with_it_neither_data_nor_what_was_asked(head, yarn):
    with head.client() as client:
        client.sync(client.scheduler.adapt, minimum=1, maximum=2, options=QUICK)
        client.wait_for_workers(1, timeout=60)
        drawn, scattered = client.map(lambda _: random.random(), range(5), pure=False), client.scatter(b"told")
        before, first = client.gather(drawn), head.containers()
        head.kill_master()
        yarn.until(lambda: head.containers() and not head.containers() & first, 120)
        assert client.submit(sum, drawn).result(60) == sum(before), "computed again, with other random numbers"
        assert (client.gather(drawn), scattered.result()) == (before, b"told")
        adapts = state(client)["adapts"]
        assert (adapts["minimum"], adapts["maximum"]) == (1, 2)
