"""Run in an Airflow's own Python: run a DAG of one task a few times in a row, and print what became of each.

python cleanup_runs.py DAG_FILE CONF_JSON…

Prints a JSON list: the run's state and what its task returned.
"""

import contextlib
import inspect
import json
import sys

from dag_run import dag_bag


def main() -> None:
    path, *confs = sys.argv[1:]
    with contextlib.redirect_stdout(sys.stderr):  # Airflow logs to stdout; the answer is alone there
        from airflow.utils import db

        db.initdb()
        bag = dag_bag(path)
        assert not bag.import_errors, bag.import_errors
        (dag,) = bag.dags.values()
        answers = [run(dag, json.loads(conf)) for conf in confs]
    print(json.dumps(answers))


def run(dag, conf: dict) -> dict:
    print(f"=== run with {json.dumps(conf)}", flush=True)
    manual = {"logical_date": None} if "logical_date" in inspect.signature(dag.test).parameters else {}
    dag_run = dag.test(run_conf=conf, **manual)
    (instance,) = dag_run.get_task_instances()
    returned = instance.xcom_pull(task_ids=instance.task_id) if str(dag_run.state) == "success" else None
    return {"state": str(dag_run.state), "returned": returned}


if __name__ == "__main__":
    main()
