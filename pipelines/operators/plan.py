"""What an operator was given as the cluster and the job that Dataproc is asked for. Pure."""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from dataclasses import dataclass
from typing import Any

from ...clusters.dataproc_config import JOB_FILE, MARK
from ...clusters.errors import SpecError
from ...clusters.fields import refusal
from ...clusters.job_config import JobSpec, as_text
from ...clusters.labels import OWNER, label_value
from ...clusters.sizing_rules import by_rule, rule_name
from ...clusters.spec import DAY, ClusterSpec

NODE_PYTHON = "/opt/dask-dataproc/env/bin/python"
PYTHONS = ("spark.pyspark.python", "spark.pyspark.driver.python")
"""Spark's own Python knows no Dask: a file of the user's runs in the nodes' environment too."""
SIZES = ("workload_type", "data_size_gb", "memory_gb", "gpu_enabled")
"""What ADR-003 says of a cluster instead of its fields."""
GPU = {"nvidia-tesla-t4": "1"}
GPU_FAMILY = "n1"
"""T4s are attached to N1 machines alone (cloud.google.com/compute/docs/gpus), ADR-003's rules name N2."""
WORKLOADS = {"ml_training": "ml", "interactive": "interactive"}
HOUR = 3600
TRUTH = {"true": True, "1": True, "false": False, "0": False, "": False, "none": False}


def cluster_spec(
    config: Mapping[str, Any], name: str, place: Mapping[str, str], takes: float | None, owner: str = ""
) -> ClusterSpec:
    """Return the cluster of an operator.

    Parameters
    ----------
    config : mapping
        Fields of a `ClusterSpec`; beside them or instead ``workload_type``, ``data_size_gb``, ``memory_gb`` and
        ``gpu_enabled``, of which ADR-003's rules make the size. A field given beside them counts. Empty is unsaid.
    name : str
    place : mapping
        ``project``, ``region``, ``staging``, ``subnetwork``, ``service_account``, ``kms_key``, ``filestore``; empty
        where nothing is known. What ``config`` says counts.
    takes : float or None
        Seconds the task may take: the cluster lives an hour longer, unless ``config`` says how long it lives.
    owner : str
        Whose the cluster is, unless ``config`` labels it as somebody's.

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
    whose = label_value(owner)
    return spec.replace(labels={OWNER: whose} | spec.labels) if whose else spec


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


def arguments(given: Mapping[str, Any] | Sequence[Any], *, typed: bool) -> list[str]:
    """Return the arguments of a job: of a list each, of a mapping ``--name value``; what is no text becomes JSON.

    Parameters
    ----------
    given : mapping or sequence
    typed : bool
        The job reads them by a function's annotations: of a mapping a text that looks like JSON is sent so that it
        stays a text.

    Raises
    ------
    SpecError
        It is neither, or holds what JSON has not.
    """
    if isinstance(given, Mapping):
        return [part for name, value in given.items() for part in (f"--{name}", _text(str(name), value, typed=typed))]
    if isinstance(given, str) or not isinstance(given, Sequence):
        raise refusal("job_args", given, "a list of arguments or a mapping of names to values", "job_args={'day': '…'}")
    return [_text("job_args", value, typed=False) for value in given]


def _text(name: str, value: Any, *, typed: bool) -> str:
    return value if isinstance(value, str) and not typed else as_text(name, value)


@dataclass(frozen=True, slots=True)
class Program:
    """What a job runs: a Python file, or a function of a module.

    Attributes
    ----------
    file : str
        URI; empty for a function.
    module, function : str
    """

    file: str = ""
    module: str = ""
    function: str = ""

    def __post_init__(self) -> None:
        if bool(self.file) == bool(self.module and self.function):
            given = f"job_file={self.file!r}, job_module={self.module!r}, job_function={self.function!r}"
            allowed = "job_file, or job_module with job_function"
            raise SpecError(f"{given} given, allowed is {allowed}", "job_module='etl', job_function='main'")

    def message(self, args: list[str]) -> dict[str, Any]:
        """Return the part of Dataproc's job that says what is run."""
        if self.file:
            python = dict.fromkeys(PYTHONS, NODE_PYTHON)
            return {"main_python_file_uri": self.file, "args": args, "properties": python}
        own = JobSpec(self.module, self.function).words()
        return {"main_python_file_uri": JOB_FILE, "args": [*own, *args]}


def dataproc_job(
    job_id: str, spec: ClusterSpec, labels: Mapping[str, str], program: Program, args: list[str]
) -> dict[str, Any]:
    """Return a job as Dataproc's v1 API takes it.

    Parameters
    ----------
    job_id : str
    spec : ClusterSpec
        Of its cluster.
    labels : mapping
    program : Program
    args : list of str
    """
    return {
        "reference": {"project_id": spec.project, "job_id": job_id},
        "placement": {"cluster_name": spec.name},
        "labels": {MARK: "job", **labels},
        "pyspark_job": program.message(args),
    }
