"""The cluster a person asks for: one list of fields, of which options, validation, YAML and panels are made. Pure."""

from __future__ import annotations

import dataclasses
import re
from collections.abc import Mapping
from dataclasses import dataclass
from typing import Any

from .errors import SpecError
from .fields import Field, declare, fields_of, refusal, unknown
from .gcs_options import OPTIONS, check_gcsfs
from .machines import known_type

NAME = r"[a-z]([-a-z0-9]{0,49}[a-z0-9])?"
LABEL = r"[a-z][a-z0-9_-]{0,62}"
LABEL_VALUE = re.compile(r"[a-z0-9_-]{0,63}", re.ASCII)
ACCELERATOR_COUNT = re.compile(r"[1-8]", re.ASCII)
RESOURCE = r"[!-~]*"
"""A resource's name, path or URL: printable, no spaces."""
REPOSITORY = r"([!-,.-~][!-~]*)?"
"""As `RESOURCE`, and no option of git's: it does not begin with a hyphen."""
CREDENTIALS = re.compile(r"(?:https?://[^/]*|[a-z0-9+.-]+://[^/@]*:[^/]*)@", re.ASCII | re.IGNORECASE)
"""How a URL begins that holds a password or a token."""
DAY = 86400
LOCAL = "local"
"""The project whose Dataproc is the emulator on this machine."""


def check_machines(given: str | tuple[str, ...], field: str) -> None:
    """Refuse what is no machine type; one of a family that `machines` does not list is left to Compute Engine.

    Raises
    ------
    SpecError
        A malformed name, or a size that its family does not have.
    """
    for name in (given,) if isinstance(given, str) else given:
        try:
            known_type(name)
        except SpecError as error:
            raise SpecError(f"{field}: {error.message}", f"{field}={error.hint}") from None


def check_accelerators(given: Mapping[str, str], field: str) -> None:
    """Refuse counts that are not 1 to 8."""
    for kind, count in given.items():
        if not ACCELERATOR_COUNT.fullmatch(count):
            raise refusal(field, f"{kind}={count}", "a count of 1 to 8 for each type", f"{field}={kind}=1")


def check_label_values(given: Mapping[str, str], field: str) -> None:
    """Refuse values that are too long or have other characters than Google Cloud's labels may have."""
    for label, value in given.items():
        if not LABEL_VALUE.fullmatch(value):
            raise refusal(field, f"{label}={value}", "a value of at most 63 of a-z, 0-9, _ and -", f"{field}=team=risk")


def check_repository(given: str, field: str) -> None:
    """Refuse a URL that holds credentials: nodes are told it by their metadata, which whoever may list them reads."""
    if CREDENTIALS.match(given):
        host = given.partition("://")[2].partition("/")[0].rpartition("@")[2]
        allowed = "a URL without credentials, which belong into a secret"
        raise refusal(field, f"…@{host}", allowed, "git_secret=projects/p/secrets/s")


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

    name: str = declare(
        "",
        "the cluster's name, unique in project and region",
        pattern=NAME + "|",
        like="dask-ana-1 (a-z, 0-9, -, at most 51)",
    )
    project: str = declare("", "Google Cloud project id", pattern=r"[-a-z0-9.:]*", like="my-project-1")
    region: str = declare("us-central1", "Dataproc region", pattern=r"[a-z]+[-a-z0-9]*", like="europe-west1")
    zone: str = declare(
        "", "Compute Engine zone; left to Dataproc when empty", pattern=r"[-a-z0-9]*", like="europe-west1-b"
    )
    runtime: str = declare("standalone", "how Dask runs on the nodes", choices=("standalone", "yarn"))
    image: str = declare(
        "2.2-debian12", "Dataproc image version", pattern=r"\d+\.\d+(\.\d+)?-[a-z0-9]+", like="2.2-debian12"
    )
    master_machine: str = declare(
        "n2-standard-4", "machine type of the master", like="n2-standard-4", high=63, check=check_machines
    )
    worker_machine: str = declare(
        "n2-standard-4", "machine type of the workers", like="n2-standard-4", high=63, check=check_machines
    )
    workers: int = declare(2, "primary workers; 0 makes a single-node cluster", unit="VMs", low=0, high=1000)
    secondary_workers: int = declare(0, "secondary workers", unit="VMs", low=0, high=1000)
    secondary_type: str = declare(
        "non-preemptible", "what secondary workers are", choices=("non-preemptible", "spot", "preemptible")
    )
    min_workers: int = declare(2, "fewest workers that adapt goes down to", unit="VMs", low=0, high=1000)
    max_workers: int = declare(10, "most workers that scale and adapt may ask for", unit="VMs", low=0, high=1000)
    max_secondary: int = declare(
        5, "most secondary workers that scale, adapt and autoscaling may ask for", unit="VMs", low=0, high=1000
    )
    autoscaling: bool = declare(False, "Dataproc resizes the cluster by YARN's pending memory; needs runtime=yarn")
    disk_type: str = declare("pd-balanced", "boot disks", choices=("pd-balanced", "pd-standard", "pd-ssd"))
    master_disk_gb: int = declare(100, "boot disk of the master", unit="GB", low=30, high=65536)
    worker_disk_gb: int = declare(100, "boot disk of each worker", unit="GB", low=30, high=65536)
    local_ssds: int = declare(0, "local SSDs of 375 GB on each worker", unit="disks", low=0, high=8)
    accelerators: dict[str, str] = declare(
        {}, "GPUs of each worker, as type=count", pattern=r"[a-z0-9-]+", like="nvidia-l4=1", check=check_accelerators
    )
    network: str = declare("", "VPC network; not together with subnetwork", pattern=RESOURCE, like="default")
    subnetwork: str = declare("", "VPC subnetwork; not together with network", pattern=RESOURCE, like="my-subnet")
    tags: tuple[str, ...] = declare(
        ("dataproc-cluster",),
        "network tags of the nodes, which firewall rules name",
        pattern=r"[a-z]([-a-z0-9]{0,61}[a-z0-9])?",
        like="dask,no-ssh",
    )
    internal_ip_only: bool = declare(True, "nodes have no public address")
    component_gateway: bool = declare(
        False, "the master's web pages at an address of Google's, for whoever may use the cluster"
    )
    service_account: str = declare(
        "", "service account of the nodes", pattern=r"([!-~]+@[!-~]+)?", like="dask@my-project.iam.gserviceaccount.com"
    )
    kms_key: str = declare(
        "",
        "Cloud KMS key of the disks",
        pattern=r"(projects/[!-~]+/cryptoKeys/[!-.0-~]+)?",
        like="projects/P/locations/L/keyRings/R/cryptoKeys/K",
    )
    filestore: str = declare(
        "", "NFS export mounted at /shared", pattern=r"([!-9;-~]+:/[!-~]*)?", like="10.0.0.2:/export"
    )
    staging: str = declare(
        "",
        "fsspec URL of the folder that nodes and kernel share",
        pattern=r"(\S(.*\S)?)?",
        like="gs://my-bucket/dask",
    )
    environment: str = declare("kernel", "packages of the nodes: the kernel's own", choices=("kernel",))
    queue: str = declare("interactive", "queue of the work", choices=("interactive", "batch", "background"))
    workload: str = declare("interactive", "workload profile", choices=("interactive", "etl", "ml", "analytics"))
    input_bytes: int = declare(
        0,
        "bytes of its input, as size finds them: its run is kept with them",
        unit="bytes",
        low=0,
        high=1 << 60,
    )
    gcsfs: dict[str, str] = declare(
        {},
        f"how the nodes read gs://: {', '.join(OPTIONS)}",
        pattern="|".join(OPTIONS),
        like="block_size=16MiB",
        check=check_gcsfs,
    )
    git_repository: str = declare(
        "",
        "repository that the nodes check out",
        pattern=REPOSITORY,
        like="https://github.com/ana/etl.git",
        check=check_repository,
    )
    git_ref: str = declare("", "commit, tag or branch of git_repository", pattern=REPOSITORY, like="main")
    git_secret: str = declare(
        "",
        "Secret Manager's name of the deploy key or token of git_repository",
        pattern=r"(projects/[a-z0-9.:-]+/secrets/[\w-]{1,255}(/versions/[\w-]+)?)?",
        like="projects/p/secrets/s",
    )
    lifetime: int = declare(8 * 3600, "the cluster never lives longer", unit="duration", low=600, high=14 * DAY)
    idle_time: int = declare(
        3600, "without a task for so long, the lease is no longer renewed", unit="duration", low=300, high=14 * DAY
    )
    cost_centre: str = declare("", "who pays, as the label cost_centre", pattern=LABEL_VALUE.pattern, like="risk-42")
    labels: dict[str, str] = declare(
        {}, "labels on the cluster", pattern=LABEL, like="team=risk", high=20, check=check_label_values
    )
    properties: dict[str, str] = declare(
        {},
        "Dataproc properties, as prefix:name=value",
        pattern=r"[a-z0-9-]+:[!-~]+",
        like="dataproc:dataproc.logging.stackdriver.enable=false",
    )
    fallbacks: tuple[str, ...] = declare(
        (),
        "worker machine types to try, in order, when the first is out of stock",
        like="n2d-standard-4,e2-standard-4",
        check=check_machines,
    )

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
        plain = {k: _plain(v) for k, v in values.items()}
        return plain if defaults else {k: v for k, v in plain.items() if values[k] != FIELDS[k].default}

    @classmethod
    def from_yaml(cls, text: str) -> ClusterSpec:
        """Return the spec written as a YAML mapping.

        Raises
        ------
        SpecError
            It is no YAML, no mapping, or wrong as in `from_dict`.
        """
        import yaml

        try:
            given = yaml.safe_load(text)
        except yaml.YAMLError as error:
            raise SpecError(f"spec: not YAML: {' '.join(str(error).split())}", "workers: 4") from None
        if not isinstance(given, Mapping):
            raise refusal("spec", given, "a mapping of fields", "workers: 4")
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
            raise unknown(name, FIELDS, "field of a cluster")


def _check_together(spec: ClusterSpec) -> None:
    """Check what no field can say alone."""
    _check_sizes(spec)
    if spec.network and spec.subnetwork:
        raise refusal("network", spec.network, f"none together with subnetwork={spec.subnetwork}", "network=")
    if spec.zone and spec.zone.rpartition("-")[0] != spec.region:
        raise refusal("zone", spec.zone, f"a zone of region {spec.region}", f"zone={spec.region}-b")
    for name in ("git_ref", "git_secret"):
        if getattr(spec, name) and not spec.git_repository:
            raise refusal(name, getattr(spec, name), "none without git_repository", "git_repository=URL")


def _check_sizes(spec: ClusterSpec) -> None:
    asked = spec.workers + spec.secondary_workers
    if spec.workers == 1:
        raise refusal("workers", 1, "0 (single node) or 2 and more", "workers=2")
    if spec.workers == 0 and spec.secondary_workers:
        raise refusal("secondary_workers", spec.secondary_workers, "0 on a single node (workers=0)", "workers=2")
    if spec.min_workers > spec.max_workers:
        allowed = f"at most max_workers ({spec.max_workers})"
        raise refusal("min_workers", spec.min_workers, allowed, f"max_workers={spec.min_workers}")
    if asked > spec.max_workers:
        allowed = f"at most max_workers ({spec.max_workers}) with secondary_workers"
        raise refusal("workers", asked, allowed, f"max_workers={asked}")


def _plain(value: Any) -> Any:
    """Return ``value`` as JSON has it, and nothing that the spec itself holds."""
    if isinstance(value, tuple):
        return list(value)
    return dict(value) if isinstance(value, dict) else value
