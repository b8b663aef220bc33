"""A cluster as Dataproc reports it, in plain values; and the spec it was made from."""

from __future__ import annotations

import json
from collections.abc import Mapping
from dataclasses import asdict, dataclass, field
from typing import Any
from urllib.parse import urlsplit

from .dataproc_config import SPEC
from .errors import ClusterExists
from .labels import OWNER
from .spec import ClusterSpec

ALIVE = frozenset({"CREATING", "RUNNING", "UPDATING", "STARTING"})


@dataclass(frozen=True, slots=True)
class ClusterRecord:
    """A cluster as it was when it was asked for.

    Attributes
    ----------
    name, uuid, project, region : str
    status, detail : str
        Dataproc's state, ``RUNNING``, and what it says of it.
    workers, secondary_workers : int
        Sizes of the two groups.
    created : float
        Unix seconds of its creation, or of its last start.
    lease_expires : float or None
        Unix seconds at which Dataproc deletes it by itself.
    labels, metadata : dict
        The cluster's labels; its nodes' custom metadata.
    zone : str
        Where its machines are; empty as long as Dataproc has not chosen.
    gateway : dict of str to str
        Names of its web pages to their addresses at Component Gateway, if it has that; Dask's dashboard is ``Dask``.
    """

    name: str
    uuid: str
    project: str
    region: str
    status: str
    detail: str
    workers: int
    secondary_workers: int
    created: float
    lease_expires: float | None
    labels: dict[str, str]
    metadata: dict[str, str] = field(repr=False, default_factory=dict)
    zone: str = ""
    gateway: dict[str, str] = field(default_factory=dict)

    @property
    def owner(self) -> str:
        """Whose it is, by its label."""
        return self.labels.get(OWNER, "")

    @property
    def alive(self) -> bool:
        """Whether it runs or will."""
        return self.status in ALIVE

    @property
    def staging(self) -> str:
        """The URL of the folder that its nodes and clients share."""
        return self.metadata.get("dask-staging", "")

    @property
    def total_workers(self) -> int:
        """Workers of both groups; a single-node cluster's master is one."""
        return (self.workers + self.secondary_workers) or 1

    def to_dict(self) -> dict[str, Any]:
        """Return what a person or a script wants to know, as JSON has it."""
        plain = {k: v for k, v in asdict(self).items() if k != "metadata"}
        return plain | {"workers": self.total_workers, "primary_workers": self.workers, "owner": self.owner}

    def spec(self) -> ClusterSpec:
        """Return the spec that the cluster was made from, at its present size.

        Raises
        ------
        ClusterExists
            It was not made by this tool, so nothing is known of how to reach a scheduler on it.
        """
        if SPEC not in self.metadata:
            raise ClusterExists(
                f"{self.name} in {self.project}/{self.region} was not made by dask-dataproc", "choose another --name"
            )
        made = ClusterSpec.from_dict(json.loads(self.metadata[SPEC]))
        size = {"workers": self.workers, "secondary_workers": self.secondary_workers}
        most = max(made.max_workers, sum(size.values()))
        return made.replace(name=self.name, project=self.project, region=self.region, max_workers=most, **size)


def made_with(record: ClusterRecord) -> int:
    """Return how many primary workers the cluster of ``record`` was made with."""
    return ClusterSpec.from_dict(json.loads(record.metadata[SPEC])).workers


def from_message(cluster: Any, region: str) -> ClusterRecord:
    """Return the record of ``cluster``, a Cluster message of the v1 API (its protobuf)."""
    states = [*cluster.status_history, cluster.status]
    created = _unix(states[0].state_start_time)
    starts = [_unix(each.state_start_time) for each in states if each.state == cluster.status.STARTING]
    config = cluster.config
    return ClusterRecord(
        name=cluster.cluster_name,
        uuid=cluster.cluster_uuid,
        project=cluster.project_id,
        region=region,
        status=type(cluster.status).State.Name(cluster.status.state),
        detail=cluster.status.detail,
        workers=config.worker_config.num_instances,
        secondary_workers=config.secondary_worker_config.num_instances,
        created=max(starts, default=created),
        lease_expires=_expires(config.lifecycle_config, created),
        labels=dict(cluster.labels),
        metadata=dict(config.gce_cluster_config.metadata),
        zone=config.gce_cluster_config.zone_uri.rpartition("/")[2],
        gateway=_gateway(config.endpoint_config.http_ports),
    )


def _gateway(http_ports: Mapping[str, str]) -> dict[str, str]:
    """Return the pages that Dataproc names, and Dask's, which the nodes add to the gateway and it does not list."""
    pages = dict(http_ports)
    if pages:
        host = urlsplit(next(iter(pages.values()))).netloc
        pages = {"Dask": f"https://{host}/gateway/default/dask"} | pages
    return pages


def _expires(lifecycle: Any, created: float) -> float | None:
    if lifecycle.HasField("auto_delete_time"):
        return _unix(lifecycle.auto_delete_time)
    return created + lifecycle.auto_delete_ttl.seconds if lifecycle.HasField("auto_delete_ttl") else None


def _unix(stamp: Any) -> float:
    return stamp.seconds + stamp.nanos / 1e9
