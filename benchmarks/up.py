"""How long until a notebook has a Dask cluster: ours beside the other ways, each measurement in a process of its own.

``python benchmarks/up.py [--rounds 5] [--only TEXT] [--json FILE]``. Rounds go through all rows in turn, so that what
others do on the machine falls on every row alike: compare within one run, and look at the ratios.
"""

from __future__ import annotations

import argparse
import importlib.metadata
import json
import subprocess
import sys
from collections.abc import Mapping, Sequence
from pathlib import Path
from typing import Any

from processes import load
from summary import Spread, ratio, spread, table
from surroundings import own_folders, python_with

ROWS = {
    "LocalCluster(processes=True)": "LocalCluster",
    "dask scheduler + dask worker": "ByHand",
    "the same, no nanny, no dashboard": "ByHandLean",
    "dask-gateway, local backend": "Gateway",
    "dask-dataproc, emulator running": "Dataproc",
    "dask-dataproc, emulator not running": "DataprocCold",
    "dask-dataproc, client not imported either": "DataprocColdest",
}
REFERENCE = next(iter(ROWS))
SECONDS = {
    "imports": "imports",
    "up": "up",
    "all": "imports + up",
    "plots": "plots seen",
    "scale": "2→4",
    "close": "close",
    "gone": "processes gone",
}
SIZES = {"processes": "processes", "pss": "PSS MB", "rss": "RSS MB", "service_pss": "service's PSS MB", "left": "left"}
LIMIT = 300.0
"""Seconds that one measurement may take."""
LOOK = 0.5
"""Seconds for which the others' load is looked at before each measurement."""
PEERS = ("dask-gateway", "dask-gateway-server[local]")
Runs = dict[str, list[dict[str, Any]]]


def main() -> None:
    """Measure, and print the tables."""
    given = arguments()
    rows = {name: row for name, row in ROWS.items() if name == REFERENCE or given.only in name}
    with own_folders() as environment:
        runs: Runs = {name: [] for name in rows}
        try:
            for number in range(given.rounds):
                for name, row in rows.items():
                    print(f"round {number + 1}: {name}", file=sys.stderr)
                    runs[name].append(measured(row, environment))
        finally:
            child("DataprocCold", environment, "before")  # stops the emulator
    print(report(runs))
    if given.json:
        given.json.write_text(json.dumps(runs, indent=1))


def measured(row: str, environment: Mapping[str, str]) -> dict[str, Any]:
    """Return one measurement of ``row``, with the cores that others kept busy just before it."""
    child(row, environment, "before")
    others = load(LOOK)
    return json.loads(child(row, environment).splitlines()[-1]) | {"others": others}


def child(row: str, environment: Mapping[str, str], *what: str) -> str:
    """Run measure.py in a fresh process and return what it printed."""
    command = [python_of(row), Path(__file__).with_name("measure.py"), row, *what]
    ran = subprocess.run(command, env=environment, capture_output=True, text=True, timeout=LIMIT)
    if ran.returncode:
        raise RuntimeError(f"{row}: status {ran.returncode}\n{ran.stderr}")
    return ran.stdout


def python_of(row: str) -> Path:
    """Return the Python that runs ``row``: ours, or the peers' with the same Dask."""
    if row != "Gateway":
        return Path(sys.executable)
    same = [f"{name}=={importlib.metadata.version(name)}" for name in ("dask", "distributed", "bokeh")]
    return python_with("peers", [*PEERS, *same, "psutil"])


def report(runs: Runs) -> str:
    """Return the tables: seconds, ratios to `REFERENCE`, sizes."""
    rounds = len(runs[REFERENCE])
    titles = (
        f"Seconds, median [least–greatest] of {rounds}",
        f"As a multiple of {REFERENCE} in the same round",
        "Processes and memory with 2 workers",
    )
    tables = (
        table([*SECONDS.values(), "others' cores"], cells(runs, [*SECONDS, "others"])),
        table(list(SECONDS.values()), ratios(runs, list(SECONDS))),
        table(list(SIZES.values()), cells(runs, list(SIZES))),
    )
    return "\n\n".join(f"{title}\n{text}" for title, text in zip(titles, tables, strict=True))


def cells(runs: Runs, measures: Sequence[str]) -> dict[str, list[Spread | str]]:
    """Return the spreads of ``measures`` by row."""
    return {name: [spread(r[m] for r in of_row) or "–" for m in measures] for name, of_row in runs.items()}


def ratios(runs: Runs, measures: Sequence[str]) -> dict[str, list[Spread | str]]:
    """Return the spreads of ``measures`` over those of the reference by row."""
    first = runs[REFERENCE]
    return {
        name: [ratio([r[m] for r in of_row], [r[m] for r in first]) or "–" for m in measures]
        for name, of_row in runs.items()
        if name != REFERENCE
    }


def arguments() -> argparse.Namespace:
    """Return what was given on the command line."""
    parser = argparse.ArgumentParser(description=__doc__.splitlines()[0])
    parser.add_argument("--rounds", type=int, default=5, help="measurements of each row (5)")
    parser.add_argument("--only", default="", help="rows whose name has this text; the reference is always measured")
    parser.add_argument("--json", type=Path, help="write every measurement to this file")
    return parser.parse_args()


if __name__ == "__main__":
    main()
