"""The VMs of one cluster: which there should be, as its definition says, and which there are."""

from __future__ import annotations

import asyncio
import logging
import os
import shutil
import signal
from collections.abc import Callable, Iterable
from contextlib import suppress
from pathlib import Path
from typing import NamedTuple

from ..clusters.machines import machine_type
from .descriptors import Proto
from .validation import zero_workers
from .vms import BootError, InitAction, Machines, Vm, VmSpec

BOOT_TIMEOUT = 120.0
"""Real seconds until a VM that is not ready has failed; initialization actions have their own time besides."""
EVICTION = 0.01
"""Real seconds that the kernel gets to end killed processes, until they are looked for again."""
log = logging.getLogger(__name__)


class Size(NamedTuple):
    """How large a VM is: cores and bytes."""

    vcpus: int
    memory: int


def host() -> Size:
    """Return how large the machine is that all VMs share."""
    return Size(os.cpu_count() or 1, os.sysconf("SC_PAGE_SIZE") * os.sysconf("SC_PHYS_PAGES"))


def sizes(group: Proto) -> tuple[Size, Size]:
    """Return what the machine type of ``group`` says, and that bounded by the host.

    Raises
    ------
    ValueError
        No such machine type is known.
    """
    kind = machine_type(group.machine_type_uri.rpartition("/")[2])
    has = host()
    return Size(kind.vcpus, kind.memory), Size(min(kind.vcpus, has.vcpus), min(kind.memory, has.memory))


def wanted(cluster: Proto, region: str) -> dict[str, VmSpec]:
    """Return the VMs that the definition of ``cluster`` asks for, by name: the master, primary and secondary workers.

    With three masters one is booted: on the others nothing of ours would run.
    """
    config = cluster.config
    master = config.master_config.instance_names[0]
    alone = zero_workers(config) and not config.worker_config.num_instances and config.cluster_type != config.ZERO_SCALE
    programs = ("head", "worker") if alone else ("head",)
    specs = {master: _spec(cluster, region, master, config.master_config, programs)}
    for group in (config.worker_config, config.secondary_worker_config):
        specs |= {name: _spec(cluster, region, name, group, ("worker",)) for name in group.instance_names}
    return specs


def _spec(cluster: Proto, region: str, name: str, group: Proto, programs: tuple[str, ...]) -> VmSpec:
    own = {
        "dataproc-cluster-name": cluster.cluster_name,
        "dataproc-cluster-uuid": cluster.cluster_uuid,
        "dataproc-region": region,
        "dataproc-role": "Master" if "head" in programs else "Worker",
        "dataproc-master": cluster.config.master_config.instance_names[0],
        "dataproc-worker-count": str(cluster.config.worker_config.num_instances),
        "dataproc-bucket": cluster.config.config_bucket,
        "lab-properties": "".join(f"{k}={v}\n" for k, v in sorted(cluster.config.software_config.properties.items())),
    }
    metadata = {**cluster.config.gce_cluster_config.metadata, **own}
    size = sizes(group)[1]
    actions = tuple(
        InitAction(action.executable_file, action.execution_timeout.ToNanoseconds() / 1e9)
        for action in cluster.config.initialization_actions
    )
    return VmSpec(name, cluster.cluster_uuid, programs, metadata, size.vcpus, size.memory, cluster.project_id, actions)


class Fleet:
    """The VMs of one cluster that were booted and not shut down.

    Parameters
    ----------
    machines : Machines
    folder : Path
        Below it each of the VMs has its folder, in which its processes live.
    vms : iterable of Vm
        Those that an earlier server booted.
    changed : callable
        Called at once when a VM has come or gone, to keep that on disk.
    """

    def __init__(self, machines: Machines, folder: Path, vms: Iterable[Vm], changed: Callable[[], None]) -> None:
        self.vms = {vm.name: vm for vm in vms}
        self._machines = machines
        self._folder = folder
        self._changed = changed
        self._booting: dict[asyncio.Future[list[None]], set[str]] = {}

    def __len__(self) -> int:
        return len(self.names)

    @property
    def names(self) -> set[str]:
        """The VMs that there are, and those being booted."""
        return set(self.vms).union(*self._booting.values())

    def lives(self, name: str) -> bool:
        """Return whether the VM ``name`` is there and runs."""
        return name in self.vms and self._machines.alive(self.vms[name])

    async def boot(self, specs: Iterable[VmSpec]) -> None:
        """Start VMs, all at once. A call that is cancelled still starts them: `power_off` finds every one."""
        new = list(specs)
        booting = asyncio.gather(*(self._boot(spec) for spec in new))
        self._booting[booting] = {spec.name for spec in new}
        booting.add_done_callback(self._booting.pop)
        await asyncio.shield(booting)

    async def booted(self) -> None:
        """Wait until what is being booted has been forked, well or badly."""
        while self._booting:
            with suppress(Exception):
                await asyncio.gather(*self._booting)

    async def failures(self, names: Iterable[str]) -> dict[str, str]:
        """Wait until VMs are ready; return those that are not going to be, and why."""
        vms = [self.vms[name] for name in names]
        said = await asyncio.gather(*(self._machines.ready(vm, BOOT_TIMEOUT) for vm in vms), return_exceptions=True)
        for error in said:
            if isinstance(error, BaseException) and not isinstance(error, BootError):
                raise error
        return {vm.name: str(error) for vm, error in zip(vms, said, strict=True) if error}

    async def shutdown(self, names: Iterable[str], grace: float, *, keep: bool = False) -> None:
        """Power VMs off, each with up to ``grace`` real seconds for what it still has to do; 0 is a power cut."""
        await asyncio.gather(*(self._shutdown(self.vms[name], grace, keep) for name in names if name in self.vms))

    async def power_off(self, grace: float, *, keep: bool = False) -> None:
        """Shut down every VM, and ``keep`` their disks: workers first, since one that outlives its scheduler waits."""
        await self.booted()
        heads = [name for name, vm in self.vms.items() if "head" in vm.programs]
        await self.shutdown([name for name in self.vms if name not in heads], grace, keep=keep)
        await self.shutdown(heads, grace, keep=keep)
        await self._evict(self._folder)
        if not keep:
            shutil.rmtree(self._folder, ignore_errors=True)

    def end_strays(self) -> None:
        """Kill what lives in the cluster's folder and is none of its VMs: a killed server had not written them down."""
        known = {vm.pid for vm in self.vms.values()}
        for pid in _inhabitants(self._folder):
            with suppress(ProcessLookupError):
                if os.getpgid(pid) not in known:
                    os.kill(pid, signal.SIGKILL)

    async def _evict(self, folder: Path) -> None:
        """Kill what lives in ``folder``, and wait until nothing does."""
        while pids := _inhabitants(folder):
            for pid in pids:
                with suppress(ProcessLookupError):
                    os.kill(pid, signal.SIGKILL)
            await asyncio.sleep(EVICTION)

    async def _boot(self, spec: VmSpec) -> None:
        if spec.name in self.vms:
            await self._machines.shutdown(self.vms[spec.name], 0)
        if (folder := self._folder / spec.name).exists():  # of a stray that was forked after `end_strays` had looked
            await self._evict(folder)
        self.vms[spec.name] = await self._machines.boot(spec)
        self._changed()

    async def _shutdown(self, vm: Vm, grace: float, keep: bool) -> None:
        await self._machines.shutdown(vm, grace, keep=keep)
        self.vms.pop(vm.name, None)
        self._changed()


def _inhabitants(folder: Path) -> list[int]:
    """Return the processes that have ``folder``, or one below it, as their working folder."""
    found = []
    for process in Path("/proc").glob("[0-9]*"):
        with suppress(OSError):
            if f"{os.readlink(process / 'cwd')}/".startswith(f"{folder}/"):
                found.append(int(process.name))
    return found
