"""What happens to a cluster's VMs in each operation, and the states it passes through."""

from __future__ import annotations

import asyncio
from collections.abc import Awaitable, Callable
from functools import partial

from google.protobuf import empty_pb2
from google.protobuf.message import Message

from ..clusters.clock import Clock
from .defaults import complete
from .descriptors import Proto
from .errors import ApiError, aborted, internal
from .fleet import wanted
from .inventory import Entry, Inventory
from .misfortune import Misfortune
from .operations import Operations, Work
from .schedule import set_idle
from .stamps import enter

POWER_OFF = 10.0
"""Real seconds that programs get to end in an orderly way when a cluster is stopped."""
DECOMMISSION = 30.0
"""Real seconds that a worker gets to hand on its data where the request gives no timeout."""
DURING = {"CREATE": "CREATING", "START": "STARTING", "UPDATE": "UPDATING", "STOP": "STOPPING", "DELETE": "DELETING"}
"""The state a cluster is in during each operation."""
DELETE_FAILED = 2
"""google.cloud.dataproc.v1.FailureAction.DELETE."""
INTERRUPTED = "The emulator was restarted during the operation"


class Lifecycle:
    """Brings clusters up and down.

    Parameters
    ----------
    inventory : Inventory
    operations : Operations
    clock : Clock
    abandoned : callable
        Called with a cluster and the reason why the jobs on it cannot go on.
    misfortune : Misfortune
        What was asked to go wrong.
    """

    def __init__(
        self,
        inventory: Inventory,
        operations: Operations,
        clock: Clock,
        abandoned: Callable[[Proto, str], None],
        misfortune: Misfortune,
    ) -> None:
        self.misfortune = misfortune
        self._inventory = inventory
        self._operations = operations
        self._clock = clock
        self._abandoned = abandoned

    def begin(self, kind: str, request: Proto, entry: Entry, warnings: list[str] | None = None) -> Message:
        """Put ``entry`` into the state of operation ``kind`` and return that operation, begun."""
        before = entry.change
        work = self._work(kind, request, entry, before)
        self.enter(entry, DURING[kind])
        record = self._operations.begin(request, entry.cluster, kind, work, self._failed(entry, kind), warnings)
        entry.change = record.task
        return record.operation

    def recover(self) -> None:
        """Bring what an earlier server left in line with the VMs that live; end or resume what it was doing."""
        for record in self._operations.interrupted():
            kind = getattr(record.metadata, "operation_type", "")
            entry = next((e for e in self._inventory if e.cluster.cluster_uuid == record.metadata.cluster_uuid), None)
            if entry is not None and kind in ("DELETE", "STOP"):
                self._operations.resume(record, self._work(kind, None, entry, None))
                entry.change = record.task
            elif kind == "DELETE":
                self._operations.finish(record, response=empty_pb2.Empty())
            else:
                self._operations.finish(record, error=aborted(INTERRUPTED))
        for entry in self._inventory:
            self._recover(entry)

    def _recover(self, entry: Entry) -> None:
        entry.fleet.end_strays()
        state = entry.state()
        if state in ("UNKNOWN", "CREATING", "STARTING"):
            self.enter(entry, "ERROR", INTERRUPTED)
        elif state == "UPDATING":
            self.count(entry)
        elif state in ("DELETING", "STOPPING") and entry.change is None:
            self.enter(entry, "ERROR", INTERRUPTED)
        else:
            self.check_head(entry)

    def _work(self, kind: str, request: Proto, entry: Entry, before: asyncio.Task[None] | None) -> Work:
        works: dict[str, Callable[[], Awaitable[Message]]] = {
            "CREATE": partial(self._up, entry, request),
            "START": partial(self._up_again, entry, request),
            "UPDATE": partial(self._update, entry, request),
            "STOP": partial(self._stop, entry),
            "DELETE": partial(self._delete, entry, before),
        }
        return works[kind]

    def enter(self, entry: Entry, state: str, detail: str = "") -> None:
        """Put a cluster into ``state``, on disk too."""
        cluster = entry.cluster
        if state not in DURING.values():
            entry.booked.clear()
        enter(cluster, cluster.status.State.Value(state), self._clock.now(), detail=detail)
        self._inventory.save(entry)

    def check_head(self, entry: Entry) -> None:
        """Put a running cluster whose master's VM has died into ERROR."""
        if entry.state() in ("RUNNING", "UPDATING") and not entry.head_lives():
            self.enter(entry, "ERROR", f"{entry.master}, the master, is not running any more")
            self._abandoned(entry.cluster, "its cluster's master died")

    def count(self, entry: Entry) -> None:
        """After a resize that failed: RUNNING with the workers that live, or ERROR without the head."""
        config = entry.cluster.config
        for group, mark in ((config.worker_config, "-w-"), (config.secondary_worker_config, "-sw-")):
            prefix = entry.cluster.cluster_name + mark
            names = [name for name in entry.fleet.vms if name.startswith(prefix) and entry.fleet.lives(name)]
            if names or group.instance_names:
                group.num_instances = len(names)
                group.instance_names[:] = sorted(names, key=lambda name: int(name.rpartition("-")[2]))
        self.enter(entry, "RUNNING")
        self.check_head(entry)

    def _failed(self, entry: Entry, kind: str) -> Callable[[ApiError], None]:
        """Return what ``entry`` becomes if an operation of ``kind`` fails and nothing else has overtaken it."""

        def fail(error: ApiError) -> None:
            if entry.state() == DURING[kind] == "UPDATING":
                self.count(entry)
            elif entry.state() == DURING[kind]:
                self.enter(entry, "ERROR", error.message)

        return fail

    async def _up(self, entry: Entry, request: Proto) -> Message:
        """Boot all VMs that do not run yet; RUNNING as soon as master and primary workers are ready."""
        specs = wanted(entry.cluster, entry.region)
        missing = [spec for name, spec in specs.items() if not entry.fleet.lives(name)]
        config = entry.cluster.config
        needed = [entry.master, *config.worker_config.instance_names]
        failures = await self.misfortune.boot(entry, entry.cluster, missing, needed)
        primary = config.worker_config
        enough = primary.num_instances - (primary.min_num_instances or primary.num_instances)
        if failures and (entry.master in failures or len(failures) > enough):
            if getattr(request, "action_on_failed_primary_workers", 0) == DELETE_FAILED:
                await entry.fleet.shutdown(set(failures) - {entry.master}, 0)
            raise internal("; ".join(dict.fromkeys(failures.values())))
        set_idle(entry.cluster, self._clock.now())
        if failures:
            await entry.fleet.shutdown(failures, 0)
            self.count(entry)
        else:
            self.enter(entry, "RUNNING")
        return entry.cluster

    async def _up_again(self, entry: Entry, request: Proto) -> Message:
        """Boot a stopped cluster: the head first, since it is elsewhere than before and workers would look there."""
        head = wanted(entry.cluster, entry.region)[entry.master]
        failures = await self.misfortune.boot(entry, entry.cluster, [head], [entry.master])
        if failures:
            raise internal(failures[entry.master])
        return await self._up(entry, request)

    async def _update(self, entry: Entry, request: Proto) -> Message:
        """Make ``entry`` what an UpdateClusterRequest asks for; VMs are booted before any is shut down."""
        becoming = merged(entry.cluster, request)
        specs = wanted(becoming, entry.region)
        await entry.fleet.booted()  # replacements of secondary workers
        missing = [spec for name, spec in specs.items() if "head" not in spec.programs and not entry.fleet.lives(name)]
        failures = await self.misfortune.boot(entry, becoming, missing, [spec.name for spec in missing])
        if failures:
            await entry.fleet.shutdown(failures, 0)
            raise internal("; ".join(failures.values()))
        leaving = [name for name in entry.fleet.vms if name not in specs]
        await entry.fleet.shutdown(leaving, request.graceful_decommission_timeout.seconds or DECOMMISSION)
        entry.cluster.CopyFrom(merged(entry.cluster, request))
        self.enter(entry, "RUNNING")
        return entry.cluster

    async def _stop(self, entry: Entry) -> Message:
        """Shut all VMs down and keep the definition and the disks."""
        self._abandoned(entry.cluster, "its cluster was stopped")
        set_idle(entry.cluster, None)
        for past in ("auto_stop_time", "auto_stop_ttl"):
            entry.cluster.config.lifecycle_config.ClearField(past)
        await entry.fleet.power_off(POWER_OFF, keep=True)
        self.enter(entry, "STOPPED")
        return entry.cluster

    async def _delete(self, entry: Entry, before: asyncio.Task[None] | None) -> Message:
        """Cut the power of all VMs and forget the cluster, whatever else was being done to it."""
        if before is not None:
            before.cancel()
            await asyncio.wait([before])
        self._abandoned(entry.cluster, "its cluster was deleted")
        await entry.fleet.power_off(0)
        self._inventory.remove(entry)
        return empty_pb2.Empty()


def masked(cluster: Proto, request: Proto) -> Proto:
    """Return a copy of ``cluster`` with the fields that an UpdateClusterRequest's mask names taken from the request."""
    new, given = type(cluster)(), type(cluster)()
    new.CopyFrom(cluster)
    given.CopyFrom(request.cluster)
    for path in request.update_mask.paths:  # MergeMessage passes over a field in a message that the request left out
        message = given
        for parent in path.split(".")[:-1]:
            message = getattr(message, parent)
            message.SetInParent()
    request.update_mask.MergeMessage(given, new, True, True)
    return new


def merged(cluster: Proto, request: Proto) -> Proto:
    """Return what ``cluster`` becomes by an UpdateClusterRequest that was checked."""
    new = masked(cluster, request)
    complete(new, request.region)
    return new
