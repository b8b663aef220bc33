"""Run in an Airflow's own Python: run DAGs of one file, and print what became of each as one JSON document a line.

    python operator_runs.py DAG_FILE [--at DATE] DAG_ID ...

With --at the run is that of the date: run again, it is the same run.
"""

import argparse
import contextlib
import inspect
import json
import os
import sqlite3
import sys
from datetime import datetime

from dag_run import dag_bag


def main() -> None:
    asked = argparse.ArgumentParser()
    asked.add_argument("file")
    asked.add_argument("dags", nargs="*")
    asked.add_argument("--at", type=datetime.fromisoformat)
    given = asked.parse_args()
    answers = sys.stdout
    with contextlib.redirect_stdout(sys.stderr):  # Airflow logs to stdout; the answers are alone there
        made_database()
        bag = dag_bag(given.file)
        assert not bag.import_errors, bag.import_errors
        for name in given.dags:
            print(json.dumps({"dag": name, **run(bag.dags[name], given.at)}), file=answers, flush=True)


def made_database() -> None:
    from airflow.utils import db

    if not os.path.exists(database()):
        db.initdb()


def run(dag, at) -> dict:
    print(f"=== {dag.dag_id}", file=sys.stderr, flush=True)
    three = "logical_date" in inspect.signature(dag.test).parameters
    when = {"logical_date": at} | ({"run_after": at} if at else {}) if three else ({"execution_date": at} if at else {})
    dag_run = dag.test(**when)
    tasks = {ti.task_id: str(ti.state) for ti in dag_run.get_task_instances()}
    return {"state": str(dag_run.state), "tasks": tasks, "results": results(dag_run)}


def results(dag_run) -> dict:
    """Return the results of a run's tasks, as the database has them."""
    query = "select task_id, value from xcom where dag_id = ? and run_id = ? and key = 'return_value'"
    with contextlib.closing(sqlite3.connect(database())) as opened:
        found = opened.execute(query, (dag_run.dag_id, dag_run.run_id)).fetchall()
    values = {task: json.loads(value) for task, value in found}
    return {task: json.loads(value) if isinstance(value, str) else value for task, value in values.items()}


def database() -> str:
    return os.path.join(os.environ["AIRFLOW_HOME"], "airflow.db")


if __name__ == "__main__":
    main()
