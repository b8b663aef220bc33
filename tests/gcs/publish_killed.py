"""``publish_killed.py URL``: publications at ``URL/0``, ``URL/1`` …, each killed one step later than the one before.

A step is a line of what publishes or removes, or a request to the bucket, before it is made. Prints where each
was killed, and at last ``done``.
"""

from __future__ import annotations

import io
import itertools
import shutil
import sys
import tempfile

import fsspec
import pyarrow as pa
import pyarrow.parquet as pq

from dask_dataproc.pipelines.quality import publish_folder, publish_objects
from dask_dataproc.pipelines.quality.publish import publish, staged_location

LINES = {
    publish_folder.__file__: ("publish_folder", "_exchange_if_staged", "_exchange", "_remove_old", "_write"),
    publish_objects.__file__: ("publish_objects", "_copy", "_remove_staged", "_remove"),
    shutil.__file__: ("_rmtree_safe_fd", "_rmtree_safe_fd_step"),
}
STEPS: dict[tuple[str, str], tuple[str, ...]] = {
    (file, name): ("line",) for file, names in LINES.items() for name in names
}
OLD, NEW = range(4), range(10, 16)


def main(url: str) -> None:
    from stepwise import BEGIN, killed_at  # beside this program, where Python finds it when that is run

    if "://" in url:
        import gcsfs  # before the forks, so that it is imported once

        STEPS[gcsfs.core.__file__, "_request"] = (BEGIN,)
    with tempfile.TemporaryDirectory() as folder:  # so that what this needs is imported once
        prepare(folder)
        publish(staged_location(f"{folder}/orders", "2"), f"{folder}/orders")
    where = ""
    for step in itertools.count():
        if where == "done":
            return
        final = f"{url}/{step}/orders"
        where = killed_at(
            step,
            STEPS,
            lambda final=final: publish(staged_location(final, "2"), final),
            lambda step=step: prepare(f"{url}/{step}"),
        )
        print(where, flush=True)


def prepare(url: str) -> str:
    """Publish a version, stage another one, and return the output's location."""
    final = f"{url}/orders"
    for run, rows in (("1", OLD), ("2", NEW)):
        stage(staged_location(final, run), rows)
    publish(staged_location(final, "1"), final)
    return final


def stage(url: str, rows: range) -> None:
    """Write two rows a file, as ``part.0.parquet`` and so on."""
    store, folder = fsspec.url_to_fs(url)
    store.makedirs(folder, exist_ok=True)
    for number, first in enumerate(rows[::2]):
        made = io.BytesIO()
        pq.write_table(pa.table({"o_orderkey": [first, first + 1]}), made)
        store.pipe_file(f"{folder}/part.{number}.parquet", made.getvalue())


if __name__ == "__main__":
    main(sys.argv[1])
