"""A cluster or a job awaited in the triggerer, which ends both when a person ends the task in the meantime."""

# pyright: reportMissingImports=false
# Airflow lies in an environment of its own, where this is imported.

from __future__ import annotations

import asyncio
import time
from collections.abc import AsyncIterator
from typing import Any

from airflow.providers.google.cloud.triggers.dataproc import DataprocClusterTrigger
from airflow.triggers.base import BaseTrigger, TriggerEvent
from asgiref.sync import sync_to_async
from google.api_core.exceptions import NotFound
from google.cloud.dataproc_v1 import ClusterStatus, JobStatus

from .dataproc import COMING, ENDED, Dataproc, guarded, line_of

TOLD = hasattr(BaseTrigger, "on_kill")
"""Whether Airflow says by `on_kill` that a person ended the task; where not, a cancelled trigger finds out."""
LOOKS = 5
"""Looks in a row that may fail: a token or a connection that comes back ends nobody's job."""
UNSEEN = "UNSEEN"
"""The state of what could not be looked at any more."""


class DaskJobTrigger(DataprocClusterTrigger):
    """Wait until a cluster has come up, or until a job has ended, or for the end of the task's time.

    Google's own triggers swallow the cancellation that Airflow's `on_kill` depends on, and their timeout leaves what
    runs running: here the cancellation passes on, and the deadline is an event that the task ends its cluster upon.

    Parameters
    ----------
    job_id : str
        Empty to wait for the cluster.
    auto_delete : bool
        The cluster ends with the task.
    deadline : float or None
        Unix seconds.
    **base
        As Google's trigger takes them; ``cluster_name`` among them.
    """

    def __init__(self, job_id: str, auto_delete: bool, deadline: float | None, **base: Any):
        super().__init__(**base)
        self.job_id, self.auto_delete, self.deadline = job_id, auto_delete, deadline

    def serialize(self) -> tuple[str, dict[str, Any]]:
        """Return how the triggerer makes it anew."""
        names = ("cluster_name", "job_id", "auto_delete", "deadline", "project_id", "region", "gcp_conn_id")
        fields = {name: getattr(self, name) for name in names}
        fields |= {"impersonation_chain": self.impersonation_chain}
        fields |= {"polling_interval_seconds": self.polling_interval_seconds}
        return f"{type(self).__module__}.{type(self).__qualname__}", fields

    async def run(self) -> AsyncIterator[TriggerEvent]:
        """Look until there is something to tell."""
        try:
            yield TriggerEvent({"job_id": self.job_id, **await self._seen()})
        except asyncio.CancelledError:
            if not TOLD and self.task_instance is not None and await self.safe_to_cancel():
                await self._end()
            raise

    async def _seen(self) -> dict[str, str]:
        """Return what it has come to, or why it cannot be seen: Airflow ends a task whose trigger fails without us."""
        hook, failed = None, 0
        while True:
            try:
                hook = hook or self.get_async_hook()
                if state := await self._look(hook):
                    return {"state": state}
                failed = 0
            except Exception as error:  # credentials, connections and Dataproc have their own
                failed += 1
                self.log.warning("Look %d of %d has failed: %s", failed, LOOKS, line_of(error))
                if failed == LOOKS:
                    return {"state": UNSEEN, "error": line_of(error)}
            await asyncio.sleep(self.polling_interval_seconds)

    async def _look(self, hook: Any) -> str:
        """Return what it has come to, empty while it goes on."""
        if self.deadline is not None and time.time() > self.deadline:
            return "TIMEOUT"
        place = {"project_id": self.project_id, "region": self.region}
        try:
            if self.job_id:
                job = await hook.get_job(job_id=self.job_id, **place)
                state = JobStatus.State(job.status.state).name
                return state if state in ENDED else ""
            cluster = await hook.get_cluster(cluster_name=self.cluster_name, **place)
        except NotFound:
            return "gone"
        state = ClusterStatus.State(cluster.status.state).name
        return "" if state in COMING else state

    async def on_kill(self) -> None:
        """End the job and its cluster: a person has marked the task, or cleared it."""
        await self._end()

    async def _end(self) -> None:
        await sync_to_async(self._end_now)()

    def _end_now(self) -> None:
        dataproc = Dataproc(
            self.project_id,
            self.region,
            self.gcp_conn_id,
            self.impersonation_chain,
            self.polling_interval_seconds,
            self.log,
        )
        if self.job_id:
            guarded(self.log, f"Cancelling job {self.job_id}", lambda: dataproc.cancel(self.job_id))
        if self.auto_delete:
            guarded(self.log, "Deleting the cluster", lambda: dataproc.delete(self.cluster_name, wait=False))
