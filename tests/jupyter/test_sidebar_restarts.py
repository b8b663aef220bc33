"""What a Jupyter server had in its sidebar, the next one has; without a next one, the lease ends what it made."""

from __future__ import annotations

import signal
import time
from collections.abc import Iterator
from typing import Any

import pytest

from dask_dataproc.clusters.faults import emulator_fault
from dask_dataproc.clusters.local import emulator_start

from .sidebar_server import Refused, SidebarServer, records, sidebar_server

SCALE, LEASE = 240, 1200
LATE = 3.0
"""Real seconds that the emulator may be late on a busy machine."""
BOUND = 5.0
"""Seconds in which a server ends that was asked to; what is ours of it is less than 2."""


@pytest.fixture(scope="module")
def laptop(new_laptop) -> Iterator[Any]:
    """One on which a lease takes five seconds."""
    laptop = new_laptop(emulator__clock_scale=str(SCALE), lease=f"{LEASE}s")
    with laptop.here():
        emulator_start()
        yield laptop


@pytest.fixture(scope="module")
def server(laptop) -> Iterator[SidebarServer]:
    with sidebar_server(laptop) as server:
        yield server


def new_that_boots(laptop: Any, server: SidebarServer) -> str:
    """Press NEW, and return the cluster's name when its machines are booting, as they will for a while."""
    emulator_fault("slow-create", seconds=4.0 * SCALE)
    name = server.new()["name"].partition(" · ")[0]
    laptop.until(lambda: name in laptop.clusters())
    return name


def expires(laptop: Any, name: str) -> float:
    return laptop.clusters()[name].lease_expires


def test_a_server_killed_while_it_creates_leaves_that_to_the_next_one_and_no_twin(laptop, server):
    name = new_that_boots(laptop, server)
    server.kill()
    (left,) = records(laptop)
    assert (left["name"], left["ready"]) == (name, False)
    server.start()
    line = server.until(lambda: server.line(name))
    assert line["id"] == left["uuid"]
    assert line["name"] == f"{name} · creating"
    with pytest.raises(Refused, match=f"{name} is being created"):
        server.ask("PUT")
    assert server.ready(line["id"])["workers"] == 2
    server.until(lambda: records(laptop)[0]["ready"])
    assert list(laptop.clusters()) == [name]


def test_its_lease_is_held_again(laptop, server):
    (name,) = laptop.clusters()
    for _ in range(2):
        before = expires(laptop, name)
        laptop.until(lambda before=before: expires(laptop, name) > before, timeout=LEASE / SCALE)


def test_a_server_killed_with_its_cluster_ready_leaves_nothing_after_one_lease(laptop, server):
    (name,) = laptop.clusters()
    server.kill()
    died = time.monotonic()
    laptop.until(lambda: not laptop.clusters(), timeout=LEASE / SCALE + LATE)
    assert not laptop.machines(name)
    assert time.monotonic() - died > LEASE / SCALE / 3
    server.start()
    server.until(lambda: records(laptop) == [] and server.listed() == [])


@pytest.mark.parametrize("number", [signal.SIGTERM, signal.SIGINT], ids=["SIGTERM", "twice-ctrl-c"])
def test_a_server_asked_to_end_leaves_what_it_creates_and_holds_to_the_next_one_and_does_not_hang(
    laptop, server, number
):
    if number == signal.SIGINT:
        name = next(iter(laptop.clusters()))
        server.ready(server.until(lambda: server.line(name))["id"])
        server.until(lambda: records(laptop)[0]["ready"])
        server.process.send_signal(signal.SIGINT)
    else:
        name = new_that_boots(laptop, server)
    assert server.stop(number) < BOUND
    assert server.process.returncode == 0
    assert "Traceback" not in server.log.read_text()
    assert name in laptop.clusters()
    server.start()
    line = server.until(lambda: server.line(name))
    assert server.ready(line["id"])
    if number == signal.SIGINT:
        server.shutdown(line["id"])
        assert laptop.clusters() == {}
        server.until(lambda: records(laptop) == [])
