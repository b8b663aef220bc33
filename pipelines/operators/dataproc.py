"""A run's cluster and jobs on Dataproc: made once, attached to by a later try, followed to their end, deleted."""

# pyright: reportMissingImports=false
# Airflow lies in an environment of its own, where this is imported.

from __future__ import annotations

import logging
import time
from collections.abc import Callable
from contextlib import suppress
from typing import Any

from airflow.providers.google.cloud.hooks.dataproc import DataprocHook
from google.api_core import exceptions
from google.cloud.dataproc_v1 import ClusterStatus, JobStatus

from ...clusters.job_output import DriverOutput
from ...clusters.spec import ClusterSpec
from .output import DriverLines
from .sdk import AirflowException, AirflowFailException, ObjectStoragePath

CALL = 60.0
"""Seconds that one call may take."""
DELETE = 600.0
"""Seconds that a deletion is waited for."""
USABLE = ("RUNNING", "UPDATING")
COMING = ("CREATING", "STARTING", "REPAIRING", "UNKNOWN")
GOING = ("DELETING", "STOPPING")
ENDED = ("DONE", "ERROR", "CANCELLED", "ATTEMPT_FAILURE")


class JobFailed(AirflowException):
    """A job has ended otherwise than well: one line, and the last lines of its output.

    Attributes
    ----------
    last : list of str
    """

    def __init__(self, job_id: str, state: str, details: str, last: list[str]):
        self.last = last
        why = details.strip().partition("\n")[0] or "Dataproc does not say why"
        told = "".join(f"\n    {line}" for line in last)
        super().__init__(f"job {job_id} is {state}: {why}" + (f"; its last lines:{told}" if told else ""))


class Dataproc:
    """The calls of one task, with its log.

    Parameters
    ----------
    project, region : str
    conn_id : str
        Airflow's connection.
    impersonation : str, sequence of str or None
        Service account that makes the calls.
    poll : float
        Seconds between two looks.
    log : logging.Logger
    """

    def __init__(self, project: str, region: str, conn_id: str, impersonation: Any, poll: float, log: logging.Logger):
        self._place = {"project_id": project, "region": region}
        self._conn_id, self._poll, self._log = conn_id, poll, log
        self._hook = DataprocHook(gcp_conn_id=conn_id, impersonation_chain=impersonation)

    def cluster(self, name: str) -> Any:
        """Return a cluster, None where there is none of that name."""
        with suppress(exceptions.NotFound):
            return self._hook.get_cluster(cluster_name=name, timeout=CALL, **self._place)
        return None

    def ensure(self, spec: ClusterSpec, metadata: dict[str, str]) -> None:
        """Have the cluster of ``spec`` made, unless it is there; one in ERROR is deleted first.

        Raises
        ------
        AirflowException
            Dataproc refuses it, or what is in the way does not go.
        """
        found = self.cluster(spec.name)
        state = _state(found)
        if state in (*USABLE, *COMING):
            self._log.info("Attached to cluster %s, which an earlier try has made and is %s", spec.name, state)
            return
        if found is not None:
            self._log.info("Cluster %s is %s: it is deleted, and made anew", spec.name, state)
            self.delete(spec.name)
        made = spec.to_dataproc()
        made["config"]["gce_cluster_config"]["metadata"] |= metadata
        about = {"cluster_name": spec.name, "cluster_config": made["config"], "labels": made["labels"]}
        with suppress(exceptions.Conflict):  # a call whose answer was lost has made it
            try:
                self._hook.create_cluster(timeout=CALL, **about, **self._place)
            except exceptions.Conflict:
                raise
            except exceptions.GoogleAPICallError as error:
                raise AirflowException(f"cluster {spec.name} was refused: {line_of(error)}") from error
        self._log.info("Cluster %s is being made: %s workers, %s", spec.name, spec.total_workers, spec.worker_machine)

    def wait_cluster(self, name: str) -> str:
        """Wait until a cluster is usable, and return its uuid.

        Raises
        ------
        AirflowException
            It failed, or is gone.
        """
        while (state := _state(found := self.cluster(name))) in COMING:
            time.sleep(self._poll)
        if state not in USABLE:
            why = ends_of(found.status.detail) if found is not None else "somebody has deleted it"
            raise AirflowException(f"cluster {name} did not start, it is {state}: {why or self._why(name)}")
        self._log.info("Cluster %s is %s", name, state)
        return found.cluster_uuid

    def _why(self, name: str) -> str:
        """Return what the operation that made a cluster says of its end."""
        place = "projects/{project_id}/regions/{region}/operations".format(**self._place)
        try:
            operations = self._hook.get_operations_client(region=self._place["region"])
            for operation in operations.list_operations(place, f"clusterName = {name}"):
                if operation.done and operation.error.message:
                    return ends_of(operation.error.message)
        except exceptions.GoogleAPICallError as error:
            return f"why could not be read: {line_of(error)}"
        return "Dataproc does not say why"

    def submit(self, job: dict[str, Any], mark: str, before: Callable[[], None]) -> str:
        """Submit a job, unless an earlier try's still runs; return the id of the one that runs.

        Parameters
        ----------
        job : dict
        mark : str
            Value of the label ``dask-task``, which all tries have in common.
        before : callable
            Called before a job is submitted, and not where one runs.
        """
        client = self._hook.get_job_client(region=self._place["region"])
        cluster = job["placement"]["cluster_name"]
        where = f"status.state = ACTIVE AND clusterName = {cluster} AND labels.dask-task = {mark}"
        for running in client.list_jobs(request=self._place | {"filter": where}, timeout=CALL):
            self._log.info("Attached to job %s, which an earlier try has submitted", running.reference.job_id)
            return running.reference.job_id
        before()
        wanted = job["reference"]["job_id"]
        with suppress(exceptions.Conflict):  # a call whose answer was lost has submitted it
            try:
                self._hook.submit_job(job=job, timeout=CALL, **self._place)
            except exceptions.Conflict:
                raise
            except exceptions.GoogleAPICallError as error:
                raise AirflowException(f"job {wanted} was refused: {line_of(error)}") from error
        self._log.info("Job %s is submitted to cluster %s", wanted, cluster)
        return wanted

    def follow(self, job_id: str) -> Any:
        """Tell what a job prints until it has ended; return its result, None where it prints none.

        Raises
        ------
        JobFailed
            It did not succeed.
        """
        lines: DriverLines | None = None
        while True:
            job = self._hook.get_job(job_id=job_id, timeout=CALL, **self._place)
            state, uri = JobStatus.State(job.status.state).name, job.driver_output_resource_uri
            lines = lines or (self._lines(uri) if uri else None)
            if lines:
                self._tell(lines, ended=state in ENDED)
            if state == "DONE":
                return lines.result if lines else None
            if state in ENDED:
                raise JobFailed(job_id, state, job.status.details, list(lines.last) if lines else [])
            time.sleep(self._poll)

    def _lines(self, uri: str) -> DriverLines:
        local = uri.startswith("file:")
        files = ObjectStoragePath(uri, conn_id=None if local else self._conn_id).fs
        return DriverLines(DriverOutput(uri, files))

    def _tell(self, lines: DriverLines, *, ended: bool) -> None:
        try:
            for line in lines.more(ended=ended):
                self._log.info("%s", line)
        except Exception as error:  # each file system has its own; the job goes on without being read
            self._log.warning("the job's output could not be read: %s", error)

    def cancel(self, job_id: str) -> None:
        """Cancel a job, if it runs."""
        with suppress(exceptions.NotFound, exceptions.BadRequest):  # the second: it has ended
            self._hook.cancel_job(job_id=job_id, timeout=CALL, **self._place)

    def delete(self, name: str, *, wait: bool = True) -> None:
        """Delete a cluster, if it is there, and wait until it is gone.

        Raises
        ------
        AirflowException
            It is still there.
        """
        with suppress(exceptions.NotFound):
            if _state(self.cluster(name)) != "DELETING":
                self._hook.delete_cluster(cluster_name=name, timeout=CALL, **self._place)
            self._log.info("Cluster %s is being deleted", name)
        until = time.monotonic() + DELETE
        while wait and self.cluster(name) is not None:
            if time.monotonic() > until:
                raise AirflowException(f"cluster {name} is not gone {DELETE:.0f} s after its deletion was asked for")
            time.sleep(self._poll)


def deleted_or_fail(dataproc: Dataproc, name: str, attempts: int = 3) -> None:
    """Delete a cluster after the work is done.

    Raises
    ------
    AirflowFailException
        It could not be deleted: the task fails and is not tried again, for that would do the work twice.
    """
    for attempt in range(attempts):
        try:
            return dataproc.delete(name)
        except Exception as error:  # credentials, connections and Dataproc have their own
            if attempt + 1 == attempts:
                raise AirflowFailException(
                    f"the job is done, but cluster {name} could not be deleted and goes on costing until its "
                    f"auto_delete_ttl: {line_of(error)}; gcloud dataproc clusters delete {name}"
                ) from error
    return None


def guarded(log: logging.Logger, what: str, call: Callable[[], None]) -> None:
    """Do one step of a cleaning up, whatever becomes of it: what went wrong before is what the task says."""
    try:
        call()
    except Exception as error:
        log.error("%s failed, the cluster's auto_delete_ttl is its end: %s", what, line_of(error))


def ends_of(text: str) -> str:
    """Return the first and the last line of ``text``: what it is about, and what a traceback comes to."""
    lines = [" ".join(line.split()) for line in text.splitlines() if line.strip()]
    return "; ".join(dict.fromkeys([*lines[:1], *lines[-1:]]))


def _state(cluster: Any) -> str:
    return "gone" if cluster is None else ClusterStatus.State(cluster.status.state).name


def line_of(error: BaseException) -> str:
    """Return what an error says, in one line."""
    return " ".join(str(getattr(error, "message", "") or error).split())
