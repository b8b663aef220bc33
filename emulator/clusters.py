"""The service ClusterController: what may be asked of a cluster in which state, and what that begins."""

from __future__ import annotations

import tarfile
import uuid
from io import BytesIO
from pathlib import Path

from google.protobuf import text_format
from google.protobuf.message import Message

from ..clusters.clock import Clock
from . import defaults, filters
from .descriptors import Api, Proto
from .errors import already_exists, failed_precondition, invalid
from .fleet import sizes
from .inventory import Entry, Inventory, cluster_path
from .lifecycle import DURING, Lifecycle, masked, merged
from .operations import Operations, once
from .policies import AutoscalingPolicies
from .validation import (
    LIFECYCLE,
    POLICY,
    UPDATABLE,
    Violations,
    check_create,
    check_place,
    check_update,
    unstoppable,
    zero_workers,
)

ACTIVE = ("CREATING", "UPDATING", "RUNNING")
INACTIVE = ("DELETING", "ERROR", "STOPPING", "STOPPED")
FIELDS = ("status.state", "clusterName")


class ClusterController:
    """The RPCs on clusters.

    Parameters
    ----------
    api : Api
    inventory : Inventory
    operations : Operations
    lifecycle : Lifecycle
    policies : AutoscalingPolicies
    clock : Clock
    diagnostics : Path
        Folder of what DiagnoseCluster writes.
    """

    def __init__(
        self,
        api: Api,
        inventory: Inventory,
        operations: Operations,
        lifecycle: Lifecycle,
        policies: AutoscalingPolicies,
        clock: Clock,
        diagnostics: Path,
    ) -> None:
        self.operations = operations
        self._api = api
        self._inventory = inventory
        self._lifecycle = lifecycle
        self._policies = policies
        self._clock = clock
        self._diagnostics = diagnostics

    @once
    async def create_cluster(self, request: Proto) -> Message:
        """Answer CreateCluster: its VMs start right after."""
        now = self._clock.now()
        check_create(request, now)
        place = (request.project_id, request.region, request.cluster.cluster_name)
        if self._inventory.has(*place):
            raise already_exists("Cluster", cluster_path(*place))
        cluster = self._api.Cluster()
        cluster.CopyFrom(request.cluster)
        cluster.project_id, cluster.cluster_uuid = request.project_id, str(uuid.uuid4())
        for output in ("status", "status_history", "metrics"):
            cluster.ClearField(output)
        zone = self._lifecycle.misfortune.zone(request.region)
        warnings = defaults.fill(cluster, request.region, zero_workers(cluster.config), zone)
        warnings += bounded_machines(cluster)
        self._check_policy(cluster, request.region)
        self._lifecycle.misfortune.check_quota(request.region, cluster)
        entry = Entry(cluster, request.region, now)
        self._inventory.add(entry)
        return self._lifecycle.begin("CREATE", request, entry, warnings)

    @once
    async def update_cluster(self, request: Proto) -> Message:
        """Answer UpdateCluster, of a running cluster and the fields that can be updated."""
        entry, paths = self._named(request), set(request.update_mask.paths)
        new = masked(entry.cluster, request) if paths <= set(UPDATABLE) else entry.cluster
        check_update(request, new, self._clock.now())
        if POLICY in paths:
            self._check_policy(request.cluster, request.region)
        self._need(entry, "RUNNING")
        self._lifecycle.misfortune.check_quota(request.region, merged(entry.cluster, request), entry)
        if paths & set(LIFECYCLE):
            entry.life_from = self._clock.now()
        return self._lifecycle.begin("UPDATE", request, entry)

    @once
    async def stop_cluster(self, request: Proto) -> Message:
        """Answer StopCluster: its VMs go, its definition and its disks stay."""
        entry = self._named(request)
        self._need(entry, "RUNNING")
        if why := unstoppable(entry.cluster.config):
            raise failed_precondition("CLUSTER_STOP", entry.name, f"{entry.cluster.cluster_name} {why}")
        return self._lifecycle.begin("STOP", request, entry)

    @once
    async def start_cluster(self, request: Proto) -> Message:
        """Answer StartCluster: the VMs of its definition are booted again."""
        entry = self._named(request)
        self._need(entry, "STOPPED")
        self._lifecycle.misfortune.check_quota(request.region, entry.cluster, entry)
        return self._lifecycle.begin("START", request, entry)

    @once
    async def delete_cluster(self, request: Proto) -> Message:
        """Answer DeleteCluster, in any state but DELETING; an operation under way is cancelled."""
        entry = self._named(request)
        self._need(entry, *(set(DURING.values()) - {"DELETING"}), "RUNNING", "STOPPED", "ERROR")
        return self._lifecycle.begin("DELETE", request, entry)

    async def get_cluster(self, request: Proto) -> Message:
        """Answer GetCluster."""
        entry = self._named(request)
        self._lifecycle.check_head(entry)
        return entry.cluster

    async def list_clusters(self, request: Proto) -> Message:
        """Answer ListClusters, in the order of names."""
        found = Violations()
        check_place(found, request)
        found.done()
        terms = filters.parse(request.filter)
        filters.check_terms(terms, FIELDS)
        region = cluster_path(request.project_id, request.region, "")
        here = [entry for entry in self._inventory if entry.name.startswith(region)]
        for entry in here:
            self._lifecycle.check_head(entry)
        hits = {entry.cluster.cluster_name: entry.cluster for entry in here if _matches(entry, terms)}
        shown, following = filters.page(hits, request.page_size, request.page_token)
        return self._api.ListClustersResponse(clusters=shown, next_page_token=following)

    async def diagnose_cluster(self, request: Proto) -> Message:
        """Answer DiagnoseCluster: one archive of the cluster's definition and the logs of its VMs."""
        entry = self._named(request)

        async def work() -> Message:
            path = self._diagnostics / f"{entry.cluster.cluster_name}-{uuid.uuid4()}.tar.gz"
            _write_diagnosis(entry, path)
            return self._api.DiagnoseClusterResults(output_uri=path.as_uri())

        return self.operations.begin(request, entry.cluster, "DIAGNOSE", work).operation

    def _named(self, request: Proto) -> Entry:
        found = Violations()
        check_place(found, request)
        found.done()
        uuid = getattr(request, "cluster_uuid", "")
        return self._inventory.find(request.project_id, request.region, request.cluster_name, uuid)

    def _need(self, entry: Entry, *states: str) -> None:
        self._lifecycle.check_head(entry)
        state = entry.state()
        if state not in states:
            why = f"Cluster {entry.cluster.cluster_name} is {state}; allowed is {', '.join(sorted(states))}"
            raise failed_precondition("CLUSTER_STATE", entry.name, why)

    def _check_policy(self, cluster: Proto, region: str) -> None:
        uri = cluster.config.autoscaling_config.policy_uri
        if uri:
            self._policies.check_usable(uri, cluster.project_id, region)


def bounded_machines(cluster: Proto) -> list[str]:
    """Return one warning if a VM of ``cluster`` will be smaller than its machine type says.

    Raises
    ------
    ApiError
        INVALID_ARGUMENT: there is no such machine type.
    """
    smaller = {}
    for field in ("master_config", "worker_config", "secondary_worker_config"):
        group = getattr(cluster.config, field)
        if not group.num_instances:
            continue
        try:
            says, gets = sizes(group)
        except ValueError as error:
            raise invalid([(f"cluster.config.{field}.machine_type_uri", str(error))]) from error
        if says != gets:
            kind = group.machine_type_uri.rpartition("/")[2]
            smaller[kind] = f"{kind} gets {gets.vcpus} vCPUs and {gets.memory >> 30} GiB"
    return (
        [f"This machine is smaller than the machine types asked for: {', '.join(smaller.values())}."] if smaller else []
    )


def _matches(entry: Entry, terms: list[tuple[str, str, str]]) -> bool:
    state = entry.state()
    groups = [name for name, states in (("ACTIVE", ACTIVE), ("INACTIVE", INACTIVE)) if state in states]
    fields = {"status.state": filters.equals(state, *groups), "clusterName": filters.equals(entry.cluster.cluster_name)}
    return filters.matches(terms, entry.cluster.labels, fields)


def _write_diagnosis(entry: Entry, path: Path) -> None:
    texts = {"cluster.textproto": text_format.MessageToString(entry.cluster)}
    texts |= {
        f"{vm.name}.log": vm.log.read_text(errors="replace") for vm in entry.fleet.vms.values() if vm.log.exists()
    }
    path.parent.mkdir(parents=True, exist_ok=True, mode=0o700)
    with tarfile.open(path, "w:gz") as archive:
        for name, text in texts.items():
            data = text.encode()
            member = tarfile.TarInfo(name)
            member.size = len(data)
            archive.addfile(member, BytesIO(data))
