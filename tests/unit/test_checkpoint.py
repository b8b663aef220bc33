"""Checkpoints, computed by Dask's own threads: what is kept, what is computed again, what is removed."""

from __future__ import annotations

import os
import subprocess
import sys
import uuid
from pathlib import Path

import dask
import dask.array as da
import dask.bag as db
import dask.dataframe as dd
import numpy as np
import pandas as pd
import pytest
from dask import delayed

from dask_dataproc import CheckpointError, checkpoint, forget_checkpoint, forget_checkpoints


@pytest.fixture(autouse=True)
def threads():
    with dask.config.set(scheduler="threads"):
        yield


@pytest.fixture
def staging(tmp_path) -> str:
    return f"file://{tmp_path / 'staging'}"


class Counted:
    """Functions that leave a file for each of their calls."""

    def __init__(self, folder: Path) -> None:
        self.folder = folder
        folder.mkdir()

    def times(self, factor: int):
        folder = str(self.folder)

        def multiply(value):
            open(f"{folder}/{uuid.uuid4()}", "w").close()
            return [factor * each for each in value]

        return multiply

    def calls(self) -> int:
        """How many there were since the last look."""
        files = list(self.folder.iterdir())
        for file in files:
            file.unlink()
        return len(files)


@pytest.fixture
def counted(tmp_path) -> Counted:
    return Counted(tmp_path / "calls")


FRAME = pd.DataFrame({"a": range(6), "b": list("xyzxyz")}, index=range(10, 16))


@pytest.mark.parametrize(
    ("collection", "same"),
    [
        (dd.from_pandas(FRAME, npartitions=3), lambda got: got.to_dict() == FRAME.to_dict()),
        (dd.from_pandas(FRAME, npartitions=12)["a"], FRAME["a"].equals),
        (dd.from_pandas(FRAME, npartitions=3)["a"].sum(), lambda got: got == 15),
        (db.from_sequence(range(7), npartitions=3), lambda got: got == list(range(7))),
        (db.from_sequence(range(7), npartitions=3).sum(), lambda got: got == 21),
        (da.arange(12, chunks=2).reshape(3, 4), lambda got: np.array_equal(got, np.arange(12).reshape(3, 4))),
        (delayed(sorted)([2, 1]), lambda got: got == [1, 2]),
    ],
    ids=["frame", "series", "scalar", "bag", "item", "array", "delayed"],
)
def test_a_collection_of_the_same_kind_reads_from_staging(staging, collection, same):
    kept = checkpoint("kept", collection, staging=staging)
    assert type(kept) is type(collection)
    assert len(kept.__dask_keys__()) == len(collection.__dask_keys__())
    assert same(kept.compute(scheduler="sync"))
    assert forget_checkpoint("kept", staging=staging)
    with pytest.raises(FileNotFoundError):
        kept.compute(scheduler="sync")


def test_a_frame_goes_on_with_its_divisions_and_types(staging):
    frame = dd.from_pandas(FRAME, npartitions=3)
    kept = checkpoint("kept", frame, staging=staging)
    assert kept.divisions == frame.divisions
    assert kept.loc[12:13].a.compute().tolist() == [2, 3]
    assert kept.groupby("b").a.sum().compute().to_dict() == {"x": 3, "y": 5, "z": 7}


def test_fewer_columns_of_parquet_files_that_dask_likes_to_read_together(staging, tmp_path):
    for number in range(4):
        pd.DataFrame({"a": [number], "b": ["long" * 100], "c": [1.0]}).to_parquet(tmp_path / f"{number}.parquet")
    some = dd.read_parquet(tmp_path / "*.parquet")[["a"]]
    assert checkpoint("some", some, staging=staging).a.compute().tolist() == [0, 1, 2, 3]
    more = checkpoint("more", some.map_partitions(lambda frame: frame + 1), staging=staging)
    assert more.a.compute().tolist() == [1, 2, 3, 4]
    assert more.a.sum().compute() == 10


def test_what_is_there_is_not_computed_again(staging, counted):
    def kept():
        bag = db.from_sequence(range(6), npartitions=3).map_partitions(counted.times(2))
        return checkpoint("twice", bag, staging=staging).compute()

    assert kept() == kept() == [0, 2, 4, 6, 8, 10]
    assert counted.calls() == 3


def test_what_is_missing_is_computed(staging, counted, tmp_path):
    bag = db.from_sequence(range(6), npartitions=3).map_partitions(counted.times(2))
    checkpoint("twice", bag, staging=staging)
    next(iter((tmp_path / "staging").glob("checkpoints/*/twice/*"))).unlink()
    counted.calls()
    assert checkpoint("twice", bag, staging=staging).compute() == [0, 2, 4, 6, 8, 10]
    assert counted.calls() == 1


def test_another_computation_is_not_taken_for_the_old_one_and_replaces_it(staging, counted, tmp_path, caplog):
    bag = db.from_sequence(range(6), npartitions=3)
    checkpoint("n", bag.map_partitions(counted.times(2)), staging=staging)
    assert not [record for record in caplog.records if record.levelname == "WARNING"]
    assert checkpoint("n", bag.map_partitions(counted.times(3)), staging=staging).compute() == [0, 3, 6, 9, 12, 15]
    assert counted.calls() == 6
    (line,) = [record.getMessage() for record in caplog.records if record.levelname == "WARNING"]
    assert line == "checkpoint n: 3 of 3 partitions are computed in another way than last time, and so anew"
    assert len(list((tmp_path / "staging").glob("checkpoints/*/n/*"))) == 3


def test_more_input_computes_what_is_new(staging, counted):
    for days in (3, 4):
        bag = db.from_sequence(range(days), partition_size=1).map_partitions(counted.times(1))
        assert checkpoint("days", bag, staging=staging).compute() == list(range(days))
    assert counted.calls() == 4


def test_a_failure_keeps_what_was_done(staging, counted, tmp_path):
    switch = str(tmp_path / "fail")
    open(switch, "w").close()

    def flawed(value):
        if os.path.exists(switch) and value == [1]:
            raise OSError("not today")
        return value

    bag = db.from_sequence(range(3), npartitions=3).map_partitions(counted.times(1)).map_partitions(flawed)
    with dask.config.set(scheduler="sync"), pytest.raises(OSError, match="not today"):
        checkpoint("flawed", bag, staging=staging)
    os.unlink(switch)
    before = counted.calls()
    assert checkpoint("flawed", bag, staging=staging).compute() == [0, 1, 2]
    assert before + counted.calls() == 4, "only what had failed is computed a second time"


def test_checkpoints_are_forgotten_by_name_and_by_age(staging, tmp_path):
    for name in ("a", "b/c", "d"):
        checkpoint(name, delayed(abs)(1), staging=staging)
    for old in ("b%2Fc", "d"):
        for file in (tmp_path / "staging").glob(f"checkpoints/*/{old}/*"):
            os.utime(file, (0, 0))
    checkpoint("d", delayed(abs)(2), staging=staging)
    assert forget_checkpoints("1d", staging=staging) == ["b/c"]
    assert forget_checkpoints("1d", staging=staging) == []
    assert forget_checkpoint("a", staging=staging)
    assert not forget_checkpoint("a", staging=staging)
    assert forget_checkpoints("0s", staging=staging) == ["d"]


def test_what_is_no_collection_is_refused(staging):
    with pytest.raises(CheckpointError, match="checkpoint n: list given, allowed is a collection of Dask"):
        checkpoint("n", [1, 2], staging=staging)


def test_its_tasks_need_nothing_of_ours(staging, tmp_path):
    """On the nodes there is no such package: a process that cannot import it computes what a checkpoint returns."""
    from distributed.protocol import pickle

    kept = checkpoint("kept", delayed(sorted)([2, 1]), staging=staging)
    (tmp_path / "task").write_bytes(pickle.dumps(dict(kept.dask)[kept.key]))
    node = (
        "import sys; sys.modules['dask_dataproc'] = None\nimport pickle; print(pickle.load(open(sys.argv[1], 'rb'))())"
    )
    ran = subprocess.run([sys.executable, "-c", node, tmp_path / "task"], capture_output=True, text=True)
    assert ran.stdout == "[1, 2]\n", ran.stderr
