"""What a check of quality takes: ours, pandera column by column on Dask, and pandera on the whole frame in pandas.

``python benchmarks/quality.py [--scale 1] [--rounds 3]``: the same eight rules on TPC-H's lineitem, Dask's threads; a
round goes through all three rows, the first of which is not counted.
"""

from __future__ import annotations

import argparse
import subprocess
import sys
import tempfile
import time
from collections.abc import Callable
from pathlib import Path

import dask.dataframe as dd
import pandera.pandas as pandera
from summary import ratio, spread, table

from dask_dataproc.pipelines.quality.check import checked
from dask_dataproc.pipelines.quality.rules import read_rules

RULES = read_rules(
    {
        "columns": {
            "l_orderkey": {"nulls": 0, "min": 1},
            "l_linenumber": {"min": 1, "max": 7},
            "l_returnflag": {"allowed": ["A", "N", "R"]},
            "l_shipmode": {"length": {"min": 3, "max": 7}},
            "l_shipinstruct": {"matches": "[A-Z ]+"},
        },
        "unique": [["l_orderkey", "l_linenumber"]],
    }
)
COLUMNS = {
    "l_orderkey": pandera.Column(nullable=False, checks=pandera.Check.ge(1)),
    "l_linenumber": pandera.Column(checks=pandera.Check.in_range(1, 7)),
    "l_returnflag": pandera.Column(checks=pandera.Check.isin(["A", "N", "R"])),
    "l_shipmode": pandera.Column(checks=pandera.Check.str_length(3, 7)),
    "l_shipinstruct": pandera.Column(checks=pandera.Check.str_matches("^[A-Z ]+$")),
}
KEY = ["l_orderkey", "l_linenumber"]


def ours(path: str) -> None:
    """Check with one pass."""
    assert checked(path, RULES)["passed"]


def by_column(path: str) -> None:
    """Validate each column in a pass of its own, and count keys by a shuffle: uniqueness is not seen by partition."""
    for name, column in COLUMNS.items():
        schema = pandera.DataFrameSchema({name: column})
        dd.read_parquet(path)[[name]].map_partitions(_validated, schema, meta=("rows", int)).compute()
    keys = dd.read_parquet(path)[KEY]
    assert len(keys.drop_duplicates(split_out=keys.npartitions)) == len(keys)


def whole(path: str) -> None:
    """Validate the whole frame in pandas."""
    frame = dd.read_parquet(path)[list(COLUMNS)].compute()
    pandera.DataFrameSchema(COLUMNS, unique=KEY).validate(frame, lazy=True)


def _validated(part: object, schema: pandera.DataFrameSchema) -> int:
    return len(schema.validate(part, lazy=True))  # pyright: ignore[reportArgumentType]


def main() -> None:
    """Measure, and print the table."""
    parser = argparse.ArgumentParser(description=__doc__)
    parser.add_argument("--scale", default="1")
    parser.add_argument("--rounds", type=int, default=3)
    given = parser.parse_args()
    rows: dict[str, Callable[[str], None]] = {"ours": ours, "pandera by column": by_column, "pandera, pandas": whole}
    took: dict[str, list[float]] = {name: [] for name in rows}
    with tempfile.TemporaryDirectory() as folder:
        tpchgen = Path(sys.executable).with_name("tpchgen-cli")
        made = [tpchgen, "parquet", "-s", given.scale, "--parts=8", "--tables=lineitem", f"--output-dir={folder}"]
        subprocess.run(made, check=True, stdout=subprocess.DEVNULL)
        for number in range(given.rounds + 1):
            for name, act in rows.items():
                began = time.perf_counter()
                act(f"{folder}/lineitem")
                took[name] += [time.perf_counter() - began] if number else []
    print(f"Seconds, median [least–greatest] of {given.rounds}, and how many times ours, at scale {given.scale}")
    print(table(["seconds", "times ours"], {n: [spread(t), ratio(t, took["ours"])] for n, t in took.items()}))


if __name__ == "__main__":
    main()
