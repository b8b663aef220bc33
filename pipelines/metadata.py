"""What a notebook says of itself as a job: the ``dask_dataproc`` entry of its metadata, one list of fields. Pure."""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import dataclass
from typing import Any

from ..clusters.errors import NotebookError, SpecError
from ..clusters.fields import declare, duration_text, fields_of, unknown
from ..clusters.spec import DAY, ClusterSpec
from .notebook import Notebook

KEY = "dask_dataproc"
HOUR = 3600
LONGEST = 14 * DAY  # Dataproc's own bound of a cluster's life
CRON = r"(@(once|hourly|daily|weekly|monthly|quarterly|yearly|continuous)|\S+( \S+){4})?"
INPUT = r"gs://[^/\s]+/\S*[^/\s]|(?!\w+://)\S.*"  # an object or a path


@dataclass(frozen=True, slots=True)
class Job:
    """When and how a notebook runs as a job, besides its cluster."""

    notebook: str = declare(
        "", "where Airflow reads the notebook, a path or URL; empty for where the DAG was made from"
    )
    schedule: str = declare("", "a cron expression or a preset such as @daily; empty for runs by hand", pattern=CRON)
    inputs: tuple[str, ...] = declare((), "objects (gs://…) or files a run waits for before its cluster", pattern=INPUT)
    outputs: str = declare("", "folder of the executed notebooks, a path or URL; empty for the staging bucket")
    owner: str = declare("airflow", "who answers for the job", pattern=r"\S.*")
    retries: int = declare(0, "how often a failed notebook is tried again", low=0, high=10)
    timeout: int = declare(2 * HOUR, "the longest a try may take", unit="duration", low=60, high=LONGEST)
    wait: int = declare(6 * HOUR, "the longest a run waits for an input", unit="duration", low=60, high=LONGEST)


FIELDS = fields_of(Job)


def read_job(notebook: Notebook) -> tuple[Job, ClusterSpec]:
    """Return the job and the cluster that ``notebook.metadata.dask_dataproc`` declares; defaults where it is silent.

    A cluster whose ``lifetime`` is not given lives for all tries and an hour more.

    Raises
    ------
    NotebookError
        One line: the field, what is allowed, what was given.
    """
    given = notebook.get("metadata", {}).get(KEY, {})
    if not isinstance(given, Mapping):
        raise NotebookError(f"metadata {KEY}: {given!r} given, allowed is a mapping of fields")
    try:
        job = _job({name: value for name, value in given.items() if name != "cluster"})
    except SpecError as error:
        raise NotebookError(f"metadata {KEY}: {error}", error.hint) from error
    return job, _cluster(given.get("cluster", {}), job)


def _job(given: Mapping[str, Any]) -> Job:
    for name in given:
        if name not in FIELDS:
            raise unknown(name, ["cluster", *FIELDS], "field of a job")
    return Job(**{name: FIELDS[name].parse(value) for name, value in given.items() if value is not None})


def _cluster(given: Any, job: Job) -> ClusterSpec:
    if not isinstance(given, Mapping):
        raise NotebookError(
            f"metadata {KEY}: cluster: {given!r} given, allowed is a mapping of fields", '{"workers": 4}'
        )
    needed = (job.retries + 1) * job.timeout
    try:
        spec = ClusterSpec.from_dict({"lifetime": min(needed + HOUR, LONGEST), **given})
    except SpecError as error:
        raise NotebookError(f"metadata {KEY}.cluster: {error}", error.hint) from error
    if spec.lifetime < needed:
        lives, takes = duration_text(spec.lifetime), duration_text(needed)
        raise NotebookError(
            f"metadata {KEY}.cluster: lifetime: {lives} given, {job.retries + 1} x timeout is {takes}",
            f"a lifetime of {duration_text(needed + HOUR)}, or a shorter timeout",
        )
    return spec
