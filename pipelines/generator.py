"""A notebook as one standalone Airflow DAG: a text, made from its parameters and metadata, the same at every making."""

from __future__ import annotations

import re
import unicodedata
from collections.abc import Mapping
from pathlib import Path
from string import Template
from typing import Any

from ..clusters.autoscaling import policy_uri
from ..clusters.dataproc_config import environment_folder
from ..clusters.environment import kernel_environment
from ..clusters.prices import as_of
from ..clusters.spec import ClusterSpec
from ..clusters.spending import listed
from .edit import with_cluster
from .literals import exploded, literal, text
from .metadata import Job, read_job
from .notebook import COST, Notebook, kernel_of, read_notebook
from .parameters import RUN, Parameter, declared_parameters
from .schema import either

TEMPLATE = Path(__file__).with_name("templates") / "dag.py.txt"
STAGING_BUCKET = "gs://{{var.value.dataproc_staging_bucket}}"
PROJECT = "{{ var.value.gcp_project_id }}"
REGION = "{{ var.value.get('gcp_region', '%s') }}"
SLUG_ROOM = 38  # characters of a cluster's name (51 at most) before "-" and the 12 of the run's hash
LABEL_ROOM = 63
SENDABLE = {"string", "integer", "number", "boolean", "array", "object", "null"}

_SENSOR_IMPORT = "from airflow.providers.google.cloud.sensors.gcs import GCSObjectExistenceSensor\n"
_FILE_SENSOR = '''
@task.sensor(poke_interval=60, timeout=$wait, mode="reschedule")
def wait_for_file(path: str) -> bool:
    """Wait until a file is there."""
    import os

    return os.path.exists(path)

'''
_WAIT_FOR_OBJECT = """\
    wait_$number = GCSObjectExistenceSensor(
        task_id="wait_for_input_$number",
        bucket=$bucket,
        object=$object,
        poke_interval=60,
        timeout=$wait,
        mode="reschedule",
        deferrable=False,
    )
"""
_WAIT_FOR_FILE = '    wait_$number = wait_for_file.override(task_id="wait_for_input_$number")($path)\n'


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
    document = with_cluster(read_notebook(notebook), cluster)
    made = generate_dag(document, location, kernel_environment().key)
    path = Path(folder) / f"{_identifier(_stem(location))}.py"
    path.parent.mkdir(parents=True, exist_ok=True)
    path.write_text(made, encoding="utf-8")
    return path


def generate_dag(notebook: Notebook, location: str, environment: str = "") -> str:
    """Return the text of the DAG file for ``notebook``.

    Parameters
    ----------
    notebook : dict
        The document.
    location : str
        Where Airflow reads it, unless its metadata says otherwise; also what the DAG is named after.
    environment : str
        Key of the environment in staging that the nodes get: a run has the packages of the kernel that exported it.

    Raises
    ------
    NotebookError
        Its parameters or metadata are wrong.
    """
    job, spec = read_job(notebook)
    declared = [p for p in declared_parameters(notebook).values() if p.name != RUN and _sendable(p)]
    values = _names(location) | _job_values(job, location, kernel_of(notebook)) | _input_values(job)
    values |= _parameter_values(declared) | _cluster_values(spec, job, _stem(location), environment)
    return Template(TEMPLATE.read_text(encoding="utf-8")).substitute(values)


def _stem(location: str) -> str:
    return Path(location).stem


def _identifier(stem: str) -> str:
    return re.sub(r"[^A-Za-z0-9_]+", "_", stem).strip("_") or "notebook"


def _names(location: str) -> dict[str, str]:
    stem = _stem(location)
    name = Path(location).name
    prefix = re.sub(r"[^a-z0-9]+", "-", stem.lower()).strip("-")[:SLUG_ROOM].rstrip("-")
    if not prefix[:1].isalpha():
        prefix = f"nb-{prefix}"[:SLUG_ROOM].rstrip("-")
    return {
        "title": f"The job {_identifier(stem)}: a cluster of its own, the notebook on it, the cluster deleted.",
        "notebook_name": _identifier(stem) if _unprintable(name) else name,
        "dag_id": text(_identifier(stem)),
        "stem": _identifier(stem),
        "cluster_prefix": prefix,
        "run_parameter": RUN,
    }


def _unprintable(name: str) -> bool:
    """Return whether ``name`` cannot stand in a docstring as it is."""
    return not name.isprintable() or '"' in name or "\\" in name or len(name) > LABEL_ROOM


def _job_values(job: Job, location: str, kernel: str) -> dict[str, str]:
    return {
        "notebook": text(job.notebook or location),
        "outputs": text(job.outputs or f"{STAGING_BUCKET}/notebooks"),
        "description": text(f"{_stem(location)} on a Dask cluster of its own"),
        "schedule": text(job.schedule) if job.schedule else "None",
        "owner": text(job.owner),
        "kernel": text(kernel),
        "retries": str(job.retries),
        "timeout": str(job.timeout),
    }


def _input_values(job: Job) -> dict[str, str]:
    objects = [location for location in job.inputs if location.startswith("gs://")]
    waits = [_wait(number, location, job.wait) for number, location in enumerate(job.inputs, start=1)]
    return {
        "sensor_import": _SENSOR_IMPORT if objects else "",
        "file_sensor": Template(_FILE_SENSOR).substitute(wait=job.wait) if len(objects) < len(job.inputs) else "",
        "waits": "".join(waits),
        "first": f"[{', '.join(f'wait_{n}' for n in range(1, len(waits) + 1))}] >> " if waits else "",
    }


def _wait(number: int, location: str, seconds: int) -> str:
    if not location.startswith("gs://"):
        return Template(_WAIT_FOR_FILE).substitute(number=number, path=text(location))
    bucket, _, name = location.removeprefix("gs://").partition("/")
    return Template(_WAIT_FOR_OBJECT).substitute(number=number, bucket=text(bucket), object=text(name), wait=seconds)


def _sendable(parameter: Parameter) -> bool:
    """Return whether a value of the parameter's type can be given to a run: a tuple cannot."""
    kind = parameter.schema.get("type")
    return not isinstance(kind, str) or kind in SENDABLE


def _parameter_values(declared: list[Parameter]) -> dict[str, str]:
    items = [f"{text(p.name)}: {_param(p)}" for p in declared]
    return {
        "parameters": exploded("{", items, "}", 0) if items else "{}",
        "floats": literal({p.name for p in declared if _is_float(p)}),
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


def _is_float(parameter: Parameter) -> bool:
    kinds = parameter.schema.get("type", [])
    kinds = [kinds] if isinstance(kinds, str) else kinds
    return "number" in kinds and "integer" not in kinds


def _cluster_values(spec: ClusterSpec, job: Job, stem: str, environment: str) -> dict[str, str]:
    project, region = spec.project, spec.region
    if not spec.staging:
        spec = spec.replace(staging=f"{STAGING_BUCKET}/dask")
    cluster = spec.to_dataproc()
    region_said = region if region != ClusterSpec().region else REGION % region
    if spec.autoscaling:
        cluster["config"]["autoscaling_config"]["policy_uri"] = policy_uri(spec, project or PROJECT, region_said)
    if environment and not spec.staging.startswith("file://"):
        told = {"dask-environment": environment_folder(spec, environment)}
        cluster["config"]["gce_cluster_config"]["metadata"] |= told
    price = listed(spec)
    labels = cluster["labels"] | {"owner": _label(job.owner), "notebook": _label(stem)}
    return {
        "project": text(project or PROJECT),
        "region": text(region_said),
        "labels": literal(labels, used=len("LABELS = ")),
        "price": literal(price.total if price else None),
        "prices": text(as_of()),
        "cost_key": COST,
        "cluster": literal(cluster["config"], used=len("CLUSTER = ")),
    }


def _label(value: str) -> str:
    plain = unicodedata.normalize("NFKD", value).encode("ascii", "ignore").decode().lower()
    return re.sub(r"[^a-z0-9_-]+", "-", plain).strip("-")[:LABEL_ROOM]


def dag_name(location: str | Path) -> str:
    """Return what the DAG of the notebook at ``location`` is called."""
    return _identifier(_stem(str(location)))
