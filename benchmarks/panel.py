"""What the panel takes: from the press on Create to the first phase it shows, and of a core while a cluster runs.

``python benchmarks/panel.py [--rounds 5] [--seconds 20]``: in a fresh kernel each, as Jupyter starts them, on a local
emulator of its own; during half of the seconds the cluster computes many small tasks.
"""

from __future__ import annotations

import argparse
import json
import os
import subprocess
import sys
from collections.abc import Mapping
from pathlib import Path
from typing import Any

from jupyter_client.manager import start_new_kernel
from processes import load
from summary import spread, table
from surroundings import own_folders

DASK = Path(sys.executable).with_name("dask")
LIMIT = 120.0
LOOK = 0.5
"""Seconds for which the others' load is looked at before each round."""
READING = 3.0
"""Seconds in which a person reads the form before the press."""
SHOW = "%load_ext dask_dataproc\n%dask_cluster"
MEASURE = """
import json, time
from dask_dataproc.kernel_ext.session import session_of
from dask_dataproc.magics.panels import panel_of_session

panel = panel_of_session(session_of(get_ipython()))

def until(holds):
    end = time.monotonic() + {limit}
    while not holds():
        assert time.monotonic() < end
        time.sleep(0.001)

until(lambda: not panel._dirty)
time.sleep({reading})
seen = []
panel.progress._steps.observe(lambda change: seen.append((time.perf_counter(), change["new"])), "value")
pressed = time.perf_counter()
panel.create.click()
handled = time.perf_counter()
until(lambda: any('>service<' in said and 'class="done"' in said for _, said in seen))
first = next(at for at, said in seen if 'class="done"' in said)
until(lambda: panel._view == "running")
began, busy = time.perf_counter(), panel.beat.busy
while time.perf_counter() - began < {seconds} / 2:
    client.gather(client.map(abs, range(500), pure=False))
time.sleep({seconds} / 2)
took = time.perf_counter() - began
share = (panel.beat.busy - busy) / took
panel.running.down.click(); panel.running.down.click()
until(lambda: panel._view == "form")
print(json.dumps({{"handled": handled - pressed, "first": first - pressed, "share": share}}))
"""


def main() -> None:
    """Measure, and print the table."""
    given = arguments()
    runs: list[dict[str, float]] = []
    others: list[float] = []
    with own_folders() as environment:
        for number in range(given.rounds):
            print(f"round {number + 1}", file=sys.stderr)
            others.append(load(LOOK))
            runs.append(measured(environment, number, given.seconds))
        subprocess.run([DASK, "dataproc", "emulator", "stop"], env=environment, check=True, capture_output=True)
    print(f"Median [least–greatest] of {given.rounds}; others kept {spread(others)} cores busy")
    rows = {
        "Create pressed → way up shown, with “start”, ms": [run["handled"] * 1000 for run in runs],
        "Create pressed → first phase of the cluster shown, ms": [run["first"] * 1000 for run in runs],
        "the panel's thread while a cluster runs, % of a core": [run["share"] * 100 for run in runs],
    }
    print(table([""], {name: [spread(figures)] for name, figures in rows.items()}))


def measured(environment: Mapping[str, str], number: int, seconds: float) -> dict[str, float]:
    """Return what one fresh kernel measured."""
    named = {"JPY_SESSION_NAME": f"/home/ana/panel-{number}.ipynb"}
    manager, client = start_new_kernel(env=os.environ | dict(environment) | named)
    try:
        said(client, SHOW)
        return json.loads(said(client, MEASURE.format(limit=LIMIT, reading=READING, seconds=seconds)).splitlines()[-1])
    finally:
        client.stop_channels()
        manager.shutdown_kernel()


def said(client: Any, cell: str) -> str:
    """Return what a cell printed."""
    printed: list[str] = []

    def hear(message: dict[str, Any]) -> None:
        content = message["content"]
        printed.append(content.get("text", ""))
        if message["msg_type"] == "error":
            raise RuntimeError("\n".join(content["traceback"]))

    client.execute_interactive(cell, timeout=LIMIT, output_hook=hear)
    return "".join(printed)


def arguments() -> argparse.Namespace:
    """Return what was given on the command line."""
    parser = argparse.ArgumentParser(description=__doc__.splitlines()[0])
    parser.add_argument("--rounds", type=int, default=5, help="fresh kernels (5)")
    parser.add_argument("--seconds", type=float, default=20.0, help="for which a cluster is watched (20)")
    return parser.parse_args()


if __name__ == "__main__":
    main()
