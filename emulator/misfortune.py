"""What faults do to clusters: machines that are not to be had, do not come, fail, or die."""

from __future__ import annotations

import asyncio
import os
import signal
from contextlib import suppress
from pathlib import Path

from ..clusters.clock import Clock
from .descriptors import Proto
from .errors import ApiError, internal, invalid, unavailable
from .faults import Faults
from .fleet import sizes, wanted
from .inventory import Entry, Inventory
from .vms import Vm

NOTICE = 30.0
"""Real seconds between the notice and the power cut of a preempted machine."""
GROUPS = ("master_config", "worker_config", "secondary_worker_config")


class Misfortune:
    """Lets the faults that wait happen to clusters that come up, grow or run.

    Parameters
    ----------
    faults : Faults
    inventory : Inventory
    clock : Clock
    """

    def __init__(self, faults: Faults, inventory: Inventory, clock: Clock) -> None:
        self._faults, self._inventory, self._clock = faults, inventory, clock
        self._leaving: set[asyncio.Task[None]] = set()

    def check_quota(self, before: Proto | None, after: Proto) -> None:
        """Refuse a cluster that takes more than ``available`` of the quota ``metric`` (CPUS) beyond what it has."""
        fault = self._faults.next("quota", cluster=after.cluster_name)
        if fault is None:
            return
        metric, available = fault.settings.get("metric", "CPUS"), float(fault.settings.get("available", "0"))
        asked = _vcpus(after) - (_vcpus(before) if before is not None else 0)
        if asked > available:
            self._faults.spend(fault)
            said = f"Insufficient '{metric}' quota. Requested {asked:.1f}, available {available:.1f}."
            raise ApiError(invalid([("", "")]).code, f"Multiple validation errors:\n - {said}")

    async def before_boot(self, cluster: Proto) -> None:
        """Be slow, or out of stock.

        Raises
        ------
        ApiError
            UNAVAILABLE: the zone has no such machines.
        """
        if slow := self._faults.take("slow-create", cluster=cluster.cluster_name):
            await self._clock.sleep(float(slow.settings.get("seconds", "600")))
        zone = cluster.config.gce_cluster_config.zone_uri.rpartition("/")[2]
        kinds = {getattr(cluster.config, group).machine_type_uri.rpartition("/")[2] for group in GROUPS[:2]}
        spot = cluster.config.secondary_worker_config.is_preemptible
        fault = self._faults.next("stockout", cluster=cluster.cluster_name, spot=str(bool(spot)).lower())
        if fault is None or zone not in fault.settings.get("zones", str(zone)).split(","):
            return
        machine = fault.settings.get("machine", "")
        if machine and machine not in kinds:
            return
        self._faults.spend(fault)
        told = {"zone": zone} | ({"vmType": machine} if machine else {})
        told |= {key: fault.settings[key] for key in ("zonesAvailable",) if key in fault.settings}
        why = "does not have enough resources available to fulfill the request. '(resource type:compute)'."
        raise unavailable(f"The zone 'projects/{cluster.project_id}/zones/{zone}' {why}", **told)

    async def after_boot(self, entry: Entry) -> None:
        """Have an initialization action fail, or a primary worker not come.

        Raises
        ------
        ApiError
            INTERNAL: the cluster is in ERROR.
        """
        name = entry.cluster.cluster_name
        if fault := self._faults.take("init-action", cluster=name):
            raise internal(_init_action(entry, fault.settings))
        if fault := self._faults.take("missing-worker", cluster=name):
            await self._clock.sleep(float(fault.settings.get("seconds", "600")))
            raise internal(f"Timed out waiting for 1 node: {name}-w-{fault.settings.get('worker', '1')} did not come.")

    async def preempt(self, settings: dict[str, str]) -> None:
        """Give ``count`` secondary workers (all) their notice, and cut their power half a minute later."""
        vms = [(e, vm) for e in self._inventory for vm in e.fleet.vms.values() if "-sw-" in vm.name]
        vms = [(e, vm) for e, vm in vms if settings.get("cluster", e.cluster.cluster_name) == e.cluster.cluster_name]
        for entry, vm in vms[: int(settings.get("count", len(vms)))]:
            leaving = asyncio.ensure_future(self._preempt(entry, vm))
            self._leaving.add(leaving)
            leaving.add_done_callback(self._leaving.discard)

    async def _preempt(self, entry: Entry, vm: Vm) -> None:
        """Power one machine off, and boot another in its place, as an instance group does while its cluster lives."""
        await entry.fleet.shutdown([vm.name], NOTICE)
        spec = wanted(entry.cluster, entry.region).get(vm.name)
        if spec is not None and entry.state() in ("CREATING", "RUNNING", "UPDATING"):
            await entry.fleet.boot([spec])

    async def vm_death(self, settings: dict[str, str]) -> None:
        """Cut the power of the machine ``vm``, or of the first worker of ``cluster``."""
        for entry in self._inventory:
            for vm in entry.fleet.vms.values():
                mine = settings.get("cluster", entry.cluster.cluster_name) == entry.cluster.cluster_name
                if mine and (vm.name == settings["vm"] if "vm" in settings else "-w-" in vm.name):
                    with suppress(ProcessLookupError):
                        os.killpg(vm.pid, signal.SIGKILL)
                    return


def _vcpus(cluster: Proto) -> int:
    groups = (getattr(cluster.config, name) for name in GROUPS)
    return sum(group.num_instances * sizes(group)[0].vcpus for group in groups if group.num_instances)


def _init_action(entry: Entry, settings: dict[str, str]) -> str:
    """Write what the action said where Dataproc puts it, and return the operation's error."""
    staging = entry.cluster.config.gce_cluster_config.metadata.get("dask-staging", "").removeprefix("file://")
    node = f"{entry.cluster.cluster_name}-m"
    output = Path(staging, "google-cloud-dataproc-metainfo", entry.cluster.cluster_uuid, node)
    output.mkdir(parents=True, exist_ok=True)
    file = output / "dataproc-initialization-script-0_output"
    file.write_text(settings.get("output", "begins\nno space left on device\n"))
    action = "Failed action 'install-dask.sh'"
    return f"Initialization action failed. {action}, see output in: {file.as_uri()}."
