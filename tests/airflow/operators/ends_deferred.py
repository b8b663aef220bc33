"""Run in an Airflow's own Python: await a job in our trigger, and have it ended as the triggerer ends one.

    python ends_deferred.py CLUSTER JOB DAG_ID

DAG_ID has a task that is over: what Airflow 2 looks up to know that a person has ended it.
"""

import asyncio
import contextlib
import os
import sys

sys.path.insert(0, os.environ["AIRFLOW__CORE__DAGS_FOLDER"])

from airflow.models import TaskInstance
from airflow.utils.session import create_session

from dask_dataproc.pipelines.operators.trigger import TOLD, DaskJobTrigger


async def main(cluster: str, job: str, dag: str) -> None:
    place = {"project_id": "local", "region": "us-central1", "gcp_conn_id": "google_cloud_default"}
    trigger = DaskJobTrigger(job, True, None, cluster_name=cluster, polling_interval_seconds=0.2, **place)
    if not TOLD:
        with create_session() as session:
            trigger.task_instance = session.query(TaskInstance).filter_by(dag_id=dag).one()
            session.expunge_all()
    waits = asyncio.ensure_future(anext(trigger.run()))
    await asyncio.wait({waits}, timeout=1)
    assert not waits.done(), "the job runs"
    waits.cancel()
    with contextlib.suppress(asyncio.CancelledError):
        await waits
    if TOLD:
        await trigger.on_kill()


asyncio.run(main(*sys.argv[1:]))
