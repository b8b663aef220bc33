"""A spec as the message that Dataproc's CreateCluster takes, in plain values. Pure."""

from __future__ import annotations

import json
from typing import TYPE_CHECKING, Any

from .autoscaling import check_autoscaling, policy_uri
from .errors import SpecError
from .gcs_options import gcsfs_options
from .yarn_config import yarn_metadata, yarn_properties

if TYPE_CHECKING:
    from .spec import ClusterSpec

MARK = "dask-dataproc"
"""The label that says a cluster is ours."""
SPEC = "dask-spec"
"""The metadata key of the spec a cluster was made from, so that whoever attaches knows its bounds and its lifetime."""
EPHEMERAL = {"lifecycle": "ephemeral"}
SCOPES = ["https://www.googleapis.com/auth/cloud-platform"]
JOB_FILE = "file:///opt/dask-dataproc/job.py"
"""The main file of a job that runs in the nodes' Dask environment: install-dask.sh puts it there."""
INIT_ACTIONS = {"configure-storage.sh": 300, "install-dask.sh": 600}
"""What each node runs at its first boot, in this order, and the seconds that each may take."""


def cluster_config(spec: ClusterSpec) -> dict[str, Any]:
    """Return ``spec`` as a Cluster of the v1 API.

    The life written here is the whole `lifetime`; a kernel that holds the lease asks for less and moves it on.

    Raises
    ------
    SpecError
        No staging URL: the nodes would have nowhere to leave the cluster's keys. A policy where it would do harm.
    """
    check_autoscaling(spec)
    if not spec.staging:
        raise SpecError(
            "staging: '' given, allowed is an fsspec URL that nodes and kernel share", "staging=gs://BUCKET/dask"
        )
    workers = _group(spec, spec.worker_machine, spec.worker_disk_gb)
    config: dict[str, Any] = {
        "gce_cluster_config": _compute_engine(spec),
        "master_config": _group(spec, spec.master_machine, spec.master_disk_gb, worker=False) | {"num_instances": 1},
        "software_config": {"image_version": spec.image, "properties": _properties(spec)},
        "lifecycle_config": {"auto_delete_ttl": {"seconds": spec.lifetime}},
    }
    if spec.workers:
        config["worker_config"] = workers | {"num_instances": spec.workers}
        config["secondary_worker_config"] = _secondary(spec)
    if spec.autoscaling:
        config["autoscaling_config"] = {"policy_uri": policy_uri(spec, spec.project, spec.region)}
    if spec.component_gateway:
        config["endpoint_config"] = {"enable_http_port_access": True}
    if spec.kms_key:
        config["encryption_config"] = {"gce_pd_kms_key_name": spec.kms_key}
    if spec.staging.startswith("gs://"):
        config["config_bucket"] = spec.staging.removeprefix("gs://").split("/")[0]
        config["initialization_actions"] = [
            {"executable_file": f"{node_files(spec)}/{script}", "execution_timeout": {"seconds": seconds}}
            for script, seconds in INIT_ACTIONS.items()
        ]
    return {"project_id": spec.project, "cluster_name": spec.name, "labels": _labels(spec), "config": config}


def node_files(spec: ClusterSpec) -> str:
    """Return the URL of the folder of what this version's nodes need."""
    from .. import __version__

    return f"{spec.staging.rstrip('/')}/nodes/{__version__}"


def environment_folder(spec: ClusterSpec, key: str) -> str:
    """Return the URL of the folder of the environment ``key``, which every cluster with these packages shares."""
    return f"{spec.staging.rstrip('/')}/environments/{key}"


def _labels(spec: ClusterSpec) -> dict[str, str]:
    paid = {"cost_centre": spec.cost_centre} if spec.cost_centre else {}
    return {MARK: spec.runtime, "workload": spec.workload} | EPHEMERAL | paid | spec.labels


def _properties(spec: ClusterSpec) -> dict[str, str]:
    """Return Dataproc's properties: those that the shape of the cluster asks for, then what the spec says."""
    wanted: dict[str, str] = {} if spec.workers else {"dataproc:dataproc.allow.zero.workers": "true"}
    return wanted | (yarn_properties(spec) if spec.runtime == "yarn" else {}) | spec.properties


def _group(spec: ClusterSpec, machine: str, disk_gb: int, *, worker: bool = True) -> dict[str, Any]:
    disk: dict[str, Any] = {"boot_disk_type": spec.disk_type, "boot_disk_size_gb": disk_gb}
    if worker and spec.local_ssds:
        disk["num_local_ssds"] = spec.local_ssds
    group: dict[str, Any] = {"machine_type_uri": machine, "disk_config": disk}
    if worker and spec.accelerators:
        group["accelerators"] = [
            {"accelerator_type_uri": kind, "accelerator_count": int(count)} for kind, count in spec.accelerators.items()
        ]
    return group


def _secondary(spec: ClusterSpec) -> dict[str, Any]:
    kind = spec.secondary_type.upper().replace("-", "_")
    disk = {"boot_disk_type": spec.disk_type, "boot_disk_size_gb": spec.worker_disk_gb}
    return {"num_instances": spec.secondary_workers, "preemptibility": kind, "disk_config": disk}


def _compute_engine(spec: ClusterSpec) -> dict[str, Any]:
    metadata = {
        "dask-staging": spec.staging,
        "dask-nodes": node_files(spec),
        "dask-runtime": spec.runtime,
        "dask-workers": str(spec.total_workers),
        "dask-queue": spec.queue,
        "dask-workload": spec.workload,
        "dask-filestore": spec.filestore,
        "dask-git-repository": spec.git_repository,
        "dask-git-ref": spec.git_ref,
        "dask-git-secret": spec.git_secret,
        "dask-gcsfs": json.dumps(gcsfs_options(spec.gcsfs)),
        SPEC: json.dumps(spec.to_dict()),
        **(yarn_metadata(spec) if spec.runtime == "yarn" else {}),
    }
    given: dict[str, Any] = {
        "zone_uri": spec.zone,
        "network_uri": spec.network,
        "subnetwork_uri": spec.subnetwork,
        "service_account": spec.service_account,
        "tags": list(spec.tags),
        "metadata": {k: v for k, v in metadata.items() if v},
    }
    shielded = {"enable_secure_boot": True, "enable_vtpm": True, "enable_integrity_monitoring": True}
    return {k: v for k, v in given.items() if v} | {
        "internal_ip_only": spec.internal_ip_only,
        "service_account_scopes": SCOPES,
        "shielded_instance_config": shielded,
    }
