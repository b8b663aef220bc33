"""What the head says of a cluster's work is true of work of which it is known."""

from __future__ import annotations

import os
import signal
import time

import numpy
import pytest
from distributed import wait

from dask_dataproc import DataprocCluster

MB = 10**6


@pytest.fixture
def cluster(shared_laptop):
    with shared_laptop.here(), DataprocCluster(n_workers=2) as cluster:
        yield cluster


@pytest.fixture
def client(cluster):
    with cluster.get_client() as client:
        yield client


def usage(client) -> dict:
    return client.sync(client.scheduler.usage)


def of_the_notebook(function):
    """Have ``function`` travel by value, as one of a notebook does: workers cannot import this file."""
    function.__module__ = "__main__"
    return function


@of_the_notebook
def hold(seconds: float) -> None:
    time.sleep(seconds)


@of_the_notebook
def fail() -> None:
    raise ValueError("always")


def test_at_first_nothing_is_used(client):
    used = usage(client)
    assert (used["tasks_done"], used["seconds_of_work"], used["efficiency"], used["occupancy"]) == (0, 0, None, None)
    assert (used["most_workers"], used["most_threads"]) == (2, sum(client.nthreads().values()))


def test_threads_that_are_all_busy_are_used_well_and_one_of_them_is_used_as_one(client):
    threads = sum(client.nthreads().values())
    began = time.monotonic()  # a machine that is busy holds for longer than it was asked to
    client.gather(client.map(hold, [0.1] * 10 * threads, pure=False))
    then = time.monotonic()
    full = usage(client)
    assert threads <= full["busy_thread_seconds"] <= threads * (then - began)
    for _ in range(10):
        client.submit(hold, 0.1, pure=False).result()
    alone = usage(client)
    assert 1 <= alone["busy_thread_seconds"] - full["busy_thread_seconds"] <= time.monotonic() - then
    assert alone["efficiency"] < full["efficiency"]


def test_a_pause_between_two_cells_is_no_work(client):
    client.submit(hold, 0.1, pure=False).result()
    before = usage(client)
    time.sleep(0.5)  # the pause
    client.submit(hold, 0.1, pure=False).result()
    after = usage(client)
    assert after["seconds_of_work"] - before["seconds_of_work"] < 0.4
    assert after["occupancy"] < after["efficiency"]


def test_results_and_errors_are_counted_each_once(client):
    futures = client.map(abs, range(30)), client.submit(fail, retries=2)
    wait(futures)
    used = usage(client)
    assert (used["tasks_done"], used["tasks_erred"]) == (30, 1)


def test_the_peak_is_that_of_the_data_and_stays_when_it_has_gone(client, shared_laptop):
    shared_laptop.until(lambda: usage(client)["peak_memory"])
    before = usage(client)
    arrays = client.map(numpy.ones, [10 * MB, 10 * MB + 1])  # 80 MB each
    wait(arrays)
    bare = before["peak_memory"]
    shared_laptop.until(lambda: usage(client)["peak_memory"] > bare + 120 * MB)
    del arrays
    shared_laptop.until(lambda: not client.sync(client.scheduler.who_has))
    assert 140 * MB < usage(client)["peak_memory"] - bare < 280 * MB, "with what numpy itself takes on each worker"


@of_the_notebook
def flare(megabytes: int) -> int:
    import numpy

    return int(numpy.ones(megabytes << 17).sum()) >> 17


def test_a_flare_between_two_heartbeats_counts_for_the_largest_worker(client, shared_laptop):
    shared_laptop.until(lambda: usage(client)["peak_worker_memory"])
    before = usage(client)["peak_worker_memory"]
    assert client.submit(flare, 300).result() == 300
    shared_laptop.until(lambda: usage(client)["peak_worker_memory"] > before + 250 * MB)
    assert usage(client)["peak_worker_memory"] - before < 400 * MB


def test_what_a_worker_did_that_has_died_stays_counted(client, shared_laptop):
    client.gather(client.map(hold, [0.05] * 10, pure=False))
    shared_laptop.until(lambda: usage(client)["peak_memory"])
    before = usage(client)
    gone = next(iter(client.nthreads()))
    os.kill(client.run(os.getpid, workers=[gone])[gone], signal.SIGKILL)
    shared_laptop.until(lambda: gone not in client.nthreads())
    client.wait_for_workers(2)
    client.submit(hold, 0.05, pure=False).result()
    after = usage(client)
    assert after["tasks_done"] == before["tasks_done"] + 1
    assert all(after[name] >= before[name] for name in ("busy_thread_seconds", "thread_seconds", "peak_memory"))
    assert after["most_workers"] == 2
    assert after["seconds_of_work"] - before["seconds_of_work"] < 2
