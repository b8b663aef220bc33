"""A job on a Dask cluster that is made for it and deleted after it, whatever the end of it is."""

# pyright: reportMissingImports=false
# Airflow lies in an environment of its own, where this is imported.

from __future__ import annotations

import json
from collections.abc import Callable, Mapping, Sequence
from typing import Any

from ...clusters.errors import DaskDataprocError
from ...clusters.labels import label_value
from ...clusters.spec import ClusterSpec
from .dataproc import Dataproc, JobFailed, deleted_or_fail, guarded
from .naming import Names
from .plan import Program, arguments, cluster_spec, dataproc_job
from .sdk import AirflowException, AirflowFailException, BaseOperator, TaskDeferred
from .staging import empty
from .trigger import LOOKS, UNSEEN, DaskJobTrigger

PROJECT = "{{ var.value.get('gcp_project_id', '') }}"
REGION = "{{ var.value.get('gcp_region', '') }}"
PLACE = {
    "bucket": "{{ var.value.get('dataproc_staging_bucket', '') }}",
    "subnetwork": "{{ var.value.get('subnetwork_services_uri', '') }}",
    "service_account": "{{ var.value.get('dataproc_runtime_sa_email', '') }}",
    "kms_key": "{{ var.value.get('dataproc_kms_key', '') }}",
    "filestore": "{{ var.value.get('filestore_ip_address', '') }}",
}
EXPORT = "/export/shared"
"""The Filestore's export where the variable names its address alone; report A02's name."""
OUTSIDE = "the operator runs within a task alone"


class EphemeralDataprocDaskOperator(BaseOperator):
    """Make a Dask cluster on Dataproc, run a job on it, and delete it in every end.

    The job's result, if it says one, is the task's XCom.

    Parameters
    ----------
    cluster_name : str
        What the cluster's name begins with; a hash of the run follows, so that no two runs share a cluster.
    job_file : str
        URI of a Python file, which runs in the nodes' environment. Either it,
    job_module, job_function : str
        or a function of a module there, whose annotations type its arguments.
    cluster_config : mapping
        Fields of a ClusterSpec, or ``workload_type``, ``data_size_gb``, ``memory_gb``, ``gpu_enabled``, of which the
        size is made when the task runs. The label ``owner`` is the task's unless it is among ``labels``.
    job_args : list or mapping
        Arguments; of a mapping each is ``--name value``.
    writes : str
        Folder that the job writes: what an earlier try has left there is removed before a job is submitted.
    auto_delete : bool
        The cluster is this task's own and deleted with it. False: all tasks of the run that say the same
        ``cluster_name`` share it, and a `DeleteDaskClusterOperator` deletes it.
    deferrable : bool
        Wait in the triggerer and not in a worker.
    project_id, region : str
        The variables ``gcp_project_id`` and ``gcp_region`` where not given.
    environment : str
        Key of the nodes' packages under ``environments/`` in staging.
    poll_interval : float
        Seconds between two looks at cluster and job.
    gcp_conn_id, impersonation_chain : str
        As the Google provider's operators take them.
    """

    template_fields = (
        "cluster_name",
        "job_file",
        "job_module",
        "job_function",
        "cluster_config",
        "job_args",
        "writes",
        "project_id",
        "region",
        "environment",
        "gcp_conn_id",
        "impersonation_chain",
        "place",
    )
    ui_color = "#ffd9b3"

    def __init__(
        self,
        *,
        cluster_name: str = "",
        job_file: str = "",
        job_module: str = "",
        job_function: str = "",
        cluster_config: Mapping[str, Any] | None = None,
        job_args: Sequence[Any] | Mapping[str, Any] = (),
        writes: str = "",
        auto_delete: bool = True,
        deferrable: bool = False,
        project_id: str = PROJECT,
        region: str = REGION,
        environment: str = "",
        poll_interval: float = 5.0,
        gcp_conn_id: str = "google_cloud_default",
        impersonation_chain: str | Sequence[str] | None = None,
        **kwargs: Any,
    ):
        super().__init__(**kwargs)
        self.cluster_name, self.cluster_config = cluster_name, dict(cluster_config or {})
        self.job_file, self.job_module, self.job_function = job_file, job_module, job_function
        self.job_args = dict(job_args) if isinstance(job_args, Mapping) else list(job_args)
        self.writes, self.auto_delete, self.deferrable = writes, auto_delete, deferrable
        self.project_id, self.region, self.environment = project_id, region, environment
        self.poll_interval = poll_interval
        self.gcp_conn_id, self.impersonation_chain = gcp_conn_id, impersonation_chain
        self.place = dict(PLACE)
        self._names: Names | None = None
        self._dataproc: Dataproc | None = None
        self._job_id = ""
        self._begun = self._over = False

    # What the task is made of; other operators say it differently.

    def program(self) -> Program:
        """Return what the job runs."""
        return Program(self.job_file, self.job_module, self.job_function)

    def arguments(self) -> list[str]:
        """Return the job's arguments."""
        return arguments(self.job_args, typed=bool(self.job_module))

    def finished(self, result: Any) -> Any:
        """Return the task's XCom, made of the job's result; raise if that is a failure."""
        return result

    def failed(self, error: JobFailed) -> Exception:
        """Return what the task fails with when its job has failed."""
        return error

    # The way of a try.

    def pre_execute(self, context: Any) -> None:
        """Settle what this try's cluster and job are called by, and connect, for all that follows.

        Airflow 3 calls `on_kill` wherever a signal finds the task; asked for a connection while the task asks for one,
        it would wait for ever.
        """
        ti = context["ti"]
        self._names = Names(ti.dag_id, ti.run_id, ti.task_id, getattr(ti, "map_index", -1), ti.try_number)
        self._dataproc = self._ending(self._connected)

    def execute(self, context: Any) -> Any:
        """Make the cluster and run the job; in the triggerer where deferrable."""
        return self._ending(lambda: self._up(context))

    def resume(self, context: Any, event: Mapping[str, Any]) -> Any:
        """Go on after the triggerer has seen a cluster or a job come to something."""
        self._job_id = event["job_id"]
        self._begun = True
        return self._ending(lambda: self._on(context, event))

    def _up(self, context: Any) -> Any:
        _ = self.program(), self.arguments()  # what is wrong in them is said before anything is made
        spec, metadata = self.spec, {}
        if self.environment:
            metadata["dask-environment"] = f"{spec.staging.rstrip('/')}/environments/{self.environment}"
        self.log.info("The cluster: %s", json.dumps(spec.to_dict()))
        self._begun = True
        self.dataproc.ensure(spec, metadata)
        if self.deferrable:
            self._defer(context, "")
        return self._run(context)

    def _on(self, context: Any, event: Mapping[str, Any]) -> Any:
        if event["state"] == "TIMEOUT":
            raise AirflowException(f"execution_timeout of {self.execution_timeout} has passed")
        if event["state"] == UNSEEN:
            what = f"job {self._job_id}" if event["job_id"] else f"cluster {self.spec.name}"
            raise AirflowException(f"{what} could not be looked at, {LOOKS} times in a row: {event['error']}")
        return self._done() if event["job_id"] else self._run(context)

    def _run(self, context: Any) -> Any:
        self._job_id = self.names.job(self.dataproc.wait_cluster(self.spec.name))
        labels = {"dask-task": self.names.mark, "dag": label_value(self.names.dag)}
        job = dataproc_job(self._job_id, self.spec, labels, self.program(), self.arguments())
        self._job_id = self.dataproc.submit(job, self.names.mark, before=self._empty)
        if self.deferrable:
            self._defer(context, self._job_id)
        return self._done()

    def _empty(self) -> None:
        if self.writes:
            empty(self.writes, self.gcp_conn_id)

    def _done(self) -> Any:
        try:
            result = self.finished(self.dataproc.follow(self._job_id))
        except JobFailed as error:
            raise self.failed(error) from None
        self._over = True
        if self.auto_delete:
            deleted_or_fail(self.dataproc, self.spec.name)
        return result

    def _defer(self, context: Any, job_id: str) -> None:
        deadline = None
        if self.execution_timeout:
            deadline = context["ti"].start_date.timestamp() + self.execution_timeout.total_seconds()
        trigger = DaskJobTrigger(
            cluster_name=self.spec.name,
            job_id=job_id,
            auto_delete=self.auto_delete,
            deadline=deadline,
            project_id=self.spec.project,
            region=self.spec.region,
            gcp_conn_id=self.gcp_conn_id,
            impersonation_chain=self.impersonation_chain,
            polling_interval_seconds=self.poll_interval,
        )
        self.defer(trigger=trigger, method_name="resume")

    def _ending(self, step: Callable[[], Any]) -> Any:
        """Do ``step``; if it fails in any way, timeouts too, end what was begun."""
        try:
            return step()
        except DaskDataprocError as error:
            raise AirflowFailException(error.lines()) from error
        except TaskDeferred:
            raise
        except BaseException:
            if self._begun:
                self._clean()
            raise

    def on_kill(self) -> None:
        """End what this try has begun: the task was stopped, its worker goes, or its time is over."""
        self._clean()

    def _clean(self) -> None:
        if self._over or self._dataproc is None:
            return
        self._over = True
        if self._job_id:
            guarded(self.log, f"Cancelling job {self._job_id}", lambda: self.dataproc.cancel(self._job_id))
        if self.auto_delete:
            guarded(self.log, "Deleting the cluster", lambda: self.dataproc.delete(self.spec.name, wait=False))

    @property
    def names(self) -> Names:
        """What belongs to this try."""
        if self._names is None:
            raise AirflowFailException(OUTSIDE)
        return self._names

    @property
    def spec(self) -> ClusterSpec:
        """The cluster of this run."""
        said = {k: str(v or "") for k, v in self.place.items()}
        bucket, filestore = said.pop("bucket").removeprefix("gs://").rstrip("/"), said["filestore"]
        place = said | {
            "project": self.project_id,
            "region": self.region,
            "staging": f"gs://{bucket}/dask" if bucket else "",
            "filestore": f"{filestore}:{EXPORT}" if filestore and ":/" not in filestore else filestore,
        }
        name = self.names.cluster(self.cluster_name or self.names.task, shared=not self.auto_delete)
        takes = self.execution_timeout.total_seconds() if self.execution_timeout else None
        return cluster_spec(self.cluster_config, name, place, takes, self.owner)

    @property
    def dataproc(self) -> Dataproc:
        """Dataproc, as this task's connection has it."""
        if self._dataproc is None:
            raise AirflowFailException(OUTSIDE)
        return self._dataproc

    def _connected(self) -> Dataproc:
        spec = self.spec
        return Dataproc(
            spec.project, spec.region, self.gcp_conn_id, self.impersonation_chain, self.poll_interval, self.log
        )
