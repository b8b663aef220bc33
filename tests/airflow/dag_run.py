"""Run in an Airflow's own Python: parse one DAG file, run it once, and print what became of it as one JSON document.

    python dag_run.py DAG_FILE [CONF_JSON [DATE]]

With DATE the run is one of the schedule's, else one by hand. Without CONF_JSON the file is only parsed.
The database in AIRFLOW_HOME is made here if there is none.
"""

import contextlib
import inspect
import json
import os
import sys
from datetime import datetime
from pathlib import Path


def main() -> None:
    path, *conf = sys.argv[1:]
    with contextlib.redirect_stdout(sys.stderr):  # Airflow logs to stdout; the answer is alone there
        answer = parse(path) if not conf else run(path, json.loads(conf[0]), *conf[1:])
    print(json.dumps(answer))


def parse(path: str) -> dict:
    bag = dag_bag(path)
    return {"errors": bag.import_errors, "dags": sorted(bag.dags)}


def run(path: str, conf: dict, date: str = "") -> dict:
    from airflow.utils import db

    if not os.path.exists(os.path.join(os.environ["AIRFLOW_HOME"], "airflow.db")):
        db.initdb()
    bag = dag_bag(path)
    assert not bag.import_errors, bag.import_errors
    (dag,) = bag.dags.values()
    named = "logical_date" if "logical_date" in inspect.signature(dag.test).parameters else "execution_date"
    when = {named: datetime.fromisoformat(date) if date else None}
    knows_users()
    if date and "run_after" in inspect.signature(dag.test).parameters:
        when["run_after"] = when[named]  # the run's id is made of it
    dag_run = dag.test(run_conf=conf, **when)
    tasks = {ti.task_id: str(ti.state) for ti in dag_run.get_task_instances()}
    return {"state": str(dag_run.state), "tasks": tasks}


def knows_users() -> None:
    """Have Airflow 2 know its users, without whom it does not replace an earlier run of the same date."""
    with contextlib.suppress(ImportError):
        import airflow.providers.fab.auth_manager.models  # noqa: F401


def dag_bag(path: str):
    """Return the DAGs of one file, read as Airflow's own processes read it: with its folder on the path."""
    try:
        from airflow.dag_processing.dagbag import BundleDagBag
    except ImportError:  # Airflow 2
        from airflow.models.dagbag import DagBag

        return DagBag(path)
    return BundleDagBag(path, bundle_path=Path(path).parent)


if __name__ == "__main__":
    main()
