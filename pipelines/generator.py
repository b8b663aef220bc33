"""A notebook as one standalone Airflow DAG: a text, made from its parameters and metadata, the same at every making."""

from __future__ import annotations

import re
import shutil
from collections.abc import Mapping
from pathlib import Path
from typing import Any

import jinja2

from .. import __version__
from ..clusters.autoscaling import policy_uri
from ..clusters.dataproc_config import JOB_FILE, environment_folder
from ..clusters.environment import Environment, kernel_environment, notebook_environment
from ..clusters.errors import NotebookError
from ..clusters.fields import shown
from ..clusters.labels import NOTEBOOK, OWNER, label_value
from ..clusters.prices import as_of
from ..clusters.reporting import monitoring_metadata
from ..clusters.spec import ClusterSpec
from ..clusters.spending import listed
from .edit import with_cluster
from .kernel import FOLDER, kernel_files, kernel_name, pins
from .literals import exploded, literal, text
from .metadata import KEY, Job, read_job
from .notebook import COST, Notebook, content_key, is_url, kernel_of, read_notebook
from .parameters import RUN, Parameter, declared_parameters
from .schedule import UNTIMED
from .schema import either, fits

TEMPLATE = Path(__file__).with_name("templates") / "dag.py.txt"
STAGING_BUCKET = "gs://{{var.value.dataproc_staging_bucket}}"
PROJECT = "{{ var.value.gcp_project_id }}"
REGION = "{{ var.value.get('gcp_region', '%s') }}"
SLUG_ROOM = 38  # characters of a cluster's name (51 at most) before "-" and the 12 of the run's hash
NAME_ROOM = 63  # characters of a notebook's name in its file's first line
SENDABLE = {"string", "integer", "number", "boolean", "array", "object", "null"}


def write_dag(notebook: str | Path, folder: str | Path, cluster: Mapping[str, Any] | None = None) -> Path:
    """Write the DAG of ``notebook`` into ``folder``, which is made, and return the file: one .py named after it.

    Parameters
    ----------
    notebook, folder : str or Path
    cluster : mapping, optional
        Fields of the cluster, in place of those that the notebook's metadata has.

    Raises
    ------
    NotebookError
        The notebook cannot be read, or its parameters or metadata are wrong; nothing is written.
    """
    location = str(notebook) if "://" in str(notebook) else str(Path(notebook).resolve())
    document, kernel = with_cluster(read_notebook(notebook), cluster), notebook_environment()
    made = generate_dag(document, location, kernel_environment().key, kernel)
    path = Path(folder) / f"{_identifier(_stem(location))}.py"
    path.parent.mkdir(parents=True, exist_ok=True)
    if read_job(document)[0].runner == "papermill":
        _write_kernel(kernel, path.parent / FOLDER / kernel_name(kernel))
    path.write_text(made, encoding="utf-8")
    return path


def generate_dag(notebook: Notebook, location: str, environment: str = "", kernel: Environment | None = None) -> str:
    """Return the text of the DAG file for ``notebook``.

    Parameters
    ----------
    notebook : dict
        The document.
    location : str
        Where Airflow reads it, unless its metadata says otherwise; also what the DAG is named after.
    environment : str
        Key of the environment in staging that the nodes get: a run has the packages of the kernel that exported it.
    kernel : Environment, optional
        What the notebook's kernel on a worker is made of and held against; without one it is the notebook's own kernel,
        whatever that is there.

    Raises
    ------
    NotebookError
        Its parameters or metadata are wrong.
    """
    job, spec = read_job(notebook)
    declared = [p for p in declared_parameters(notebook).values() if p.name != RUN and _sendable(p)]
    values = _names(notebook, location) | _job_values(job, location) | _kernel_values(job, notebook, kernel)
    values |= _parameter_values(declared) | _cluster_values(spec, job, _stem(location), environment)
    return _filled(TEMPLATE.read_text(encoding="utf-8"), values)


def _filled(template: str, values: dict[str, Any]) -> str:
    """Return the template with delimiters of its own: Jinja's usual ones are Airflow's, and stay."""
    own = jinja2.Environment(
        variable_start_string="<<",
        variable_end_string=">>",
        block_start_string="<%",
        block_end_string="%>",
        trim_blocks=True,
        keep_trailing_newline=True,
        undefined=jinja2.StrictUndefined,
        autoescape=False,
    )
    return own.from_string(template).render(values)


def _write_kernel(environment: Environment, folder: Path) -> None:
    (folder / "wheels").mkdir(parents=True, exist_ok=True)
    for wheel in environment.wheels:
        shutil.copyfile(wheel, folder / "wheels" / wheel.name)
    for name, content in kernel_files(environment).items():
        (folder / name).write_text(content, encoding="utf-8")


def _stem(location: str) -> str:
    return Path(location).stem


def _identifier(stem: str) -> str:
    return re.sub(r"[^A-Za-z0-9_]+", "_", stem).strip("_") or "notebook"


def _names(notebook: Notebook, location: str) -> dict[str, Any]:
    stem = _stem(location)
    name = Path(location).name
    prefix = label_value(stem)[:SLUG_ROOM].rstrip("-")
    if not prefix[:1].isalpha():
        prefix = f"nb-{prefix}"[:SLUG_ROOM].rstrip("-")
    return {
        "title": f"The job {_identifier(stem)}: a cluster of its own, the notebook on it, the cluster deleted.",
        "notebook_name": _identifier(stem) if _unprintable(name) else name,
        "dag_id": text(_identifier(stem)),
        "stem": _identifier(stem),
        "cluster_prefix": prefix,
        "run_parameter": RUN,
        "content": content_key(notebook),
        "version": __version__,
        "cost_key": COST,
    }


def _unprintable(name: str) -> bool:
    """Return whether ``name`` cannot stand in a docstring as it is."""
    return not name.isprintable() or '"' in name or "\\" in name or len(name) > NAME_ROOM


def _job_values(job: Job, location: str) -> dict[str, Any]:
    papermill = job.runner == "papermill"
    publishes: dict[str, Any] = dict(job.publishes)
    return {
        "notebook": text(job.notebook or location if papermill else _readable_there(job, location)),
        "outputs": text(job.outputs or f"{STAGING_BUCKET}/notebooks"),
        "description": text(f"{_stem(location)} on a Dask cluster of its own"),
        "schedule": _schedule(job.schedule),
        "cron": job.schedule not in UNTIMED,
        "defaults": literal({"owner": job.owner} | ({"weight_rule": "upstream"} if job.pool else {}), used=11),
        "pool": text(job.pool) if job.pool else "",
        "notify": literal(list(job.notify), used=len("NOTIFY = ")) if job.notify else "",
        "publishes": literal(publishes, used=len("PUBLISHES = ")) if publishes else "",
        "inputs": literal(list(job.inputs), used=len("INPUTS = ")) if job.inputs else "",
        "numbered": list(enumerate(job.inputs, start=1)),
        "objects": any(location.startswith("gs://") for location in job.inputs),
        "files": any(not location.startswith("gs://") for location in job.inputs),
        "wait": job.wait,
        "papermill": papermill,
        "submits": bool(publishes) or not papermill,
        "providers": "Google and Papermill providers" if papermill else "Google provider",
        "or_gate": " or its gate" if publishes else "",
        "job_file": text(JOB_FILE),
        "retries": job.retries,
        "retry_delay": job.retry_delay,
        "timeout": job.timeout,
    }


def _readable_there(job: Job, location: str) -> str:
    """Return where the cluster's master reads the notebook; what lies on this machine or Airflow's it cannot."""
    for field, given in (("notebook", job.notebook or location), ("outputs", job.outputs or STAGING_BUCKET)):
        if not is_url(given):
            raise NotebookError(
                f"metadata {KEY}: {field}: {shown(given)} given, runner dataproc-job needs a URL that the master knows",
                f'"{field}": "gs://BUCKET/notebooks"',
            )
    return job.notebook or location


def _schedule(given: str) -> str:
    if given in UNTIMED:
        return text(given) if given else "None"
    # Airflow 2 and 3 date the run of a bare cron expression differently.
    return f'CronDataIntervalTimetable({text(given)}, timezone="UTC")'


def _kernel_values(job: Job, notebook: Notebook, kernel: Environment | None) -> dict[str, Any]:
    if kernel is None or job.runner != "papermill":
        return {"pinned": False, "kernel": text(kernel_of(notebook))}
    name = kernel_name(kernel)
    return {
        "pinned": True,
        "kernel": text(name),
        "folder": f"{FOLDER}/{name}",
        "lock": text(kernel.key),
        "pins": pins(kernel),
    }


def _sendable(parameter: Parameter) -> bool:
    """Return whether a run can be given a value of the parameter's type, and its default: JSON has no sets or bytes."""
    kind = parameter.schema.get("type")
    return (not isinstance(kind, str) or kind in SENDABLE) and fits(parameter.default, {})


def _parameter_values(declared: list[Parameter]) -> dict[str, Any]:
    items = [f"{text(p.name)}: {_param(p)}" for p in declared]
    return {
        "parameters": exploded("{", items, "}", 0) if items else "{}",
        "floats": literal({p.name for p in declared if _is_of(p, "number", "integer")}),
        "integers": literal({p.name for p in declared if _is_of(p, "integer", "number")}),
        "computed": literal({p.name for p in declared if p.computed}),
    }


def _param(parameter: Parameter) -> str:
    options = {"description": parameter.help} if parameter.help else {}
    options |= either(parameter.schema, {"type": "null"}) if parameter.computed else parameter.schema
    arguments = [literal(parameter.default, indent=2, used=1)]
    arguments += [f"{name}={literal(value, indent=2, used=len(name) + 2)}" for name, value in options.items()]
    flat = f"Param({', '.join(arguments)})"
    if "\n" not in flat and len(flat) + len(text(parameter.name)) + 7 <= 120:
        return flat
    return exploded("Param(", arguments, ")", 1)


def _is_of(parameter: Parameter, kind: str, other: str) -> bool:
    """Return whether a parameter's numbers are of one kind and not of the other."""
    kinds = parameter.schema.get("type", [])
    kinds = [kinds] if isinstance(kinds, str) else kinds
    return kind in kinds and other not in kinds


def _cluster_values(spec: ClusterSpec, job: Job, stem: str, environment: str) -> dict[str, Any]:
    project, region = spec.project, spec.region
    if not spec.staging:
        spec = spec.replace(staging=f"{STAGING_BUCKET}/dask")
    cluster = spec.to_dataproc()
    region_said = region if region != ClusterSpec().region else REGION % region
    if spec.autoscaling:
        cluster["config"]["autoscaling_config"]["policy_uri"] = policy_uri(spec, project or PROJECT, region_said)
    if environment and not spec.staging.startswith("file://"):
        told = {"dask-environment": environment_folder(spec, environment)} | monitoring_metadata(project)
        cluster["config"]["gce_cluster_config"]["metadata"] |= told
    price = listed(spec)
    labels = cluster["labels"] | {OWNER: label_value(job.owner), NOTEBOOK: label_value(stem)}
    return {
        "project": text(project or PROJECT),
        "region": text(region_said),
        "labels": literal(labels, used=len("LABELS = ")),
        "price": literal(price.total if price else None),
        "prices": text(as_of()),
        "cluster": literal(cluster["config"], used=len("CLUSTER = ")),
    }


def dag_name(location: str | Path) -> str:
    """Return what the DAG of the notebook at ``location`` is called."""
    return _identifier(_stem(str(location)))
