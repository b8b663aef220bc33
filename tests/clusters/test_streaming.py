"""A stream is summed up by windows: each message once, whatever happens to the job, and nothing is lost in silence."""

from __future__ import annotations

import json
import os
import signal
import subprocess
import sys
from collections.abc import Iterator
from pathlib import Path
from typing import Any

import pandas as pd
import pytest
from distributed import Client
from google.cloud import pubsub_v1

from dask_dataproc.clusters.errors import ConfigError
from dask_dataproc.pipelines.streaming.consume import consume

from .pubsub import Loopback, pubsub

TOPIC, SUBSCRIPTION = "projects/local/topics/sales", "projects/local/subscriptions/sales"
NOON = 1_760_000_400  # a whole minute


class Stream:
    """A topic with a subscription, and the job on it."""

    def __init__(self, server: Loopback, folder: Path):
        self.server, self.folder = server, folder
        self._publisher = pubsub_v1.PublisherClient()
        self._publisher.create_topic(request={"name": TOPIC})
        with pubsub_v1.SubscriberClient() as subscriber:
            subscriber.create_subscription(request={"name": SUBSCRIPTION, "topic": TOPIC})

    @property
    def asked(self) -> dict[str, Any]:
        """What the job is asked."""
        folders = {"output": f"{self.folder}/out", "state": f"{self.folder}/state"}
        return folders | {"subscription": SUBSCRIPTION, "by": "shop", "value": "amount", "at": "at", "idle": "1s"}

    def send(self, *rows: tuple[float, str, float]) -> None:
        """Publish sales: when, after noon; where; how much."""
        for when, shop, amount in rows:
            said = json.dumps({"at": NOON + when, "shop": shop, "amount": amount}).encode()
            self._publisher.publish(TOPIC, said).result(10)

    def raw(self, data: bytes) -> None:
        """Publish whatever it is."""
        self._publisher.publish(TOPIC, data).result(10)

    def run(self, **more: Any) -> dict[str, Any]:
        """Run the job here."""
        return consume(**self.asked | more)

    def sums(self) -> dict[int, dict[str, tuple[int, float]]]:
        """What has been written: for each window, in seconds after noon, count and sum of each shop."""
        found = {}
        for file in (self.folder / "out").glob("*.parquet"):
            start = pd.Timestamp(file.stem[:13] + ":" + file.stem[13:15] + ":" + file.stem[15:], tz="UTC")
            table = pd.read_parquet(file).set_index("shop")
            found[int(start.timestamp()) - NOON] = {
                str(shop): (int(row["count"]), float(row["sum"])) for shop, row in table.iterrows()
            }
        return found

    def late(self) -> pd.DataFrame:
        """What has been kept aside."""
        return pd.concat(pd.read_parquet(file) for file in (self.folder / "out" / "late").glob("*.parquet"))


@pytest.fixture(scope="module")
def client() -> Iterator[Client]:
    with Client(n_workers=1, threads_per_worker=1, processes=False, dashboard_address=None) as client:
        yield client


@pytest.fixture
def stream(client, tmp_path, monkeypatch) -> Iterator[Stream]:
    with pubsub() as (server, address):
        monkeypatch.setenv("PUBSUB_EMULATOR_HOST", address)
        yield Stream(server, tmp_path)


def test_each_window_is_summed_up_by_group(stream):
    stream.send((1, "a", 2.0), (59.5, "a", 3.0), (30, "b", 1.5), (60, "a", 10.0))
    done = stream.run()
    assert stream.sums() == {0: {"a": (2, 5.0), "b": (1, 1.5)}, 60: {"a": (1, 10.0)}}
    assert (done["messages"], done["late"], len(done["windows"])) == (4, 0, 2)


def test_the_next_run_goes_on_in_the_window_that_was_open(stream):
    stream.send((1, "a", 1.0), (70, "a", 1.0))
    stream.run(idle="", run_for="1s")
    assert stream.sums() == {}, "the first window is waited for half a minute"
    stream.send((20, "a", 1.0), (100, "a", 1.0))
    stream.run(idle="", run_for="1s")
    assert stream.sums() == {0: {"a": (2, 2.0)}}
    stream.run()
    assert stream.sums() == {0: {"a": (2, 2.0)}, 60: {"a": (2, 2.0)}}


def test_a_message_that_comes_again_counts_once(stream):
    stream.send((1, "a", 1.0), (2, "a", 2.0))
    with pubsub_v1.SubscriberClient() as subscriber:
        subscriber.pull(request={"subscription": SUBSCRIPTION, "max_messages": 1})
    stream.run(idle="", run_for="1s")
    assert stream.server.redeliver(SUBSCRIPTION) == 1
    stream.run()
    assert stream.sums() == {0: {"a": (2, 3.0)}}


def test_what_is_late_or_no_sale_is_kept_aside_and_counted(stream):
    stream.send((1, "a", 1.0), (200, "a", 1.0))
    stream.run()
    stream.send((5, "a", 7.0))
    stream.raw(b"\xff{")
    stream.raw(b'{"shop": "a"}')
    done = stream.run()
    assert (done["messages"], done["late"], done["unreadable"]) == (3, 1, 2)
    assert stream.sums()[0] == {"a": (1, 1.0)}
    aside = stream.late()
    assert sorted(aside.why) == ["late", "unreadable", "unreadable"]
    assert json.loads(aside[aside.why == "late"].data.item())["amount"] == 7.0


CANNOT_BE = [
    f'{{"at": {at}, "shop": {shop}, "amount": {amount}}}'
    for at, shop, amount in (
        (NOON * 1000, '"a"', 1),
        ('"2062-01-01T00:00:00"', '"a"', 1),
        ('"0001-01-01T00:00:00"', '"a"', 1),
        ("1e300", '"a"', 1),
        ("NaN", '"a"', 1),
        ("-1e12", '"a"', 1),
        (NOON, '"a"', "1" + "0" * 400),
        (NOON, '"a"', "Infinity"),
        (NOON, '"a"', "NaN"),
        (NOON, '"a"', "[" * 100_000),
        (NOON, r'"\ud800"', 1),
    )
]


def test_a_time_a_number_or_a_group_that_cannot_be_is_kept_aside_and_harms_no_other_message(stream):
    for said in CANNOT_BE:
        stream.raw(said.encode())
    assert stream.run(idle="", run_for="1s")["unreadable"] == len(CANNOT_BE)
    stream.send((1, "a", 1.0), (70, "a", 1.0))
    done = stream.run()
    assert (done["messages"], done["late"], done["unreadable"]) == (2, 0, 0)
    assert stream.sums() == {0: {"a": (1, 1.0)}, 60: {"a": (1, 1.0)}}
    assert sorted(stream.late().data) == sorted(CANNOT_BE)


def test_a_late_message_that_comes_again_takes_nothing_from_those_it_came_with(stream):
    stream.send((1, "a", 1.0), (200, "a", 1.0))
    stream.run()
    stream.send((5, "a", 7.0), (6, "a", 8.0), (7, "a", 9.0))
    first = stream.server.waiting[SUBSCRIPTION][0]
    stream.run()
    stream.server.waiting[SUBSCRIPTION].append(first)  # its acknowledgement was lost
    stream.run()
    assert sorted(stream.late().why) == ["late"] * 4


def test_a_job_that_is_killed_loses_nothing_and_counts_nothing_twice(stream):
    """Killed between the file of a batch and its acknowledgement, the worst moment."""
    stream.send(*((number, "a", 1.0) for number in range(50)))
    program = """
import os, signal, sys, json
from dask_dataproc.pipelines.streaming import store
add = store.Store.add
def add_and_die(self, messages):
    add(self, messages)
    os.kill(os.getpid(), signal.SIGKILL)
store.Store.add = add_and_die
from dask_dataproc.pipelines.streaming.consume import consume
from distributed import Client
with Client(n_workers=1, threads_per_worker=1, processes=False, dashboard_address=None):
    consume(**json.loads(sys.argv[1]))
"""
    command = [sys.executable, "-c", program, json.dumps(stream.asked | {"batch": 20})]
    done = subprocess.run(command, env=dict(os.environ), timeout=60, check=False)
    assert done.returncode == -signal.SIGKILL
    assert stream.server.redeliver(SUBSCRIPTION) == 20
    stream.run(batch=20)
    assert stream.sums() == {0: {"a": (50, 50.0)}}


def test_a_state_of_other_windows_is_refused(stream):
    stream.send((1, "a", 1.0))
    stream.run()
    with pytest.raises(ConfigError, match=r"window: 300 s given, .* has windows of 60 s"):
        stream.run(window="5m")


def test_a_subscription_that_is_not_there_is_named(stream):
    with pytest.raises(ConfigError, match="subscription: projects/local/subscriptions/none given"):
        stream.run(subscription="projects/local/subscriptions/none")


def test_batches_go_when_their_windows_are_over(stream):
    stream.send((1, "a", 1.0), (70, "a", 1.0))
    stream.run()
    assert not list((stream.folder / "state" / "batches").iterdir())
