"""How much memory workloads take of a cluster, as a multiple of their input in memory: figures of clusters/forecast.py.

TPC-H's line items as Parquet, on two workers of one thread with far more memory than the data. In turn, each on a fresh
cluster: rows filtered and written (etl), written sorted by another column (etl, shuffled), grouped (analytics), kept
and grouped twice (interactive), kept as a matrix and walked over ten times by gradient descent (ml).
"""

from __future__ import annotations

import argparse
import statistics
import subprocess
import sys
import tempfile
import threading
from collections.abc import Callable, Iterator
from contextlib import contextmanager
from pathlib import Path
from typing import Any

from summary import table

from dask_dataproc.clusters.inputs import look

EVERY = 0.05
"""Seconds between two looks at the workers' memory."""
KEYS = ["l_returnflag", "l_linestatus"]
NUMBERS = ["l_quantity", "l_extendedprice", "l_discount", "l_tax"]


def etl(data: Any, out: Path) -> None:
    """Filter rows and write them."""
    data[data.l_quantity.astype("float64") > 10].to_parquet(out / "etl")


def shuffled(data: Any, out: Path) -> None:
    """Write everything, sorted by another column than it was."""
    data.set_index("l_partkey").to_parquet(out / "shuffled")


def analytics(data: Any, out: Path) -> None:
    """Group once."""
    data.assign(price=data.l_extendedprice.astype("float64")).groupby(KEYS).price.agg(["mean", "sum"]).compute()


def interactive(data: Any, out: Path) -> None:
    """Keep the data, and ask it twice."""
    kept = data.persist()
    for _ in range(2):
        analytics(kept, out)


def ml(data: Any, out: Path) -> None:
    """Keep a matrix of everything numeric beside the data, and walk over it ten times."""
    import numpy as np
    from distributed import wait

    kept = data.persist()
    numbers = kept.select_dtypes("number").columns.tolist()
    matrix = kept[sorted({*numbers, *NUMBERS})].astype("float64").to_dask_array(lengths=True).persist()
    wait(matrix)
    weights = np.zeros(matrix.shape[1])
    for _ in range(10):
        gradient = matrix.T @ (matrix @ weights - matrix[:, 0])
        weights -= 1e-15 * gradient.compute()


WORK: dict[str, Callable[[Any, Path], None]] = {
    "etl": etl,
    "etl, shuffled": shuffled,
    "analytics": analytics,
    "interactive": interactive,
    "ml": ml,
}


@contextmanager
def peak(client: Any) -> Iterator[list[float]]:
    """Give a list that has, afterwards, the most memory that the workers' processes had together beyond the start."""
    found, done = [0.0], threading.Event()

    def memory(dask_worker: Any) -> float:
        return dask_worker.monitor.proc.memory_info().rss

    before = sum(client.run(memory).values())

    def watch() -> None:
        while not done.wait(EVERY):
            found[0] = max(found[0], sum(client.run(memory).values()) - before)

    thread = threading.Thread(target=watch)
    thread.start()
    try:
        yield found
    finally:
        done.set()
        thread.join()


def measured(work: str, source: Path) -> float:
    """Return the peak of one run in bytes, beyond what workers have that have read and written a first partition."""
    import dask.dataframe as dd
    from distributed import Client, LocalCluster

    sized = {"n_workers": 2, "threads_per_worker": 1, "memory_limit": "6GB", "dashboard_address": ":0"}
    with LocalCluster(**sized) as cluster, Client(cluster) as client, tempfile.TemporaryDirectory() as folder:
        data = dd.read_parquet(source)
        etl(data.partitions[:2], Path(folder))
        with peak(client) as found:
            WORK[work](data, Path(folder))
        return found[0]


def main() -> None:
    """Measure and print."""
    parser = argparse.ArgumentParser(description=__doc__)
    parser.add_argument("--scale", type=float, default=0.5, help="TPC-H scale factor; 1 is 1.1 GB in memory")
    parser.add_argument("--rounds", type=int, default=3)
    asked = parser.parse_args()
    with tempfile.TemporaryDirectory() as folder:
        tpchgen = str(Path(sys.executable).with_name("tpchgen-cli"))
        made = ["--tables=lineitem", f"--output-dir={folder}", "--parts=8"]
        subprocess.run([tpchgen, "parquet", "-s", str(asked.scale), *made], check=True, stdout=subprocess.DEVNULL)
        decoded = look(folder).decoded_bytes
        peaks = {work: [measured(work, Path(folder) / "lineitem") for _ in range(asked.rounds)] for work in WORK}
    rows = {
        work: [f"{statistics.median(p) / decoded:.2f}", f"{min(p) / decoded:.2f}–{max(p) / decoded:.2f}"]
        for work, p in peaks.items()
    }
    print(f"{decoded / 1e6:.0f} MB in memory; peak of all workers beyond the start, as a multiple of that")
    print(table(["median", "range"], rows))


if __name__ == "__main__":
    main()
