"""Machines as Debian 12 nodes: systemd-nspawn on a network of their own, each with an address, a disk and metadata."""

from __future__ import annotations

import asyncio
import contextlib
import json
import os
import shutil
import signal
import sys
import time
import urllib.request
import zlib
from collections.abc import Sequence
from pathlib import Path
from typing import Any

import psutil

from .lab import IMAGE, Lab, domain
from .vms import BootError, Machines, MachinesError, Vm, VmSpec, action_failure, last_lines

PACKAGES = {
    "systemd-nspawn": "systemd-container",
    "dnsmasq": "dnsmasq-base",
    "ip": "iproute2",
    "nft": "nftables",
    "nsenter": "util-linux",
    "unshare": "util-linux",
    "setpriv": "util-linux",
}
"""The programs that a lab needs, and the Debian packages they are in."""
DISK = "8192"
"""MiB of a node's disk, unless the attribute ``lab-disk-mb`` says otherwise."""
YARN_WEB, YARN_ANSWER = 8088, 2.0
"""Port of the ResourceManager's REST interface, and the seconds that it has to answer."""
HIERARCHIES = [Path("/sys/fs/cgroup") / name for name in ("", "systemd", "unified")]
SAVE = 30.0
"""Seconds more that a node has for its power-off when its disk is to be kept: it is memory, and written to a file."""
EMPTY = 5.0
"""Seconds until the kernel has ended all processes of a node whose first one was killed."""


class DebianMachines(Machines):
    """Debian nodes; they and their network outlive the server, and the next adopts them.

    Parameters
    ----------
    runtime, folder : Path
        As of `Machines`.
    image : Path, optional
        Folder of the root file system that all nodes share.
    layers : sequence of Path
        Folders laid over it, the first on top: what an image has besides Debian.
    internet : bool
        Whether nodes reach what this host reaches.

    Raises
    ------
    MachinesError
        This host cannot run them.
    """

    def __init__(
        self, runtime: Path, folder: Path, image: Path | None, layers: Sequence[Path] = (), internet: bool = False
    ) -> None:
        if why := _obstacle(image, layers):
            raise MachinesError(why)
        super().__init__(runtime, folder)
        self.lab = Lab(folder.parent / "lab", runtime, internet)
        self._lower = ":".join(str(path) for path in (*layers, image))
        self._processes: dict[int, asyncio.subprocess.Process] = {}
        self._patience: dict[str, float] = {}

    async def start(self) -> None:
        """Adopt the network that an earlier server left, with the nodes that live, or make a new one."""
        await super().start()
        if not self.lab.lives():
            await self.lab.down()
            await self.lab.up(self._expect("lab"))
            for top in HIERARCHIES:  # of a lab of this number whose emulator, nodes and network were all killed
                for folder in top.glob(f"{self.lab.link}-*"):
                    _remove_group(folder.name)
        self._forget_the_dead()

    async def aclose(self) -> None:
        """Stop listening; the network goes with the last node."""
        await super().aclose()
        self._forget_the_dead()
        if not self.lab.members():
            await self.lab.down()

    async def boot(self, vm: VmSpec) -> Vm:
        """Power the node on and return at once; `ready` waits until its initialization actions have run."""
        folder = self._new_folder(vm)
        if vm.key in self.lab.members().values():
            self._forget_the_dead()
        address = self.lab.join(vm, _metadata(vm))
        self._expect(vm.key)
        self._patience[vm.key] = sum(action.timeout for action in vm.actions)
        environment = {
            "NAME": vm.name,
            "ADDRESS": address,
            "DOMAIN": domain(vm.project),
            "NETWORK": self.lab.network,
            "LAB": str(self.lab.pid),
            "LOWER": self._lower,
            "GROUP": self.group(vm.key),
            "DISK": f"{vm.metadata.get('lab-disk-mb', DISK)}m",
            "ARGUMENTS": f"--bind={self.lab.shared}:/hadoop-fs {vm.metadata.get('lab-nspawn-arguments', '')}",
        }
        with open(folder / "log.txt", "ab") as log:
            process = await asyncio.create_subprocess_exec(
                *("unshare", "--mount", "--net", "bash", str(IMAGE / "node.sh")),
                env=os.environ | environment,
                cwd=folder,
                stdin=asyncio.subprocess.DEVNULL,
                stdout=log,
                stderr=log,
                start_new_session=True,
            )
        self._processes[process.pid] = process
        self._ended[process.pid] = asyncio.ensure_future(process.wait())
        created = psutil.Process(process.pid).create_time()
        return Vm(vm.name, vm.cluster_uuid, vm.programs, process.pid, created, str(folder))

    def about(self) -> dict[str, str]:
        """Return the kind of machines, the host's address on their network and its first three bytes."""
        return {"kind": "debian", "host": self.lab.host, "network": self.lab.network}

    async def ready(self, vm: Vm, timeout: float) -> None:
        """Wait for the node, as of `Machines`; its initialization actions have their own time besides."""
        await super().ready(vm, timeout + self._patience.get(vm.key, 0))

    async def shutdown(self, vm: Vm, grace: float, *, keep: bool = False) -> None:
        """Power the node off, as of `Machines`; nothing of it is left on the host but the disk that is to be kept."""
        if keep:
            (Path(vm.folder) / "keep").touch()
        await super().shutdown(vm, grace + SAVE * keep, keep=keep)
        self._processes.pop(vm.pid, None)
        self._patience.pop(vm.key, None)
        end = time.monotonic() + EMPTY
        while not _remove_group(self.group(vm.key)) and time.monotonic() < end:  # noqa: ASYNC110
            await asyncio.sleep(0.01)  # the kernel has no event for it
        if address := self.address(vm):
            self.lab.leave(address)

    async def missing(self, master: Vm, workers: int) -> float | None:
        """Return what the cluster could use, as of `Machines`: what YARN has pending less what it has available."""
        url = f"http://{self.address(master)}:{YARN_WEB}/ws/v1/cluster/metrics"
        return await asyncio.to_thread(yarn_missing, url)

    def notice(self, vm: Vm) -> None:
        """Let the node's metadata say that it is preempted, and wake those who wait for that."""
        self.lab.change(self.address(vm), {"metadata": {"instance": {"preempted": "TRUE"}}})

    async def reboot(self, vm: Vm) -> None:
        """Boot the node again with the disk it has; `ready` waits for it anew."""
        self._expect(vm.key)
        os.kill(self.leader(vm), signal.SIGINT)  # Ctrl-Alt-Del, as systemd knows it

    def address(self, vm: Vm) -> str:
        """Return the node's address, '' if it has none any more."""
        return next((address for address, key in self.lab.members().items() if key == vm.key), "")

    def group(self, key: str) -> str:
        """Return the control group of the node of that key, below the top of each hierarchy."""
        uuid, _, name = key.partition("/")
        return f"{self.lab.link}-{uuid[:8]}-{name}"

    def leader(self, vm: Vm) -> int:
        """Return the host's pid of the node's first process.

        Raises
        ------
        ProcessLookupError
            It does not run, or not yet.
        """
        for process in psutil.Process(vm.pid).children(recursive=True):
            try:
                status = Path(f"/proc/{process.pid}/status").read_text()
            except (FileNotFoundError, ProcessLookupError):  # it has ended since it was listed
                continue
            if status.split("NSpid:")[1].splitlines()[0].split()[2:] == ["1"]:  # here, in systemd-nspawn's, in its own
                return process.pid
        raise ProcessLookupError(f"{vm.name} has no first process")

    def _hear(self, said: dict[str, str]) -> None:
        """Take note of READY, and of FAILED: of which action, and where its output is."""
        key = said.get("X_VM", "")
        future = self._ready.get(key)
        if said.get("FAILED") == "1" and future and not future.done():
            future.set_exception(BootError(_failure(said, self.folder / key / "log.txt")))
        else:
            super()._hear(said)

    def _forget_the_dead(self) -> None:
        """Free what nodes leave that are gone without a `shutdown`: strays of a server that was killed."""
        living = _working_folders()
        for address, key in self.lab.members().items():
            if str(self.folder / key) not in living:
                self.lab.leave(address)
                _remove_group(self.group(key))


def yarn_missing(url: str) -> float | None:
    """Return by how many nodes' memory more is pending than available, as the ResourceManager's metrics at ``url`` say.

    None: there is none that answers, or it has no nodes.
    """
    try:
        with urllib.request.urlopen(url, timeout=YARN_ANSWER) as answer:
            told = json.load(answer)["clusterMetrics"]
    except OSError:
        return None
    if not (told["activeNodes"] and told["totalMB"]):
        return None
    return (told["pendingMB"] - told["availableMB"]) / (told["totalMB"] / told["activeNodes"])


def _obstacle(image: Path | None, layers: Sequence[Path]) -> str:
    """Return in one line why there can be no Debian nodes here, '' if there can."""
    if sys.platform != "linux" or os.geteuid() != 0:
        return f"emulator.nodes: debian needs Linux and root, this is {sys.platform} and user {os.geteuid()}"
    if missing := sorted({package for name, package in PACKAGES.items() if not shutil.which(name)}):
        return f"emulator.nodes: debian needs programs that are not here: apt-get install {' '.join(missing)}"
    if image is None or not (image / "etc" / "lab-base").exists():
        given, base = str(image or ""), IMAGE / "base.sh"
        return f"emulator.image: {given!r} given, needed is a folder made by: bash {base} FOLDER"
    if absent := [str(layer) for layer in layers if not layer.is_dir()]:
        return f"emulator.layers: {', '.join(absent)} given, needed are folders, A:B"
    return ""


def _metadata(vm: VmSpec) -> dict[str, Any]:
    """Return what the metadata server answers the node, as Compute Engine and Dataproc lay it out."""
    actions = "".join(f"{action.timeout:.0f} {action.uri}\n" for action in vm.actions)
    own = {"dask-vcpus": str(vm.vcpus), "dask-memory": str(vm.memory), "lab-init-actions": actions}
    account = {
        "email": f"lab@{vm.project}.iam.gserviceaccount.com",
        "aliases": ["default"],
        "scopes": ["https://www.googleapis.com/auth/cloud-platform"],
        "token": {"access_token": "ya29.lab", "expires_in": 3599, "token_type": "Bearer"},
    }
    instance = {
        "name": vm.name,
        "id": str(zlib.crc32(vm.key.encode())),
        "hostname": f"{vm.name}.{domain(vm.project)}",
        "preempted": "FALSE",
        "maintenance-event": "NONE",
        "attributes": vm.metadata | own,
        "service-accounts": {"default": account},
    }
    return {"instance": instance, "project": {"project-id": vm.project, "numeric-project-id": "0"}}


def _failure(said: dict[str, str], log: Path) -> str:
    """Return Dataproc's own message of an initialization action that failed; without a bucket, the end of the log."""
    where = said.get("OUTPUT") or f"{log}\n{last_lines(log)}"
    return action_failure(said.get("ACTION", ""), where, int(said.get("STATUS", "1")))


def _remove_group(group: str) -> bool:
    """Remove the node's control groups; return whether none is left, as none is once its last process has ended."""
    tops = [top for hierarchy in HIERARCHIES if (top := hierarchy / group).is_dir()]
    for top in tops:
        for folder, _, _ in os.walk(top, topdown=False):
            with contextlib.suppress(OSError):
                os.rmdir(folder)
    return not any(top.exists() for top in tops)


def _working_folders() -> set[str]:
    found = set()
    for process in Path("/proc").glob("[0-9]*"):
        with contextlib.suppress(OSError):
            found.add(os.readlink(process / "cwd"))
    return found
