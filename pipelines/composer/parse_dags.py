"""Run by an Airflow's own Python: parse a folder of DAGs as Airflow does and print what came of it as JSON.

python parse_dags.py FOLDER

It needs no database, and nothing of ours.
"""

import contextlib
import json
import sys
from importlib import import_module
from typing import Any


def main() -> None:
    """Print ``{"dags": [id, …], "errors": {file: text}}``."""
    (folder,) = sys.argv[1:]
    sys.path.append(folder)  # as Composer has it
    with contextlib.redirect_stdout(sys.stderr):  # Airflow logs to stdout; the answer is alone there
        bag = bag_class()(folder)
    json.dump({"dags": sorted(bag.dags), "errors": bag.import_errors}, sys.stdout)


def bag_class() -> Any:
    """Return DagBag, from where this Airflow has it."""
    try:
        return import_module("airflow.dag_processing.dagbag").DagBag
    except ImportError:  # Airflow 2
        return import_module("airflow.models.dagbag").DagBag


if __name__ == "__main__":
    main()
