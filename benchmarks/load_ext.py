"""What ``%load_ext dask_dataproc`` takes in an IPython, beside other extensions and imports, each in a fresh one.

``python benchmarks/load_ext.py [--rounds 5] [--peers] [--json FILE]``; ``--peers`` installs sparkmagic, bigquery-magics
and coiled into environments of their own first.
"""

from __future__ import annotations

import argparse
import json
import subprocess
import sys
from collections.abc import Mapping
from pathlib import Path
from typing import NamedTuple

from processes import load
from summary import Spread, spread, table
from surroundings import MADE, own_folders, python_with

LIMIT = 120.0
CELL = """
import time
_began, _cpu = time.perf_counter(), time.process_time()
{code}
print(time.perf_counter() - _began, time.process_time() - _cpu)
"""
LOOK = 0.5
"""Seconds for which the others' load is looked at before each round."""


class Row(NamedTuple):
    """One thing to load.

    Attributes
    ----------
    code : str
        A line for IPython.
    environment : str
        The name of the environment that has it; ours if empty.
    """

    code: str
    environment: str = ""


OURS = {
    "%load_ext dask_dataproc": Row("%load_ext dask_dataproc"),
    "import distributed": Row("import distributed"),
    "import google.cloud.dataproc_v1": Row("import google.cloud.dataproc_v1"),
}
PEERS = {
    "%load_ext sparkmagic.magics": Row("%load_ext sparkmagic.magics", "sparkmagic"),
    "%load_ext bigquery_magics": Row("%load_ext bigquery_magics", "bigquery-magics"),
    "import coiled": Row("import coiled", "coiled"),
}
UNBUILDABLE = 'krb5 ; sys_platform == "never"\ngssapi ; sys_platform == "never"\n'
"""What sparkmagic asks for, needs a compiler and Kerberos, and is not imported by its magics."""


def main() -> None:
    """Measure, and print the table."""
    given = arguments()
    rows = OURS | (PEERS if given.peers else {})
    runs: dict[str, list[tuple[float, float]]] = {name: [] for name in rows}
    others: list[float] = []
    with own_folders() as environment:
        for number in range(given.rounds):
            print(f"round {number + 1}", file=sys.stderr)
            others.append(load(LOOK))
            for name, row in rows.items():
                runs[name].append(milliseconds(python_of(row), row.code, environment))
    print(f"Milliseconds, median [least–greatest] of {given.rounds}; others kept {spread(others)} cores busy")
    print(table(["by the clock", "of a core"], {name: spreads(of_row) for name, of_row in runs.items()}))
    if given.json:
        given.json.write_text(json.dumps(runs | {"others": others}, indent=1))


def spreads(of_row: list[tuple[float, float]]) -> list[Spread | None]:
    """Return the spread of the wall clock's figures and that of the core's."""
    return [spread(figures) for figures in zip(*of_row, strict=True)]


def milliseconds(python: Path, code: str, environment: Mapping[str, str]) -> tuple[float, float]:
    """Return how long a fresh IPython takes to run ``code``, by the clock and of a core."""
    command = [python, "-m", "IPython", "--no-banner", "--colors=NoColor", "-c", CELL.format(code=code)]
    ran = subprocess.run(command, env=environment, capture_output=True, text=True, timeout=LIMIT)
    try:
        wall, cpu = map(float, ran.stdout.splitlines()[-1].split())
    except (IndexError, ValueError):
        raise RuntimeError(f"{code}: status {ran.returncode}\n{ran.stdout}{ran.stderr}") from None
    return wall * 1000, cpu * 1000


def python_of(row: Row) -> Path:
    """Return the Python that can load ``row``."""
    if not row.environment:
        return Path(sys.executable)
    MADE.mkdir(parents=True, exist_ok=True)
    override = MADE / "override.txt"
    override.write_text(UNBUILDABLE)
    return python_with(row.environment, [row.environment, "ipython"], "--override", str(override))


def arguments() -> argparse.Namespace:
    """Return what was given on the command line."""
    parser = argparse.ArgumentParser(description=__doc__.splitlines()[0])
    parser.add_argument("--rounds", type=int, default=5, help="measurements of each row (5)")
    parser.add_argument("--peers", action="store_true", help="other notebook extensions too, installed if missing")
    parser.add_argument("--json", type=Path, help="write every measurement to this file")
    return parser.parse_args()


if __name__ == "__main__":
    main()
