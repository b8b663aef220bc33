"""What a Jupyter server had in its sidebar, the next one has; without a next one, the lease ends what it made."""

from __future__ import annotations

import contextlib
import signal
from collections.abc import Iterator
from typing import Any

import pytest

from dask_dataproc.clusters.faults import emulator_fault
from dask_dataproc.clusters.fleet import delete_cluster
from dask_dataproc.clusters.local import emulator_start

from .sidebar_server import Refused, SidebarServer, ended, records

SCALE, LEASE = 20, 1200
SLOW = 6.0
"""Real seconds that machines boot for."""
BOUND = 15.0
"""Seconds in which a server ends that was asked to, Python's own end on a busy machine included."""


@pytest.fixture(scope="module")
def laptop(new_laptop) -> Iterator[Any]:
    """One on which a lease takes a minute, and is renewed every twenty seconds."""
    laptop = new_laptop(emulator__clock_scale=str(SCALE), lease=f"{LEASE}s")
    with laptop.here():
        emulator_start()
        yield laptop


@pytest.fixture(scope="module")
def servers(laptop) -> Iterator[tuple[SidebarServer, SidebarServer]]:
    """A server, whose dask-labextension asks for three workers, and the next one, which is there already."""
    with contextlib.ExitStack() as stack:
        size = {"DASK_LABEXTENSION__DEFAULT__WORKERS": "3"}
        first, following = (stack.enter_context(ended(SidebarServer(laptop, has))) for has in (size, {}))
        first.answers()
        following.answers()
        yield first, following


def new_that_boots(server: SidebarServer) -> str:
    """Press NEW, and return the cluster's name when its machines are booting, as they will for a while."""
    emulator_fault("slow-create", seconds=SLOW * SCALE)
    line = server.new()
    server.until(lambda: "creating: boot" in server.by_id(line["id"])["name"])
    return line["name"].partition(" · ")[0]


def test_a_server_killed_while_it_creates_leaves_that_to_the_next_one_and_no_twin(laptop, servers):
    first, following = servers
    name = new_that_boots(first)
    with pytest.raises(Refused, match=f"{name} is being created"):
        following.ask("PUT")
    first.kill()
    (left,) = records(laptop)
    assert (left["name"], left["ready"]) == (name, False)
    line = following.until(lambda: following.line(name))
    assert line["id"] == left["uuid"] == laptop.clusters()[name].uuid
    assert line["name"] == f"{name} · creating"
    with pytest.raises(Refused, match=f"{name} is being created"):
        following.ask("PUT")
    assert following.ready(line["id"])["workers"] == 3
    following.until(lambda: records(laptop)[0]["ready"])
    assert list(laptop.clusters()) == [name]


def test_its_lease_is_held_again(laptop, servers):
    ((name, record),) = laptop.clusters().items()
    laptop.until(lambda: laptop.clusters()[name].lease_expires > record.lease_expires, timeout=LEASE / SCALE)


def test_when_nobody_takes_it_over_the_lease_ends_it_and_the_next_server_forgets_it(laptop, servers):
    first, following = servers
    (name,) = laptop.clusters()
    following.kill()
    emulator_fault("clock-jump", seconds=LEASE)
    first.launch()
    following.launch()
    laptop.until(lambda: not laptop.clusters())
    assert not laptop.machines(name)
    first.answers()
    first.until(lambda: records(laptop) == [] and first.listed() == [])
    following.answers()


def test_a_server_asked_to_end_while_it_creates_does_not_hang_and_leaves_that_to_the_next_one(laptop, servers):
    first, following = servers
    name = new_that_boots(first)
    assert first.stop(signal.SIGTERM) < BOUND
    assert first.process.returncode == 0
    assert "Traceback" not in first.log.read_text()
    assert name in laptop.clusters()
    following.ready(following.until(lambda: following.line(name))["id"])
    following.until(lambda: records(laptop)[0]["ready"])


def test_ctrl_c_twice_ends_a_server_at_once_and_its_cluster_stays(laptop, servers):
    _, following = servers
    (name,) = laptop.clusters()
    following.process.send_signal(signal.SIGINT)
    assert following.stop(signal.SIGINT) < BOUND
    assert following.process.returncode == 0
    said = following.log.read_text().partition("Exception ignored in: <module 'threading'")  # Python's own end met it
    assert "Traceback" not in said[0]
    assert [record["name"] for record in records(laptop)] == [name]
    assert laptop.clusters()[name].status == "RUNNING"
    delete_cluster(name)
