"""What the service fills into a cluster's definition that the request left open. Pure.

Buckets are left empty: there is none here, and a name made up would be taken for one.
"""

from __future__ import annotations

from .descriptors import Proto

COMPUTE = "https://www.googleapis.com/compute/v1/projects"
IMAGE = "2.2-debian12"
MACHINE = "n1-standard-4"
WORKERS = 2
DISK_GB, DISK_TYPE = 500, "pd-standard"
INIT_TIMEOUT = 600
"""Seconds an initialization action may take."""
GATEWAY = "dataproc.invalid"
"""The domain of the pages of Component Gateway; RFC 6761 keeps it from being anybody's."""
PAGES = {"HDFS NameNode": "hdfs", "YARN ResourceManager": "yarn", "Spark History Server": "sparkhistory"}
OWNED = "goog-dataproc-"
"""Labels with this prefix are the service's."""


def fill(cluster: Proto, region: str, single: bool, zone: str) -> list[str]:
    """Complete ``cluster`` in place, as the service does at its creation.

    Parameters
    ----------
    cluster : Cluster
        With its project and uuid.
    region : str
    single : bool
        Whether it may be without primary workers.
    zone : str
        Where auto-placement puts it.

    Returns
    -------
    list of str
        What was decided and a person should be told.
    """
    config, warnings = cluster.config, []
    if not config.software_config.image_version:
        config.software_config.image_version = IMAGE
        warnings.append(f"No image specified. Using the default image version {IMAGE}.")
    _fill_place(cluster, zone)
    config.master_config.num_instances = config.master_config.num_instances or 1
    if not single and not config.worker_config.num_instances:
        config.worker_config.num_instances = WORKERS
    for action in config.initialization_actions:
        action.execution_timeout.seconds = action.execution_timeout.seconds or INIT_TIMEOUT
    complete(cluster, region)
    return warnings


def complete(cluster: Proto, region: str) -> None:
    """Complete in place what follows from the rest, at a creation and after each change: groups, names, own labels."""
    config = cluster.config
    _fill_group(cluster, config.master_config, "NON_PREEMPTIBLE")
    _fill_group(cluster, config.worker_config, "NON_PREEMPTIBLE")
    if config.HasField("secondary_worker_config"):
        group = config.secondary_worker_config
        group.machine_type_uri = group.machine_type_uri or config.worker_config.machine_type_uri
        _fill_group(cluster, group, "PREEMPTIBLE")
        group.is_preemptible = group.preemptibility != group.NON_PREEMPTIBLE
    _name_instances(cluster)
    _offer_pages(cluster, region)
    own = {"cluster-name": cluster.cluster_name, "cluster-uuid": cluster.cluster_uuid, "location": region}
    cluster.labels.update({OWNED + key: value for key, value in own.items()})


def _offer_pages(cluster: Proto, region: str) -> None:
    """Give Component Gateway's addresses, of the real ones' shape but at a domain that there never is."""
    if cluster.config.endpoint_config.enable_http_port_access:
        pages = cluster.config.endpoint_config
        pages.http_ports.clear()
        host = f"{cluster.cluster_uuid.replace('-', '')}-dot-{region}.{GATEWAY}"
        pages.http_ports.update({name: f"https://{host}/{path}/" for name, path in PAGES.items()})


def _name_instances(cluster: Proto) -> None:
    name, config = cluster.cluster_name, cluster.config
    masters = config.master_config.num_instances
    _name(config.master_config, [f"{name}-m"] if masters == 1 else [f"{name}-m-{i}" for i in range(masters)])
    _name(config.worker_config, [f"{name}-w-{i}" for i in range(config.worker_config.num_instances)])
    if config.HasField("secondary_worker_config"):
        number = config.secondary_worker_config.num_instances
        _name(config.secondary_worker_config, [f"{name}-sw-{i}" for i in range(number)])


def _name(group: Proto, names: list[str]) -> None:
    del group.instance_names[:]
    group.instance_names.extend(names)


def _fill_place(cluster: Proto, chosen: str) -> None:
    gce = cluster.config.gce_cluster_config
    if not gce.HasField("multi_zone_config"):
        if not gce.zone_uri:
            cluster.labels[f"{OWNED}autozone"] = "enabled"
        zone = gce.zone_uri.rpartition("/")[2] or chosen
        gce.zone_uri = f"{COMPUTE}/{cluster.project_id}/zones/{zone}"
    if not gce.network_uri and not gce.subnetwork_uri:
        gce.network_uri = f"{COMPUTE}/{cluster.project_id}/global/networks/default"


def _fill_group(cluster: Proto, group: Proto, preemptibility: str) -> None:
    zone = cluster.config.gce_cluster_config.zone_uri or f"{COMPUTE}/{cluster.project_id}/zones/-"
    if "/" not in group.machine_type_uri:
        group.machine_type_uri = f"{zone}/machineTypes/{group.machine_type_uri or MACHINE}"
    disk = group.disk_config
    disk.boot_disk_size_gb = disk.boot_disk_size_gb or DISK_GB
    disk.boot_disk_type = disk.boot_disk_type or DISK_TYPE
    group.min_cpu_platform = group.min_cpu_platform or "AUTOMATIC"
    group.preemptibility = group.preemptibility or group.Preemptibility.Value(preemptibility)
