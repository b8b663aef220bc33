"""Light machines: a computer is a cluster of many, each of them one process that leaves in order or dies alone."""

from __future__ import annotations

import os
import signal
from collections import Counter

import pytest

from dask_dataproc import DataprocCluster

MANY = 12


@pytest.fixture(scope="module")
def light_laptop(new_laptop):
    return new_laptop(emulator__light="true")


def test_many_machines_are_a_process_each_and_leave_or_die_as_others_do(light_laptop):
    with (
        light_laptop.here(),
        DataprocCluster(n_workers=2, max_workers=MANY, max_secondary=MANY) as cluster,
        cluster.get_client() as client,
    ):
        cluster.scale(MANY)
        machines = light_laptop.machines(cluster.name)
        assert Counter(machines.values()) == {f"{cluster.name}-m": 1} | dict.fromkeys(cluster.observed, 1)
        assert len(cluster.observed) == MANY
        addresses = {info["name"]: address for address, info in cluster.scheduler_info["workers"].items()}
        kept = client.scatter(b"kept", workers=[addresses[f"{cluster.name}-sw-9"]])
        squares = client.map(lambda x: x * x, range(4 * MANY), pure=False)
        client.gather(squares)
        (victim,) = [pid for pid, name in machines.items() if name == f"{cluster.name}-sw-0"]
        os.kill(victim, signal.SIGKILL)
        light_laptop.until(lambda: len(cluster.observed) == MANY - 1)
        assert client.gather(squares) == [x * x for x in range(4 * MANY)]
        cluster.scale(2)
        assert kept.result() == b"kept"
        assert set(light_laptop.machines(cluster.name).values()) == {
            f"{cluster.name}-{of}" for of in ("m", "w-0", "w-1")
        }
