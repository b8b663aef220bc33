"""What an operator was given as the cluster and the job that Dataproc is asked for. Pure."""

from __future__ import annotations

import json
from collections.abc import Mapping, Sequence
from typing import Any

from ...clusters.errors import SpecError
from ...clusters.fields import refusal
from ...clusters.sizing_rules import by_rule, rule_name
from ...clusters.spec import DAY, ClusterSpec

JOB_FILE = "file:///opt/dask-dataproc/job.py"
"""The program on the master that runs a function of a module in the nodes' environment."""
NODE_PYTHON = "/opt/dask-dataproc/env/bin/python"
PYTHONS = ("spark.pyspark.python", "spark.pyspark.driver.python")
"""Spark's own Python knows no Dask: a file of the user's runs in the nodes' environment too."""
RESULT = "dask-dataproc-result: "
"""What the line of a job's output begins with that holds its result."""
SIZES = ("workload_type", "data_size_gb", "memory_gb", "gpu_enabled")
"""What ADR-003 says of a cluster instead of its fields."""
GPU = {"nvidia-tesla-t4": "1"}
GPU_FAMILY = "n1"
"""T4s are attached to N1 machines alone (cloud.google.com/compute/docs/gpus), ADR-003's rules name N2."""
WORKLOADS = {"ml_training": "ml", "interactive": "interactive"}
HOUR = 3600
TRUTH = {"true": True, "1": True, "false": False, "0": False, "": False, "none": False}


def cluster_spec(config: Mapping[str, Any], name: str, place: Mapping[str, str], takes: float | None) -> ClusterSpec:
    """Return the cluster of an operator.

    Parameters
    ----------
    config : mapping
        Fields of a `ClusterSpec`; beside them or instead ``workload_type``, ``data_size_gb``, ``memory_gb`` and
        ``gpu_enabled``, of which ADR-003's rules make the size. A field given beside them counts. Empty is unsaid.
    name : str
    place : mapping
        ``project``, ``region``, ``staging``, ``subnetwork``, ``service_account``, ``filestore``; empty where nothing
        is known. What ``config`` says counts.
    takes : float or None
        Seconds the task may take: the cluster lives an hour longer, unless ``config`` says how long it lives.

    Raises
    ------
    SpecError
        One line: the field, what is allowed, what was given.
    """
    given = {str(k).replace("-", "_"): v for k, v in config.items() if v is not None and v != ""}
    said = {k: v for k, v in given.items() if k not in SIZES}
    sized = _sized({k: given[k] for k in SIZES if k in given}, said.get("workload"))
    lives = {"lifetime": int(min(max(takes + HOUR, HOUR), 14 * DAY))} if takes else {}
    found = {k: v for k, v in place.items() if v}
    if said.get("network"):
        found.pop("subnetwork", None)
    spec = ClusterSpec.from_dict(lives | found | sized | said | {"name": name})
    if not spec.project:
        hint = "airflow variables set gcp_project_id my-project      or project_id='my-project'"
        raise SpecError("project_id: '' given, allowed is a Google Cloud project", hint)
    if not spec.staging:
        hint = "airflow variables set dataproc_staging_bucket my-bucket      or cluster_config={'staging': 'gs://…'}"
        raise SpecError("staging: '' given, allowed is an fsspec URL that nodes and kernel share", hint)
    return spec


def _sized(asked: Mapping[str, Any], workload: str | None) -> dict[str, Any]:
    if not asked:
        return {}
    data, memory = (_number(asked.get(name), name) for name in ("data_size_gb", "memory_gb"))
    kind = asked.get("workload_type") or (rule_name(workload or "etl", data) if data is not None else None)
    rule = by_rule(kind, data, memory)
    fields = rule.fields() | {"workload": WORKLOADS.get(rule.name, "etl")}
    if not _truth(asked.get("gpu_enabled", False)):
        return fields
    shape = rule.machine.partition("-")[2]
    return fields | {"accelerators": GPU, "worker_machine": f"{GPU_FAMILY}-{shape}"}


def _number(given: Any, name: str) -> float | None:
    if given is None:
        return None
    try:
        number = float(given)
    except (TypeError, ValueError):
        number = -1.0
    if not 0 <= number < float("inf"):
        raise refusal(name, given, "a number of GB, 0 and more", f"{name}=50")
    return number


def _truth(given: Any) -> bool:
    truth = TRUTH.get(str(given).strip().lower())
    if truth is None:
        raise refusal("gpu_enabled", given, "true or false", "gpu_enabled=True")
    return truth


def arguments(given: Mapping[str, Any] | Sequence[Any]) -> list[str]:
    """Return the arguments of a job: a list as it is, a mapping as ``--name value``; what is no text becomes JSON."""
    if isinstance(given, Mapping):
        pairs = [(f"--{name}", _text(value)) for name, value in given.items()]
        return [part for pair in pairs for part in pair]
    if isinstance(given, str) or not isinstance(given, Sequence):
        raise refusal("job_args", given, "a list of arguments or a mapping of names to values", "job_args={'day': '…'}")
    return [_text(value) for value in given]


def _text(value: Any) -> str:
    return value if isinstance(value, str) else json.dumps(value)


def dataproc_job(
    job_id: str, spec: ClusterSpec, labels: Mapping[str, str], main: str | tuple[str, str], args: list[str]
) -> dict[str, Any]:
    """Return a job as Dataproc's v1 API takes it.

    Parameters
    ----------
    job_id : str
    spec : ClusterSpec
        Of its cluster.
    labels : mapping
    main : str or tuple of str
        A Python file's URI, or a module and a function of it.
    args : list of str
    """
    program, properties = str(main), dict.fromkeys(PYTHONS, NODE_PYTHON)
    if isinstance(main, tuple):
        program, properties = JOB_FILE, {}
        args = ["--job-module", main[0], "--job-function", main[1], *args]
    return {
        "reference": {"project_id": spec.project, "job_id": job_id},
        "placement": {"cluster_name": spec.name},
        "labels": dict(labels),
        "pyspark_job": {"main_python_file_uri": program, "args": args, "properties": properties},
    }


def result_of(lines: Sequence[str]) -> Any:
    """Return the result that a job's output ends with, None where it has none."""
    for line in reversed(lines):
        if line.startswith(RESULT):
            try:
                return json.loads(line.removeprefix(RESULT))
            except ValueError:
                return None
    return None
