"""Tasks that fail, and tasks that take too long."""

from __future__ import annotations

import itertools
import os
import time
from pathlib import Path

import dask
import pytest

from dask_dataproc import DataprocCluster


@pytest.fixture(scope="module")
def client(shared_laptop):
    with shared_laptop.here(), DataprocCluster(n_workers=2) as cluster, cluster.get_client() as client:
        yield client


def on_workers(function):
    """Have ``function`` travel by value, as one of a notebook does: workers cannot import this file."""
    function.__module__ = "__main__"
    return function


@on_workers
def attempts(folder: Path) -> int:
    return len(list(folder.iterdir()))


@on_workers
def succeed_at(attempt: int, folder: Path) -> int:
    """Fail until there have been ``attempt`` calls with ``folder``, in which each leaves a file."""
    number = next(n for n in itertools.count(1) if not (folder / str(n)).exists())
    (folder / str(number)).touch()
    if number < attempt:
        raise OSError("not yet")
    return number


def test_a_task_is_tried_three_times_more(client, tmp_path):
    assert client.submit(succeed_at, 4, tmp_path).result() == 4


def test_a_task_that_always_fails_is_its_own_error_after_that(client, tmp_path):
    with pytest.raises(OSError, match="not yet"):
        client.submit(succeed_at, 9, tmp_path).result()
    assert attempts(tmp_path) == 4


def test_who_says_retries_gets_as_many(client, tmp_path):
    with dask.annotate(retries=0), pytest.raises(OSError, match="not yet"):
        client.submit(succeed_at, 2, tmp_path).result()
    assert attempts(tmp_path) == 1


@on_workers
def spin(folder: Path) -> None:
    (folder / str(time.monotonic())).touch()
    while True:
        time.sleep(0.01)


def test_a_task_beyond_its_timeout_fails_and_its_worker_does_the_next(client, tmp_path):
    worker = next(iter(client.scheduler_info()["workers"]))
    before = client.run(os.getpid)
    with dask.annotate(timeout="200ms", retries=1):
        endless = client.submit(spin, tmp_path, workers=[worker])
    with pytest.raises(TimeoutError, match=r"spin-.* has taken longer than its timeout of 200ms"):
        endless.result()
    assert attempts(tmp_path) == 2, "retries count for it as for any error"
    assert client.submit(sum, [1, 2], workers=[worker], pure=False).result() == 3
    assert client.run(os.getpid) == before


def test_a_task_within_its_timeout_is_left_alone(client):
    with dask.annotate(timeout="60s"):
        assert client.submit(sum, [2, 3], pure=False).result() == 5
    watched = client.run(lambda dask_worker: dask_worker.plugins["task-timeouts"]._watches)
    assert not any(watched.values())


def test_a_timeout_that_is_no_duration_is_an_error_of_the_task(client, tmp_path):
    with dask.annotate(timeout="soon", retries=0):
        endless = client.submit(spin, tmp_path)
    with pytest.raises(TimeoutError, match=r"timeout: 'soon' given, allowed is a duration such as 300s"):
        endless.result()


@on_workers
def deaf_once(folder: Path) -> str:
    """Wait in C code, where no exception is heard; but not the second time."""
    if attempts(folder):
        return "done"
    (folder / "first").touch()
    time.sleep(60)
    return "overslept"


@on_workers
def lose_patience(dask_worker) -> None:
    import sys  # the worker's own

    sys.modules["dask_dataproc.init_actions.task_timeouts"].DEAF = 0.1


def test_a_deaf_task_costs_its_worker_but_no_data(client, tmp_path):
    worker = next(iter(client.scheduler_info()["workers"]))
    pid = client.run(os.getpid, workers=[worker])[worker]
    client.run(lose_patience)
    kept = client.scatter(b"kept", workers=[worker])
    with dask.annotate(timeout="100ms"):
        task = client.submit(deaf_once, tmp_path, workers=[worker], allow_other_workers=True)
    assert task.result() == "done"
    assert kept.result() == b"kept"
    client.wait_for_workers(2)
    assert pid not in client.run(os.getpid).values()
