"""What a generated DAG file costs Airflow's DAG processor: beside the bare imports it needs, and many at once.

``python benchmarks/dag_parse.py [--rounds 5] [--dags 200]``. Each figure is of a fresh process of each Airflow that
tests/airflow/setup.sh has made. The DAG is the quickstart's.
"""

from __future__ import annotations

import argparse
import ast
import json
import os
import subprocess
import sys
import tempfile
from pathlib import Path
from typing import Any

from processes import load
from summary import spread, table

from dask_dataproc.pipelines.generator import write_dag

ROOT = Path(__file__).parent.parent
LOOK = 0.5
"""Seconds for which the others' load is looked at before each round."""
LIMIT = 600.0
PRELUDE = """
import json, os, resource, sys, time
try:
    from airflow.dag_processing.dagbag import DagBag
except ImportError:
    from airflow.models.dagbag import DagBag
import airflow.models
def peak():
    return resource.getrusage(resource.RUSAGE_SELF).ru_maxrss / 1024
before, began = peak(), time.perf_counter()
"""
"""What the DAG processor has loaded before it looks at any file."""
IMPORTS = PRELUDE + "exec(sys.argv[1])\nprint(json.dumps({'seconds': time.perf_counter() - began}))"
PARSE = (
    PRELUDE
    + """
bag = DagBag(sys.argv[1])
assert not bag.import_errors, bag.import_errors
print(json.dumps({"seconds": time.perf_counter() - began, "dags": len(bag.dags), "mib": peak() - before}))
"""
)


def main() -> None:
    """Measure, and print the tables."""
    given = arguments()
    versions = sorted(path.name.removeprefix("airflow-") for path in ROOT.glob("build/airflow-*"))
    rows: dict[str, dict[str, list[float]]] = {version: {} for version in versions}
    others = []
    with tempfile.TemporaryDirectory() as folder:
        one = write_dag(ROOT / "notebooks" / "quickstart.ipynb", Path(folder) / "one")
        many = copies(one, Path(folder) / "many", given.dags)
        for number in range(given.rounds):
            print(f"round {number + 1}", file=sys.stderr)
            others.append(load(LOOK))
            for version in versions:
                measure(version, Path(folder), one, many, rows[version])
    print(f"Seconds, median [least-greatest] of {given.rounds}; others kept {spread(others)} cores busy")
    columns = ["its bare imports", "the file", f"{given.dags} of it", "each after the first, ms", "memory of them, MiB"]
    print(table(columns, {v: [spread(row[column]) for column in columns] for v, row in named(rows, columns).items()}))


def named(rows: dict[str, dict[str, list[float]]], columns: list[str]) -> dict[str, dict[str, list[float]]]:
    """Return ``rows`` by the names of the table's ``columns``."""
    keys = ("imports", "one", "many", "each", "memory")
    return {f"Airflow {v}": dict(zip(columns, (row[key] for key in keys), strict=True)) for v, row in rows.items()}


def measure(version: str, folder: Path, one: Path, many: Path, row: dict[str, list[float]]) -> None:
    """Add one round's figures of ``version`` to its ``row``."""
    imports = asked(version, folder, IMPORTS, imports_of(one))["seconds"]
    alone = asked(version, folder, PARSE, str(one))["seconds"]
    all_of_them = asked(version, folder, PARSE, str(many))
    each = (all_of_them["seconds"] - alone) / (all_of_them["dags"] - 1) * 1000
    figures = {"imports": imports, "one": alone, "many": all_of_them["seconds"], "each": each}
    for key, value in (figures | {"memory": all_of_them["mib"]}).items():
        row.setdefault(key, []).append(value)


def imports_of(file: Path) -> str:
    """Return the imports at the top of ``file``, as a program."""
    body = ast.parse(file.read_text()).body
    lines = [node for node in body if isinstance(node, ast.Import | ast.ImportFrom | ast.Try)]
    return "\n".join(ast.unparse(node) for node in lines)


def copies(file: Path, folder: Path, number: int) -> Path:
    """Make ``number`` DAG files of one, each with a DAG of its own."""
    folder.mkdir()
    text, name = file.read_text(), f'dag_id="{file.stem}"'
    assert name in text
    for each in range(number):
        (folder / f"{file.stem}_{each}.py").write_text(text.replace(name, f'dag_id="{file.stem}_{each}"'))
    return folder


def asked(version: str, folder: Path, program: str, argument: str) -> dict[str, Any]:
    """Return what ``program`` says in a fresh Python of ``version``."""
    home = folder / f"home-{version}"
    settings = {
        "AIRFLOW_HOME": str(home),
        "AIRFLOW__CORE__LOAD_EXAMPLES": "False",
        "AIRFLOW__CORE__UNIT_TEST_MODE": "0",
    }
    python = ROOT / "build" / f"airflow-{version}" / "bin" / "python"
    command = [str(python), "-c", program, argument]
    ran = subprocess.run(command, env=os.environ | settings, capture_output=True, text=True, timeout=LIMIT, check=False)
    if ran.returncode:
        raise RuntimeError(ran.stderr[-3000:])
    return json.loads(ran.stdout.splitlines()[-1])


def arguments() -> argparse.Namespace:
    """Return what was asked for."""
    parser = argparse.ArgumentParser(description=__doc__.splitlines()[0])
    parser.add_argument("--rounds", type=int, default=5)
    parser.add_argument("--dags", type=int, default=200)
    return parser.parse_args()


if __name__ == "__main__":
    main()
