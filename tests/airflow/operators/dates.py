"""Run in an Airflow's own Python: print the date of the run that a DAG's schedule makes first after 2025 has begun.

python dates.py DAG_FILE DAG_ID ...
"""

import contextlib
import json
import os
import sys
from datetime import UTC, datetime

sys.path.append(os.path.dirname(os.path.dirname(os.path.abspath(__file__))))
from dag_run import dag_bag


def main(file: str, *names: str) -> None:
    from airflow.timetables.base import TimeRestriction

    with contextlib.redirect_stdout(sys.stderr):
        bag = dag_bag(file)
        assert not bag.import_errors, bag.import_errors
        since = TimeRestriction(earliest=datetime(2025, 1, 1, tzinfo=UTC), latest=None, catchup=True)
        dates = {}
        for name in names:
            first = scheduled(bag.dags[name]).timetable.next_dagrun_info(
                last_automated_data_interval=None, restriction=since
            )
            dates[name] = [first.run_after.isoformat(), first.logical_date.isoformat()]
    print(json.dumps(dates))


def scheduled(dag):
    """Return a DAG as the scheduler reads it."""
    try:
        from airflow.serialization.serialized_objects import DagSerialization  # Airflow 3.2
    except ImportError:
        from airflow.serialization.serialized_objects import SerializedDAG as DagSerialization
    return DagSerialization.from_dict(DagSerialization.to_dict(dag))


main(*sys.argv[1:])
