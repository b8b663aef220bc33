"""What the service refuses before it does anything: the documented bounds of clusters and of changes to them. Pure.

Every check of a request is made and all that is wrong is said at once, as the real service does.
"""

from __future__ import annotations

import re
from collections.abc import Iterable

from .descriptors import Proto
from .errors import invalid

MINUTE, DAY = 60, 86_400
CLUSTER_NAME = r"[a-z]([-a-z0-9]{0,49}[a-z0-9])?"
REQUEST_ID = r"[A-Za-z0-9_-]{0,40}"
LABEL_KEY = r"[^\W\dA-Z][\w-]{0,62}"
LABEL_VALUE = r"[\w-]{0,63}"
MAX_LABELS = 32
MAX_LOCAL_SSDS = 8
MAX_GROUP = 1000
"""Instances of a group. Not the service's bound, which is the quota, but one that holds on any machine."""
IMAGE = r"(preview|\d+\.\d+)(\.\d+)?(-RC\d+)?(-[a-z]+\d*)?(-[a-z]+\d*)?"
ZERO_WORKERS = "dataproc:dataproc.allow.zero.workers"
LIFE = {"idle": (5 * MINUTE, 14 * DAY), "auto": (10 * MINUTE, 14 * DAY)}
"""Seconds a cluster may be idle, or live, before it is deleted or stopped."""
MAX_DECOMMISSION = DAY

RESIZES = ("config.worker_config.num_instances", "config.secondary_worker_config.num_instances")
LIFECYCLE = tuple(
    f"config.lifecycle_config.{name}" for name in ("idle_delete_ttl", "auto_delete_ttl", "auto_delete_time")
)
POLICY = "config.autoscaling_config.policy_uri"
UPDATABLE = ("labels", *RESIZES, POLICY, *LIFECYCLE)


class Violations:
    """Collects what is wrong with a request."""

    def __init__(self) -> None:
        self.found: list[tuple[str, str]] = []

    def check(self, holds: object, field: str, allowed: str, given: object) -> None:
        """Note that ``field`` is wrong unless ``holds``."""
        if not holds:
            self.found.append((field, f"'{given}' given, allowed is {allowed}"))

    def matches(self, pattern: str, field: str, given: str) -> None:
        """Note that ``field`` is wrong unless all of ``given`` matches ``pattern``."""
        self.check(re.fullmatch(pattern, given), field, pattern, given)

    def within(self, low: float, high: float, field: str, given: float, unit: str = "") -> None:
        """Note that ``field`` is wrong unless ``low <= given <= high``."""
        self.check(low <= given <= high, field, f"{low}{unit} to {high}{unit}", f"{given}{unit}")

    def done(self) -> None:
        """Raise INVALID_ARGUMENT if anything was noted."""
        if self.found:
            raise invalid(self.found)


def check_place(found: Violations, request: Proto) -> None:
    """Check what every request names: project, region and, where it has one, request_id."""
    found.check(request.project_id, "project_id", "a project", request.project_id)
    found.check(request.region, "region", "a region", request.region)
    found.matches(REQUEST_ID, "request_id", getattr(request, "request_id", ""))


def check_labels(found: Violations, field: str, labels: Iterable[tuple[str, str]]) -> None:
    """Check number, keys and values of labels."""
    pairs = list(labels)
    found.within(0, MAX_LABELS, field, len(pairs))
    for key, value in pairs:
        lower = key == key.lower() and value == value.lower()
        legal = lower and re.fullmatch(LABEL_KEY, key) and re.fullmatch(LABEL_VALUE, value)
        found.check(legal, f"{field}[{key}]", "key 1-63 and value 0-63 of lowercase letters, digits, _ and -", value)


def check_create(request: Proto, now: float) -> None:
    """Raise INVALID_ARGUMENT for a CreateClusterRequest outside the documented bounds; ``now`` in unix seconds."""
    found, cluster = Violations(), request.cluster
    check_place(found, request)
    found.check(
        cluster.project_id in ("", request.project_id),
        "cluster.project_id",
        f"'{request.project_id}'",
        cluster.project_id,
    )
    found.matches(CLUSTER_NAME, "cluster.cluster_name", cluster.cluster_name)
    virtual = cluster.HasField("virtual_cluster_config")
    found.check(
        not virtual, "cluster.virtual_cluster_config", "config: the emulator has no GKE", "virtual_cluster_config"
    )
    check_cluster(found, cluster, request.region, now)
    found.done()


def check_update(request: Proto, merged: Proto, now: float) -> None:
    """Raise INVALID_ARGUMENT for an UpdateClusterRequest; ``merged`` is the cluster as it would be."""
    found, paths = Violations(), request.update_mask.paths
    check_place(found, request)
    found.check(paths, "update_mask", " ".join(UPDATABLE), "")
    for path in paths:
        found.check(path in UPDATABLE, "update_mask", " ".join(UPDATABLE), path)
    timeout = request.graceful_decommission_timeout.seconds
    found.within(0, MAX_DECOMMISSION, "graceful_decommission_timeout", timeout, "s")
    check_cluster(found, merged, request.region, now, lifecycle=any(path in LIFECYCLE for path in paths))
    found.done()


def check_cluster(found: Violations, cluster: Proto, region: str, now: float, *, lifecycle: bool = True) -> None:
    """Check a cluster's definition; its lifecycle only where it is new, since times in it go by."""
    config = cluster.config
    check_labels(found, "cluster.labels", cluster.labels.items())
    _check_groups(found, config)
    _check_compute_engine(found, config.gce_cluster_config, region)
    _check_software(found, config)
    for field in ("config_bucket", "temp_bucket"):
        name = getattr(config, field)
        found.check("/" not in name, f"cluster.config.{field}", "a bucket's name without gs://", name)
    if lifecycle:
        _check_lifecycle(found, config.lifecycle_config, now)


def unstoppable(config: Proto) -> str:
    """Return why a cluster cannot be stopped, '' if it can. Source: the guide on starting and stopping clusters."""
    groups = (config.master_config, config.worker_config)
    if config.secondary_worker_config.num_instances:
        return f"has {config.secondary_worker_config.num_instances} secondary workers and cannot be stopped"
    return "has local SSDs and cannot be stopped" if any(group.disk_config.num_local_ssds for group in groups) else ""


def zero_workers(config: Proto) -> bool:
    """Return whether the definition says that there need be no primary worker."""
    kinds = (config.SINGLE_NODE, config.ZERO_SCALE)
    return config.software_config.properties.get(ZERO_WORKERS, "").lower() == "true" or config.cluster_type in kinds


def _check_groups(found: Violations, config: Proto) -> None:
    masters, workers = config.master_config.num_instances, config.worker_config.num_instances
    secondary = config.secondary_worker_config.num_instances
    found.check(masters in (0, 1, 3), "cluster.config.master_config.num_instances", "1 or 3", masters)
    none = zero_workers(config)
    enough = workers >= 2 or (workers == 0 and (none or not config.HasField("worker_config")))
    found.check(enough, "cluster.config.worker_config.num_instances", _workers_allowed(none), workers)
    found.within(0, MAX_GROUP, "cluster.config.secondary_worker_config.num_instances", secondary)
    found.check(workers <= MAX_GROUP, "cluster.config.worker_config.num_instances", f"up to {MAX_GROUP}", workers)
    alone = none and not workers and config.cluster_type != config.ZERO_SCALE
    found.check(
        not (alone and secondary),
        "cluster.config.secondary_worker_config",
        "none with a single node",
        f"{secondary} workers",
    )
    for group in ("master_config", "worker_config", "secondary_worker_config"):
        _check_group(found, f"cluster.config.{group}", getattr(config, group))


def _workers_allowed(none: bool) -> str:
    return "0, or 2 or more" if none else f"2 or more, or 0 with the property {ZERO_WORKERS}=true"


def _check_group(found: Violations, field: str, group: Proto) -> None:
    ssds = f"{field}.disk_config.num_local_ssds"
    found.within(0, MAX_LOCAL_SSDS, ssds, group.disk_config.num_local_ssds)
    if group.min_num_instances:
        found.within(0, group.num_instances, f"{field}.min_num_instances", group.min_num_instances)


def _check_compute_engine(found: Violations, gce: Proto, region: str) -> None:
    field, zone = "cluster.config.gce_cluster_config", gce.zone_uri.rpartition("/")[2]
    both = gce.network_uri and gce.subnetwork_uri
    found.check(not both, f"{field}.subnetwork_uri", "one of network_uri and subnetwork_uri", gce.subnetwork_uri)
    multi = zone and gce.HasField("multi_zone_config")
    found.check(not multi, f"{field}.multi_zone_config", "one of zone_uri and multi_zone_config", zone)
    inside = not zone or region == "global" or zone.startswith(f"{region}-")
    found.check(inside, f"{field}.zone_uri", f"a zone of {region}", zone)


def _check_software(found: Violations, config: Proto) -> None:
    software = config.software_config
    if software.image_version:
        found.matches(IMAGE, "cluster.config.software_config.image_version", software.image_version)
    for key in software.properties:
        found.check(":" in key, "cluster.config.software_config.properties", "keys as prefix:property", key)
    for at, action in enumerate(config.initialization_actions):
        field = f"cluster.config.initialization_actions[{at}]"
        found.check(action.executable_file, f"{field}.executable_file", "a URI", "")
        timed = not action.HasField("execution_timeout") or action.execution_timeout.seconds > 0
        found.check(timed, f"{field}.execution_timeout", "more than 0s", f"{action.execution_timeout.seconds}s")


def _check_lifecycle(found: Violations, life: Proto, now: float) -> None:
    for descriptor, value in life.ListFields():
        kind, _, rest = descriptor.name.partition("_")
        if kind not in LIFE or rest == "start_time":
            continue
        seconds = value.ToNanoseconds() / 1e9 - (now if rest.endswith("_time") else 0)
        found.within(*LIFE[kind], f"cluster.config.lifecycle_config.{descriptor.name}", round(seconds, 3), "s")
