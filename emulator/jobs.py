"""The service JobController: what may be asked of jobs; how one runs is in `runs`."""

from __future__ import annotations

import uuid
from datetime import datetime

from google.protobuf import empty_pb2
from google.protobuf.message import Message

from . import filters
from .descriptors import Api, Proto
from .errors import already_exists, failed_precondition, invalid, not_found, unimplemented
from .inventory import Entry, Inventory
from .operations import Operations, once, request_key
from .runs import Run, Runs, job_path
from .stamps import unix
from .validation import Violations, check_labels, check_place

JOB_ID = r"[A-Za-z0-9_-]{0,100}"
MAX_FAILURES = {"max_failures_per_hour": 10, "max_failures_total": 240}
FIELDS = ("status.state", "insertTime", "clusterName")
USABLE = ("RUNNING", "UPDATING")
"""States of a cluster to which jobs can be submitted."""


class JobController:
    """The RPCs on jobs.

    Parameters
    ----------
    api : Api
    runs : Runs
    inventory : Inventory
    operations : Operations
    """

    def __init__(self, api: Api, runs: Runs, inventory: Inventory, operations: Operations) -> None:
        self.operations = operations
        self._api = api
        self._runs = runs
        self._inventory = inventory

    async def submit_job(self, request: Proto) -> Message:
        """Answer SubmitJob."""
        key = request_key(request)
        first = next((run.job for run in self._runs.by_name.values() if key and run.request == key), None)
        return first if first is not None else self._submit(request).job

    @once
    async def submit_job_as_operation(self, request: Proto) -> Message:
        """Answer SubmitJobAsOperation: the operation ends as the job does."""
        run = self._submit(request)
        metadata = self._api.JobMetadata(
            job_id=run.job.reference.job_id, operation_type="SUBMIT", status=run.job.status
        )
        run.operation = self.operations.start(request, metadata, lambda: self._runs.outcome(run))
        return run.operation.operation

    async def get_job(self, request: Proto) -> Message:
        """Answer GetJob."""
        return self._find(request).job

    async def list_jobs(self, request: Proto) -> Message:
        """Answer ListJobs, in the order of ids."""
        found = Violations()
        check_place(found, request)
        found.done()
        terms = filters.parse(request.filter) or _matcher_terms(request)
        filters.check_terms(terms, FIELDS)
        region = job_path(request.project_id, request.region, "")
        here = {name: run for name, run in self._runs.by_name.items() if name.startswith(region)}
        on = request.cluster_name
        hits = {n: r.job for n, r in here.items() if on in ("", r.job.placement.cluster_name) and _matches(r, terms)}
        shown, following = filters.page(hits, request.page_size, request.page_token)
        return self._api.ListJobsResponse(jobs=shown, next_page_token=following)

    async def update_job(self, request: Proto) -> Message:
        """Answer UpdateJob: its labels can be changed, nothing else."""
        run, found = self._find(request), Violations()
        found.check(
            list(request.update_mask.paths) == ["labels"], "update_mask", "labels", ",".join(request.update_mask.paths)
        )
        check_labels(found, "job.labels", request.job.labels.items())
        found.done()
        run.job.labels.clear()
        run.job.labels.update(request.job.labels)
        self._runs.save(run)
        return run.job

    async def cancel_job(self, request: Proto) -> Message:
        """Answer CancelJob: returned at once, CANCEL_PENDING; the driver is ended after that."""
        run = self._find(request)
        if run.job.done:
            raise failed_precondition(
                "JOB_STATE", run.name, f"Job {run.job.reference.job_id} is {run.state()}, not active"
            )
        self._runs.end(run, "CANCELLED", "Job cancelled")
        return run.job

    async def delete_job(self, request: Proto) -> Message:
        """Answer DeleteJob, unless the job is active."""
        run = self._find(request)
        if not run.job.done:
            raise failed_precondition(
                "JOB_STATE", run.name, f"Job {run.job.reference.job_id} is {run.state()}; cancel it first"
            )
        self._runs.forget(run)
        return empty_pb2.Empty()

    def _find(self, request: Proto) -> Run:
        found = Violations()
        check_place(found, request)
        found.done()
        name = job_path(request.project_id, request.region, request.job_id)
        if name not in self._runs.by_name:
            raise not_found("Job", name)
        return self._runs.by_name[name]

    def _submit(self, request: Proto) -> Run:
        check_submit(request)
        entry = self._place(request)
        job = self._api.Job()
        job.CopyFrom(request.job)
        for output in ("status", "status_history", "yarn_applications", "done"):
            job.ClearField(output)
        job.reference.project_id = request.project_id
        job.reference.job_id = job.reference.job_id or str(uuid.uuid4())
        job.placement.cluster_name, job.placement.cluster_uuid = entry.cluster.cluster_name, entry.cluster.cluster_uuid
        job.job_uuid = str(uuid.uuid4())
        name = job_path(request.project_id, request.region, job.reference.job_id)
        if name in self._runs.by_name:
            raise already_exists("Job", name)
        return self._runs.start(job, entry, request_key(request))

    def _place(self, request: Proto) -> Entry:
        """Return the cluster a job goes to: the one named, or one that has the labels asked for."""
        placement = request.job.placement
        if placement.cluster_name:
            entry = self._inventory.find(request.project_id, request.region, placement.cluster_name)
            if entry.state() not in USABLE:
                why = f"Cluster {placement.cluster_name} is {entry.state()}; allowed is {', '.join(USABLE)}"
                raise failed_precondition("CLUSTER_STATE", entry.name, why)
            return entry
        labels = placement.cluster_labels.items()
        here = (e for e in self._inventory if (e.cluster.project_id, e.region) == (request.project_id, request.region))
        for entry in here:
            if entry.state() in USABLE and labels <= dict(entry.cluster.labels).items():
                return entry
        raise not_found("Cluster", f"with labels {dict(labels)}")


def check_submit(request: Proto) -> None:
    """Raise INVALID_ARGUMENT for a job outside the documented bounds, UNIMPLEMENTED for other than pyspark. Pure."""
    found, job = Violations(), request.job
    check_place(found, request)
    check_labels(found, "job.labels", job.labels.items())
    found.matches(JOB_ID, "job.reference.job_id", job.reference.job_id)
    owner = job.reference.project_id in ("", request.project_id)
    found.check(owner, "job.reference.project_id", f"'{request.project_id}'", job.reference.project_id)
    placed = job.placement.cluster_name or job.placement.cluster_labels
    found.check(placed, "job.placement.cluster_name", "a cluster's name, or cluster_labels", "")
    kind = job.WhichOneof("type_job")
    found.check(kind, "job", "one of pyspark_job, spark_job …", "no job")
    if kind == "pyspark_job":
        main = job.pyspark_job.main_python_file_uri
        found.check(main.endswith(".py"), "job.pyspark_job.main_python_file_uri", "the URI of a .py file", main)
    for field, most in MAX_FAILURES.items():
        found.within(0, most, f"job.scheduling.{field}", getattr(job.scheduling, field))
    found.done()
    if kind != "pyspark_job":
        raise unimplemented(f"job.{kind}")
    if job.scheduling.max_failures_per_hour or job.scheduling.max_failures_total:
        raise unimplemented("job.scheduling, restarting a driver that fails")


def _matcher_terms(request: Proto) -> list[tuple[str, str, str]]:
    matcher = request.JobStateMatcher.Name(request.job_state_matcher)
    return [] if matcher == "ALL" else [("status.state", "=", matcher)]


def _matches(run: Run, terms: list[tuple[str, str, str]]) -> bool:
    state, job = run.state(), run.job
    groups = ("NON_ACTIVE", "INACTIVE") if job.done else ("ACTIVE",)
    inserted = unix((job.status_history[0] if job.status_history else job.status).state_start_time)
    fields = {
        "status.state": filters.equals(state, *groups),
        "clusterName": filters.equals(job.placement.cluster_name),
        "insertTime": lambda relation, value: _compare(inserted, relation, value),
    }
    return filters.matches(terms, job.labels, fields)


def _compare(inserted: float, relation: str, value: str) -> bool:
    try:
        moment = datetime.fromisoformat(value).timestamp()
    except ValueError as error:
        raise invalid([("filter", f"'{value}' given, allowed is a time in RFC 3339")]) from error
    relations = {"=": inserted == moment, "<": inserted < moment, ">": inserted > moment}
    relations |= {"<=": inserted <= moment, ">=": inserted >= moment}
    return relations[relation]
