"""Run in an Airflow's own Python: print what each job is told to write, and which folder is emptied for it, as JSON.

python writes.py DAG_FILE DAG_ID...
"""

import contextlib
import json
import os
import sys

sys.path.append(os.path.dirname(os.path.dirname(os.path.abspath(__file__))))
from dag_run import dag_bag


def main() -> None:
    file, *names = sys.argv[1:]
    with contextlib.redirect_stdout(sys.stderr):  # Airflow logs to stdout; the answer is alone there
        bag = dag_bag(file)
    tasks = [
        task for name in names for task in bag.dags[name].tasks if "--output-path" in getattr(task, "job_args", [])
    ]
    answers = [
        {"id": task.task_id, "writes": task.writes, "told": task.job_args[task.job_args.index("--output-path") + 1]}
        for task in tasks
    ]
    assert len(answers) > len(names)
    print(json.dumps(answers))


if __name__ == "__main__":
    main()
