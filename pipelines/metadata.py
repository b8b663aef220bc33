"""What a notebook says of itself as a job: the ``dask_dataproc`` entry of its metadata, one list of fields. Pure."""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import dataclass
from typing import Any

from ..clusters.errors import NotebookError, SpecError
from ..clusters.fields import Mappings, declare, duration_text, fields_of, refusal, unknown
from ..clusters.spec import DAY, ClusterSpec
from .notebook import Notebook
from .parameters import Parameter, declared_parameters
from .quality.rules import read_rules
from .schedule import CRON, check_schedule

KEY = "dask_dataproc"
HOUR = 3600
LONGEST = 14 * DAY  # Dataproc's own bound of a cluster's life
_JINJA = r"\{\{[^{}]*\}\}"
INPUT = rf"gs://([^/\s{{]|{_JINJA})+/([^\s{{]|{_JINJA})*([^/\s{{]|{_JINJA})|(?!\w+://)\S.*"  # an object or a path
TOLD = r"[^@\s:/]+@[^@\s]+|https://\S+|http://(localhost|127\.0\.0\.1)[:/]\S*"  # an address, a webhook


def _filled_in(locations: tuple[str, ...], name: str) -> None:
    """Refuse a location whose Jinja Airflow could not read."""
    from jinja2 import Environment, TemplateSyntaxError

    for location in locations:
        try:
            Environment(autoescape=False).parse(location)
        except TemplateSyntaxError as error:
            raise refusal(name, location, f"Jinja that can be read: {error.message}", "gs://BUCKET/{{ ds }}") from None


@dataclass(frozen=True, slots=True)
class Job:
    """When and how a notebook runs as a job, besides its cluster."""

    notebook: str = declare(
        "", "where Airflow reads the notebook, a path or URL; empty for where the DAG was made from"
    )
    schedule: str = declare(
        "", "a cron expression or a preset such as @daily; empty for runs by hand", pattern=CRON, check=check_schedule
    )
    inputs: tuple[str, ...] = declare(
        (),
        "objects (gs://…) or files a run waits for before its cluster; {{ ds }} is the day of the run",
        pattern=INPUT,
        check=_filled_in,
    )
    outputs: str = declare("", "folder of the executed notebooks, a path or URL; empty for the staging bucket")
    publishes: Mappings = declare(
        {}, "quality rules by the parameter that holds the location they hold for; {} publishes without rules"
    )
    runner: str = declare(
        "papermill",
        "where the notebook's kernel is: on the Airflow worker, or on the cluster's master for long or heavy work",
        choices=("papermill", "dataproc-job"),
    )
    owner: str = declare("airflow", "who answers for the job", pattern=r"\S.*")
    notify: tuple[str, ...] = declare(
        (), "who is told of success and failure: email addresses and https webhooks", pattern=TOLD
    )
    pool: str = declare("", "the Airflow pool that bounds how many clusters work at once", pattern=r"(\S.*)?", high=256)
    retries: int = declare(0, "how often a failed notebook is tried again", low=0, high=10)
    retry_delay: int = declare(300, "how long after its failure", unit="duration", low=0, high=DAY)
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
        _check_published(job.publishes, declared_parameters(notebook) if job.publishes else {})
    except SpecError as error:
        raise NotebookError(f"metadata {KEY}: {error}", error.hint) from error
    return job, _cluster(given.get("cluster", {}), job)


def _job(given: Mapping[str, Any]) -> Job:
    for name in given:
        if name not in FIELDS:
            raise unknown(name, ["cluster", *FIELDS], "field of a job")
    return Job(**{name: FIELDS[name].parse(value) for name, value in given.items() if value is not None})


def _check_published(publishes: Mappings, declared: Mapping[str, Parameter]) -> None:
    """Refuse what is no location that a run can be given, and rules that cannot be read."""
    for name, rules in publishes.items():
        field, parameter = f"publishes.{name}", declared.get(name)
        if parameter is None:
            (cell,) = {p.cell for p in declared.values()} or {0}
            has = f"cell {cell} has {', '.join(declared)}" if declared else "no cell is tagged 'parameters'"
            raise SpecError(f"{field}: the notebook has no parameter {name!r}; {has}", f'{name} = "gs://BUCKET/TABLE"')
        if parameter.computed or not isinstance(parameter.default, str):
            said = "an expression" if parameter.computed else repr(parameter.default)
            raise SpecError(
                f"{field}: parameter {name!r} (cell {parameter.cell}) is {said}, allowed is a location as text",
                f'{name} = "gs://BUCKET/TABLE"',
            )
        try:
            read_rules(rules)
        except SpecError as error:
            raise SpecError(f"{field}: {error}", error.hint) from error


def _cluster(given: Any, job: Job) -> ClusterSpec:
    if not isinstance(given, Mapping):
        raise NotebookError(
            f"metadata {KEY}: cluster: {given!r} given, allowed is a mapping of fields", '{"workers": 4}'
        )
    needed = (job.retries + 1) * job.timeout + job.retries * job.retry_delay
    try:
        spec = ClusterSpec.from_dict({"lifetime": min(needed + HOUR, LONGEST), **given})
    except SpecError as error:
        raise NotebookError(f"metadata {KEY}.cluster: {error}", error.hint) from error
    if spec.lifetime < needed:
        lives, takes = duration_text(spec.lifetime), duration_text(needed)
        raise NotebookError(
            f"metadata {KEY}.cluster: lifetime: {lives} given, {job.retries + 1} x timeout and the delays are {takes}",
            f"a lifetime of {duration_text(needed + HOUR)}, or a shorter timeout",
        )
    return spec
