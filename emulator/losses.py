"""VMs that are lost: preempted with a notice, or dead without one; and secondary workers replaced by their group."""

from __future__ import annotations

import asyncio
import time
from collections.abc import Iterator
from typing import Any

from .fleet import wanted
from .inventory import Entry, Inventory
from .misfortune import Misfortune
from .vms import Machines, Vm

PAUSE = 5.0
"""Real seconds between two replacements of the same VM: one that dies at once is not booted all the time."""


class Losses:
    """Takes VMs away when that was asked for, and has those replaced that a managed instance group replaces.

    Parameters
    ----------
    inventory : Inventory
    machines : Machines
    misfortune : Misfortune
        Knows whether there are machines to replace one with.
    """

    def __init__(self, inventory: Inventory, machines: Machines, misfortune: Misfortune) -> None:
        self._inventory, self._machines, self._misfortune = inventory, machines, misfortune
        self._tasks: set[asyncio.Task[None]] = set()
        self._replaced: dict[str, float] = {}

    async def preempt(self, settings: dict[str, Any]) -> list[str]:
        """Give ``count`` secondary workers (all) their notice; half a minute later they are gone. Return which."""
        struck = list(self._living(settings, secondary=True))[: settings["count"]]
        for vm in struck:
            self._begin(self._machines.preempt(vm))
        return [vm.name for vm in struck]

    async def die(self, settings: dict[str, Any]) -> list[str]:
        """Cut the power of the VMs ``vm``, or of ``count`` primary workers (1). Return which."""
        struck = list(self._living(settings, secondary=False))
        struck = struck[: settings["count"] or (len(struck) if settings["vm"] else 1)]
        for vm in struck:
            self._machines.cut(vm)
        return [vm.name for vm in struck]

    def replace(self, entry: Entry) -> None:
        """Boot those secondary workers of a running cluster again that do not run, if there are machines.

        Primary workers are not replaced: Dataproc leaves a lost one to its user.
        """
        if entry.state() != "RUNNING":
            return
        names = entry.cluster.config.secondary_worker_config.instance_names
        lost = [name for name in names if not entry.fleet.lives(name) and self._is_due(entry, name)]
        if lost and self._misfortune.in_stock(entry, lost):
            specs = wanted(entry.cluster, entry.region)
            self._replaced |= {f"{entry.cluster.cluster_uuid}/{name}": time.monotonic() for name in lost}
            self._begin(entry.fleet.boot(specs[name] for name in lost))

    def _is_due(self, entry: Entry, name: str) -> bool:
        last = self._replaced.get(f"{entry.cluster.cluster_uuid}/{name}", -PAUSE)
        return time.monotonic() - last >= PAUSE

    def _living(self, settings: dict[str, Any], *, secondary: bool) -> Iterator[Vm]:
        """Yield the VMs that run of those that the settings name, without a name the workers of one kind."""
        for entry in self._inventory:
            config = entry.cluster.config
            kind = config.secondary_worker_config if secondary else config.worker_config
            allowed = settings["vm"] or kind.instance_names
            if entry.cluster.cluster_name in (settings["cluster"] or (entry.cluster.cluster_name,)):
                yield from (vm for name, vm in entry.fleet.vms.items() if name in allowed and entry.fleet.lives(name))

    def _begin(self, work: Any) -> None:
        task = asyncio.ensure_future(work)
        self._tasks.add(task)
        task.add_done_callback(self._tasks.discard)
