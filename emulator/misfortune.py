"""What stands in the way of clusters that come up or grow: quotas, zones without room, and the faults asked for."""

from __future__ import annotations

import asyncio
from collections import Counter
from collections.abc import Sequence

from ..clusters.clock import Clock
from .capacity import DISKS, Batch, Limits, Shortfall, batches, demand, zones_of
from .descriptors import Proto
from .errors import ApiError, quota, stockout
from .faults import Fault, Faults
from .init_output import failed_action
from .inventory import Entry, Inventory
from .vms import VmSpec


class Misfortune:
    """Lets clusters have what there is, and fail as was asked for.

    Parameters
    ----------
    faults : Faults
    limits : Limits
    inventory : Inventory
    clock : Clock
    """

    def __init__(self, faults: Faults, limits: Limits, inventory: Inventory, clock: Clock) -> None:
        self._faults, self._limits, self._inventory, self._clock = faults, limits, inventory, clock

    def check_quota(self, region: str, after: Proto, entry: Entry | None = None) -> None:
        """Refuse ``after``, what a new cluster or ``entry`` is to be, where a quota is short; take note of it else.

        Raises
        ------
        ApiError
            INVALID_ARGUMENT.
        """
        asked = demand(after.config)
        more = Counter(asked)
        more.subtract(_usage(entry) if entry else {})
        if short := self._short(region, after.cluster_name, more):
            raise quota(short)
        if entry:
            entry.booked = asked

    def zone(self, region: str) -> str:
        """Return where auto-placement puts a cluster: the first zone that is not known to be full."""
        zones = zones_of(region)
        return next((zone for zone in zones if self._room(zone) > 0), zones[0])

    def in_stock(self, entry: Entry, names: Sequence[str]) -> bool:
        """Return whether the VMs ``names`` of a cluster are to be had; no fault is spent by asking."""
        return not self._out_of_stock(entry, entry.cluster, names)

    async def boot(
        self, entry: Entry, becoming: Proto, specs: Sequence[VmSpec], needed: Sequence[str]
    ) -> dict[str, str]:
        """Boot VMs of ``entry``; return those of the ``needed`` ones that are not going to be ready, and why.

        Parameters
        ----------
        entry : Entry
        becoming : Cluster
            Its definition, or the one that it gets.
        specs : sequence of VmSpec
            The VMs to boot.
        needed : sequence of str
            The names of VMs to wait for.

        Raises
        ------
        ApiError
            UNAVAILABLE: its zone has no such machines; none was booted.
        """
        name = becoming.cluster_name
        if specs and (slow := self._faults.take("slow-create", cluster=name)):
            await self._clock.sleep(slow.settings["seconds"])
        absent = self._absent(name, [spec.name for spec in specs])
        # From here to the boot nothing is waited for, so that two clusters do not get the same room.
        if found := self._out_of_stock(entry, becoming, [spec.name for spec in specs]):
            raise self._stockout(becoming, *found)
        await entry.fleet.boot([spec for spec in specs if spec.name not in absent])
        failures = await entry.fleet.failures(vm for vm in needed if vm not in absent)
        failures |= await self._init_action(becoming, [spec.name for spec in specs if spec.name in needed])
        if absent:
            await self._clock.sleep(max(fault.settings["seconds"] for fault in absent.values()))
            primary = becoming.config.worker_config
            least = primary.min_num_instances or primary.num_instances
            came = primary.num_instances - len(absent)
            why = f"Operation timed out: Only {came} out of {least} minimum required node managers running."
            failures |= dict.fromkeys(absent, why)
        return failures

    def _short(self, region: str, name: str, asked: Counter[str]) -> list[Shortfall]:
        """Return which quotas ``asked`` is too much for: those of the faults, then the project's."""
        short = {}
        for fault in self._faults.waiting("quota", cluster=name):
            left = fault.settings["available"]
            found = [Shortfall(m, asked[m], left) for m in fault.settings["metric"] if asked[m] > left]
            short |= {shortfall.metric: shortfall for shortfall in found}
            if found:
                self._faults.spend(fault)
        used = sum((_usage(e) for e in self._inventory if e.region == region), Counter[str]())
        for metric, limit in self._limits.quotas.items():
            left = max(0, limit - used[metric])
            if asked[metric] > left:
                short.setdefault(metric, Shortfall(metric, asked[metric], left))
        return list(short.values())

    def _out_of_stock(self, entry: Entry, becoming: Proto, names: Sequence[str]) -> tuple[Batch, Fault | None] | None:
        """Return which of the VMs are not to be had, and the fault that says so, if it is one."""
        wanted, zone = list(batches(becoming.config, names)), _zone(becoming)
        for batch in wanted:
            where = {"zones": zone, "machine": batch.machine, "spot": str(batch.spot).lower()}
            if faults := self._faults.waiting("stockout", cluster=becoming.cluster_name, **where):
                return batch, faults[0]
        again = sum(name in entry.fleet.vms for name in names)
        if wanted and sum(batch.number for batch in wanted) - again > self._room(zone):
            return wanted[0], None
        return None

    def _stockout(self, cluster: Proto, batch: Batch, fault: Fault | None) -> ApiError:
        zone = _zone(cluster)
        if fault is not None:
            self._faults.spend(fault)
            available = fault.settings["zonesAvailable"]
        else:
            available = [z for z in zones_of(zone.rpartition("-")[0]) if z != zone and self._room(z) >= batch.number]
        return stockout(cluster.project_id, zone, batch.machine, available)

    def _room(self, zone: str) -> float:
        """Return how many more VMs ``zone`` has room for."""
        there = sum(len(entry.fleet) for entry in self._inventory if _zone(entry.cluster) == zone)
        return self._limits.zones.get(zone, float("inf")) - there

    def _absent(self, cluster: str, names: Sequence[str]) -> dict[str, Fault]:
        """Return the primary workers among ``names`` that will never come: the one of that number, or the last."""
        primary = [name for name in names if name.startswith(f"{cluster}-w-")]
        for fault in self._faults.waiting("missing-worker", cluster=cluster):
            number = fault.settings["worker"]
            found = primary[-1:] if number is None else [n for n in primary if n == f"{cluster}-w-{number}"]
            if found:
                return {found[0]: self._faults.spend(fault)}
        return {}

    async def _init_action(self, cluster: Proto, names: Sequence[str]) -> dict[str, str]:
        """Return the VM among ``names`` whose initialization action is to fail, and what Dataproc says of it."""
        for fault in self._faults.waiting("init-action", cluster=cluster.cluster_name):
            nodes = fault.settings["node"] or cluster.config.master_config.instance_names[:1]
            if failed := next((name for name in names if name in nodes), ""):
                told = self._faults.spend(fault).settings
                await self._clock.sleep(told["seconds"])
                why = await asyncio.to_thread(failed_action, cluster, failed, told["exit"], told["output"])
                return {failed: why}
        return {}


def _usage(entry: Entry) -> Counter[str]:
    """Return what of the quotas a cluster takes now, or will when the change under way is done."""
    config, state = entry.cluster.config, entry.state()
    if state == "STOPPED":
        return Counter({metric: n for metric, n in demand(config).items() if metric in DISKS})
    if state == "ERROR":
        return demand(config, entry.fleet.names)
    return demand(config) | entry.booked


def _zone(cluster: Proto) -> str:
    return cluster.config.gce_cluster_config.zone_uri.rpartition("/")[2]
