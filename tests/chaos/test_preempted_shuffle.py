"""Spot workers taken away in the middle of a shuffle: the right answer, and persisted data is not computed again."""

from __future__ import annotations

import uuid
from pathlib import Path

import dask.dataframe as dd
import pandas as pd
import pytest
from distributed import Event, wait

from dask_dataproc import DataprocCluster

PARTITIONS, ROWS, KEYS = 8, 50, 7
SPOT = 2


def frame_of(folder: Path) -> dd.DataFrame:
    """A frame whose partitions leave a file each time that they are computed."""

    def made(number: int) -> pd.DataFrame:
        (folder / f"{number}-{uuid.uuid4()}").touch()
        rows = range(number * ROWS, (number + 1) * ROWS)
        return pd.DataFrame({"key": [row % KEYS for row in rows], "number": number, "row": list(rows)})

    made.__module__ = "__main__"  # workers cannot import this file
    return dd.from_map(made, range(PARTITIONS), meta={"key": int, "number": int, "row": int})


def held(partition: pd.DataFrame) -> pd.DataFrame:
    """Let the last two partitions wait: the shuffle has begun by then, and cannot end."""
    if (partition.number >= PARTITIONS - 2).any():
        assert Event("go").wait("200s")
    return partition


held.__module__ = "__main__"


def spot_workers(cluster) -> set[str]:
    """Addresses of the spot workers that are there."""
    return {address for address, info in cluster.scheduler_info["workers"].items() if "-sw-" in info["name"]}


def transferred(dask_scheduler) -> int:
    """How many partitions have been handed to a shuffle."""
    return sum("transfer" in str(key) and task.state == "memory" for key, task in dask_scheduler.tasks.items())


def runs(dask_scheduler) -> int:
    """How often the last shuffle was begun."""
    return len(list(dask_scheduler.plugins["shuffle"]._shuffles.values())[-1])


transferred.__module__ = runs.__module__ = "__main__"


@pytest.fixture(scope="module")
def cluster(shared_laptop):
    with shared_laptop.here(), DataprocCluster(n_workers=2, secondary_workers=SPOT, secondary_type="spot") as cluster:
        yield cluster


@pytest.mark.parametrize("count", [1, SPOT])
def test_a_preempted_shuffle_gives_the_right_answer_and_keeps_persisted_data(cluster, laptop, faults, tmp_path, count):
    laptop.until(
        lambda: len(spot_workers(cluster)) == SPOT, timeout=90
    )  # those that were lost before have been replaced
    with cluster.get_client() as client:
        frame = frame_of(tmp_path).persist()
        wait(frame)
        before = spot_workers(cluster)
        assert {address for who in client.who_has(frame).values() for address in who} >= before
        shuffled = frame.map_partitions(held, meta=frame._meta).shuffle("key", shuffle_method="p2p")
        sums = client.compute(shuffled.map_partitions(lambda part: part.groupby("key").row.sum()))
        laptop.until(lambda: client.run_on_scheduler(transferred) > 0, timeout=90)
        faults.ask("preempt", cluster=cluster.name, count=count)
        laptop.until(lambda: len(before & spot_workers(cluster)) == SPOT - count, timeout=90)
        Event("go", client=client).set()
        rows = range(PARTITIONS * ROWS)
        assert sums.result().sort_index().to_dict() == {key: sum(rows[key::KEYS]) for key in range(KEYS)}
        assert client.run_on_scheduler(runs) > 1, "it was not in the middle of the shuffle"
        assert len(list(tmp_path.iterdir())) == PARTITIONS, "persisted data was computed again"
        assert len(frame) == PARTITIONS * ROWS
        Event("go", client=client).clear()
