"""Run in an Airflow's own Python: run DAGs of one file, and print what became of each as one JSON document a line.

    python runs.py DAG_FILE DAG_ID[@DATE] ...

With DATE the run is that of the date: run again, it is the same run.
"""

import contextlib
import inspect
import json
import os
import sqlite3
import sys
from datetime import datetime

sys.path.append(os.path.dirname(os.path.dirname(os.path.abspath(__file__))))
from dag_run import dag_bag, knows_users


def main() -> None:
    file, *runs = sys.argv[1:]
    answers = sys.stdout
    with contextlib.redirect_stdout(sys.stderr):  # Airflow logs to stdout; the answers are alone there
        made_database()
        knows_users()
        bag = dag_bag(file)
        assert not bag.import_errors, bag.import_errors
        for each in runs:
            name, _, date = each.partition("@")
            ended = run(bag.dags[name], datetime.fromisoformat(date) if date else None)
            print(json.dumps({"dag": name, **ended}), file=answers, flush=True)


def made_database() -> None:
    from airflow.utils import db

    if not os.path.exists(database()):
        db.initdb()


def run(dag, at) -> dict:
    print(f"=== {dag.dag_id}", file=sys.stderr, flush=True)
    three = "logical_date" in inspect.signature(dag.test).parameters
    when = {"logical_date": at} | ({"run_after": at} if at else {}) if three else ({"execution_date": at} if at else {})
    try:
        state = str(dag.test(**when).state)
    except BaseException as error:  # Airflow 2 lets a timeout through, which is no Exception there
        if isinstance(error, KeyboardInterrupt | SystemExit):
            raise
        state = type(error).__name__
    return {"state": state, **told(dag.dag_id)}


def told(dag_id) -> dict:
    """Return how the tasks of the DAG ended and their results, as the database has them."""
    states = "select task_id, state from task_instance where dag_id = ?"
    values = "select task_id, cast(value as text) from xcom where dag_id = ? and key = 'return_value'"
    with contextlib.closing(sqlite3.connect(database())) as opened:
        tasks = dict(opened.execute(states, (dag_id,)).fetchall())
        results = opened.execute(values, (dag_id,)).fetchall()
    return {"tasks": tasks, "results": {task: plain(value) for task, value in results}}


def plain(value):
    """Return a stored value: JSON in Airflow 2, JSON of JSON in Airflow 3."""
    once = json.loads(value)
    with contextlib.suppress(TypeError, ValueError):
        return json.loads(once)
    return once


def database() -> str:
    return os.path.join(os.environ["AIRFLOW_HOME"], "airflow.db")


if __name__ == "__main__":
    main()
