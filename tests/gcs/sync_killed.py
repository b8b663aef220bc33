"""``sync_killed.py URL FOLDER``: a sync of a folder to ``URL/0``, ``URL/1`` …, each killed one request later.

After each the next sync has to complete it. Prints where each was killed, and at last ``done``.
"""

from __future__ import annotations

import itertools
import json
import os
import sys
from pathlib import Path
from typing import Any

from stepwise import killed_at

from dask_dataproc.clusters import store_bucket
from dask_dataproc.clusters.clock import Clock
from dask_dataproc.pipelines.composer.manifest import MANIFEST
from dask_dataproc.pipelines.composer.sync import sync_dags

COMMITS = ("a" * 40, "b" * 40, "c" * 40)
NOW = 1_790_000_000.0
STEPS = {(store_bucket.__file__, "_answer"): ("call", "return")}
FOREIGN = "airflow_monitoring.py"


def main(url: str, folder: Path) -> None:
    import gcsfs  # noqa: F401  # before the forks, so that it is imported once

    homes = {commit: folder / commit[0] for commit in COMMITS}
    files = {
        "a": {"kept.py": "1", "changed.py": "1", "gone.py": "1"},
        "b": {"kept.py": "1", "changed.py": "2", "new.py": "1"},
    }
    for letter, texts in files.items():
        (folder / letter).mkdir()
        for name, text in texts.items():
            (folder / letter / name).write_text(text)
    where = ""
    for step in itertools.count():
        place = f"{url}/{step}"
        forked(lambda place=place: before(place, homes))
        where = killed_at(step, STEPS, lambda place=place: sync(place, homes[COMMITS[1]]))
        forked(lambda place=place: after(place, homes[COMMITS[1]], files["b"]))
        print(where, flush=True)
        if where == "done":
            return


def before(place: str, homes: dict[str, Path]) -> None:
    """Have there the first commit, and a file of another."""
    sync_dags(homes[COMMITS[0]], place, COMMITS[0])
    store(place).pipe_file(f"{place}/{FOREIGN}", b"another's")


def sync(place: str, home: Path) -> None:
    """Sync the second commit an hour ago."""
    sync_dags(home, place, COMMITS[1], clock=Clock(NOW - 3600, scale=0))


def after(place: str, home: Path, wanted: dict[str, str]) -> None:
    """Sync again, by a clock on which the killed one's time is over, and look at what is there."""
    sync_dags(home, place, COMMITS[1], clock=Clock(NOW, scale=0))
    files = store(place)
    found = {name.rpartition("/")[2]: files.cat_file(name).decode() for name in files.find(place)}
    manifest = json.loads(found.pop(MANIFEST))
    assert found == wanted | {FOREIGN: "another's"}, found
    assert (manifest["commit"], manifest["under_way"]) == (COMMITS[1], None), manifest
    assert set(manifest["files"]) == set(wanted), manifest


def store(place: str) -> Any:
    import fsspec

    return fsspec.core.url_to_fs(place, skip_instance_cache=True, use_listings_cache=False)[0]


def forked(act: Any) -> None:
    """Run ``act`` in a process of its own: gcsfs's thread does not survive a fork."""
    process = os.fork()
    if not process:
        try:
            act()
            os._exit(0)
        except BaseException as error:
            print(repr(error), file=sys.stderr, flush=True)
        finally:
            os._exit(1)
    _, status = os.waitpid(process, 0)
    assert status == 0, status


if __name__ == "__main__":
    main(sys.argv[1], Path(sys.argv[2]))
