"""The cluster a person asks for: one list of fields, from which options, validation, YAML, panels and Dataproc's config are made. Pure."""

from __future__ import annotations

import dataclasses
import difflib
from collections.abc import Mapping
from dataclasses import dataclass
from typing import Any

from .errors import SpecError
from .fields import Field, declare, fields_of, unknown

NAME = r"[a-z]([-a-z0-9]{0,49}[a-z0-9])?"
LABEL = r"[a-z][a-z0-9_-]{0,62}"
LABEL_CHARACTERS = frozenset("abcdefghijklmnopqrstuvwxyz0123456789_-")
DAY = 86400


@dataclass(frozen=True, slots=True)
class ClusterSpec:
    """A cluster, declared.

    Every field is checked when the spec is made; a wrong one raises `SpecError` with the field's name, what is
    allowed and what was given. Limits are Dataproc's own (the v1 API's reference) unless a field says otherwise.

    Examples
    --------
    >>> ClusterSpec(name="dask-ana-3f2c", workers=4).worker_machine
    'n2-standard-4'
    """

    name: str = declare("", "the cluster's name, unique in project and region", pattern=NAME + "|")
    project: str = declare("", "Google Cloud project id")
    region: str = declare("us-central1", "Dataproc region", pattern=r"[a-z]+[-a-z0-9]*")
    zone: str = declare("", "Compute Engine zone; left to Dataproc when empty", pattern=r"[-a-z0-9]*")
    runtime: str = declare("standalone", "how Dask runs on the nodes", choices=("standalone",))
    image: str = declare("2.2-debian12", "Dataproc image version", pattern=r"\d+\.\d+(\.\d+)?-[a-z0-9]+")
    master_machine: str = declare("n2-standard-4", "machine type of the master", low=1)
    worker_machine: str = declare("n2-standard-4", "machine type of the workers", low=1)
    workers: int = declare(2, "primary workers; 0 makes a single-node cluster", unit="VMs", low=0, high=1000)
    secondary_workers: int = declare(0, "secondary workers", unit="VMs", low=0, high=1000)
    secondary_type: str = declare(
        "non-preemptible", "what secondary workers are", choices=("non-preemptible", "spot", "preemptible")
    )
    min_workers: int = declare(2, "fewest workers that adapt goes down to", unit="VMs", low=0, high=1000)
    max_workers: int = declare(10, "most workers that scale and adapt may ask for", unit="VMs", low=0, high=1000)
    disk_type: str = declare("pd-balanced", "boot disks", choices=("pd-balanced", "pd-standard", "pd-ssd"))
    master_disk_gb: int = declare(100, "boot disk of the master", unit="GB", low=30, high=65536)
    worker_disk_gb: int = declare(100, "boot disk of each worker", unit="GB", low=30, high=65536)
    local_ssds: int = declare(0, "local SSDs of 375 GB on each worker", unit="disks", low=0, high=8)
    accelerators: dict[str, str] = declare({}, "GPUs of each worker, as type=count", pattern=r"[a-z0-9-]+")
    network: str = declare("", "VPC network; not together with subnetwork")
    subnetwork: str = declare("", "VPC subnetwork; not together with network")
    tags: tuple[str, ...] = declare((), "network tags of the nodes", pattern=r"[a-z]([-a-z0-9]{0,61}[a-z0-9])?")
    internal_ip_only: bool = declare(True, "nodes have no public address")
    service_account: str = declare("", "service account of the nodes")
    kms_key: str = declare("", "Cloud KMS key of the disks", pattern=r"(projects/.+/cryptoKeys/[^/]+)?")
    filestore: str = declare("", "NFS export mounted at /shared, as server:/export", pattern=r"([^:\s]+:/\S*)?")
    staging: str = declare("", "fsspec URL of the folder that nodes and kernel share", pattern=r"(\S+)?")
    environment: str = declare("kernel", "packages of the nodes: the kernel's own", choices=("kernel",))
    queue: str = declare("interactive", "queue of the work", choices=("interactive", "batch", "background"))
    workload: str = declare("interactive", "workload profile", choices=("interactive", "etl", "ml", "analytics"))
    git_repository: str = declare("", "repository that the nodes check out")
    git_ref: str = declare("", "commit, tag or branch of git_repository")
    lifetime: int = declare(8 * 3600, "the cluster never lives longer", unit="duration", low=600, high=14 * DAY)
    idle_time: int = declare(
        3600, "without a task for so long, the lease is no longer renewed", unit="duration", low=300, high=14 * DAY
    )
    labels: dict[str, str] = declare({}, "labels on the cluster", pattern=LABEL, high=20)
    properties: dict[str, str] = declare({}, "Dataproc properties, as prefix:name=value", pattern=r"[a-z0-9-]+:\S+")
    fallbacks: tuple[str, ...] = declare((), "worker machine types to try, in order, when the first is out of stock")

    def __post_init__(self) -> None:
        for name, field in FIELDS.items():
            object.__setattr__(self, name, field.parse(getattr(self, name)))
        _check_together(self)

    def replace(self, **changes: Any) -> ClusterSpec:
        """Return a spec with ``changes``, checked as a new one."""
        _known(changes)
        return dataclasses.replace(self, **changes)

    @classmethod
    def from_dict(cls, given: Mapping[str, Any]) -> ClusterSpec:
        """Return the spec of ``given``; missing fields have their defaults.

        Raises
        ------
        SpecError
            A name is not a field, or a value is out of its bounds.
        """
        names = {str(k).replace("-", "_"): v for k, v in given.items()}
        _known(names)
        return cls(**names)

    def to_dict(self, *, defaults: bool = False) -> dict[str, Any]:
        """Return the fields as plain values; those at their default only with ``defaults``."""
        values = {name: getattr(self, name) for name in FIELDS}
        plain = {k: list(v) if isinstance(v, tuple) else v for k, v in values.items()}
        return plain if defaults else {k: v for k, v in plain.items() if values[k] != FIELDS[k].default}

    @classmethod
    def from_yaml(cls, text: str) -> ClusterSpec:
        """Return the spec written as a YAML mapping."""
        import yaml

        given = yaml.safe_load(text)
        if not isinstance(given, Mapping):
            raise SpecError(f"spec: {type(given).__name__} given, allowed is a mapping of fields", "workers: 4")
        return cls.from_dict(given)

    def to_yaml(self) -> str:
        """Return the fields that differ from their defaults as YAML."""
        import yaml

        return yaml.safe_dump(self.to_dict(), sort_keys=False)

    def to_dataproc(self) -> dict[str, Any]:
        """Return the cluster as Dataproc's v1 API takes it, made of plain values."""
        from .dataproc_config import cluster_config

        return cluster_config(self)

    @property
    def total_workers(self) -> int:
        """Workers of both groups; a single-node cluster's master is one."""
        return (self.workers + self.secondary_workers) or 1


FIELDS: dict[str, Field] = fields_of(ClusterSpec)


def _known(names: Mapping[str, Any]) -> None:
    for name in names:
        if name not in FIELDS:
            near = difflib.get_close_matches(name, FIELDS, n=3)
            raise unknown(name, near or list(FIELDS), "field of a cluster")


def _check_together(spec: ClusterSpec) -> None:
    """Check what no field can say alone."""
    if spec.workers == 1:
        raise SpecError("workers: 1 given, allowed is 0 (single node) or 2 and more", "workers=2")
    if spec.workers == 0 and spec.secondary_workers:
        raise SpecError(
            f"secondary_workers: {spec.secondary_workers} given, a single-node cluster (workers=0) has none",
            "workers=2",
        )
    if spec.network and spec.subnetwork:
        raise SpecError(
            f"network: {spec.network!r} given together with subnetwork {spec.subnetwork!r}", "leave one empty"
        )
    if spec.zone and not spec.zone.startswith(spec.region):
        raise SpecError(
            f"zone: {spec.zone!r} given, allowed is a zone of region {spec.region}", f"zone={spec.region}-b"
        )
    if spec.min_workers > spec.max_workers:
        raise SpecError(f"min_workers: {spec.min_workers} given, at most max_workers ({spec.max_workers})")
    if spec.workers + spec.secondary_workers > spec.max_workers:
        raise SpecError(
            f"workers: {spec.workers + spec.secondary_workers} given, at most max_workers ({spec.max_workers})",
            f"max_workers={spec.workers + spec.secondary_workers}",
        )
    if spec.git_ref and not spec.git_repository:
        raise SpecError(f"git_ref: {spec.git_ref!r} given without git_repository")
    for label, value in spec.labels.items():
        if len(value) > 63 or not all(c in LABEL_CHARACTERS for c in value):
            raise SpecError(f"labels: {label}={value!r} given, a value has at most 63 of a-z, 0-9, _ and -")
