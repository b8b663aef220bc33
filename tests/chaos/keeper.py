"""A job with a checkpoint: ``keeper.py NAME FOLDER`` squares six numbers, each in a partition, and prints their sum.

Each computation of a number leaves a file in FOLDER. While there is FOLDER/hold, only three of them end.
"""

import contextlib
import logging
import sys
import time
import uuid
from pathlib import Path

import dask
import dask.bag as db

from dask_dataproc import DataprocCluster, checkpoint

name, folder = sys.argv[1:]


def squared(values: list[int]) -> list[int]:
    (Path(folder) / f"computed-{values[0]}-{uuid.uuid4()}").touch()
    while (Path(folder) / "hold").exists() and not passes(values[0]):
        time.sleep(0.02)
    return [value * value for value in values]


def passes(number: int) -> bool:
    for place in range(3):
        with contextlib.suppress(FileExistsError), open(f"{folder}/passed-{place}", "x") as passed:
            passed.write(str(number))
            return True
    return False


logging.basicConfig(level=logging.INFO, format="%(message)s")
dask.config.set({"distributed.comm.timeouts.connect": "2s"})  # for as long it looks for a head that has gone
with DataprocCluster(name=name, n_workers=2) as cluster, cluster.get_client():
    kept = checkpoint("squares", db.from_sequence(range(6), npartitions=6).map_partitions(squared))
    print(kept.sum().compute())
