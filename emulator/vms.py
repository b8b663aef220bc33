"""A machine of the emulator: what is asked of it, what it is, and what can be done with whatever kind of them it is."""

from __future__ import annotations

import abc
import asyncio
import contextlib
import os
import shutil
import signal
import socket
import subprocess
from collections.abc import Callable, Sequence
from dataclasses import asdict, dataclass
from pathlib import Path
from typing import Any

import psutil

LOG_LINES = 20
TIMED_OUT = 124
"""The exit status of timeout(1), which bounds each initialization action."""
PREEMPTION_NOTICE = 30.0
"""Real seconds from Compute Engine's notice to the end."""


class MachinesError(Exception):
    """There can be no such machines on this host; one line says why."""


class BootError(Exception):
    """A machine ended before it was ready, failed to become so, or took too long; the message says what it said."""


@dataclass(frozen=True, slots=True)
class InitAction:
    """A program that a machine runs as root at its first boot: where it is, and the seconds it may take."""

    uri: str
    timeout: float


@dataclass(frozen=True, slots=True)
class VmSpec:
    """A machine to boot.

    Attributes
    ----------
    name : str
        The instance's name, unique in its cluster.
    cluster_uuid : str
    programs : tuple of str
        What runs on it: ``head``, ``worker`` or both.
    metadata : dict
        The instance's attributes as its programs read them.
    vcpus, memory : int
        How large it is; memory in bytes.
    project : str
        Its project, of which its domain name is made.
    actions : tuple of InitAction
        What it runs before it is ready, if it is a machine that can.
    """

    name: str
    cluster_uuid: str
    programs: tuple[str, ...]
    metadata: dict[str, str]
    vcpus: int
    memory: int
    project: str = "local"
    actions: tuple[InitAction, ...] = ()

    @property
    def key(self) -> str:
        """What the machine calls itself when it says that it is ready."""
        return f"{self.cluster_uuid}/{self.name}"


@dataclass(frozen=True, slots=True)
class Vm:
    """A booted machine: its process group, named for good by pid and time of creation (unix seconds)."""

    name: str
    cluster_uuid: str
    programs: tuple[str, ...]
    pid: int
    created: float
    folder: str

    def to_dict(self) -> dict[str, Any]:
        """Return the machine as plain values for a state file."""
        return asdict(self)

    @classmethod
    def from_dict(cls, given: dict[str, Any]) -> Vm:
        """Return the machine that `to_dict` wrote."""
        return cls(**{**given, "programs": tuple(given["programs"])})

    @property
    def key(self) -> str:
        """What the machine calls itself when it says that it is ready."""
        return f"{self.cluster_uuid}/{self.name}"

    @property
    def log(self) -> Path:
        """What its programs printed."""
        return Path(self.folder) / "log.txt"


class Machines(abc.ABC):
    """Boots, watches and ends machines, each of which is a process group in a folder of its own.

    Parameters
    ----------
    runtime : Path
        Folder of sockets; ``dataproc.sock`` in it is how a machine knows that there is an emulator.
    folder : Path
        Where each machine gets a folder of its own.
    """

    def __init__(self, runtime: Path, folder: Path):
        self.runtime, self.folder = runtime, folder
        self.notify = runtime / "notify.sock"
        self._ended: dict[int, asyncio.Future[int]] = {}
        self._ready: dict[str, asyncio.Future[None]] = {}
        self._demand: dict[str, tuple[int, int]] = {}

    async def start(self) -> None:
        """Listen for machines that are ready."""
        self.notify.unlink(missing_ok=True)
        self._listener, _ = await asyncio.get_running_loop().create_datagram_endpoint(
            lambda: _Listener(self._hear), family=socket.AF_UNIX, local_addr=str(self.notify)
        )

    async def aclose(self) -> None:
        """Stop listening; machines live on."""
        self._listener.close()

    @abc.abstractmethod
    async def boot(self, vm: VmSpec) -> Vm:
        """Start the machine and return at once; `ready` waits for it."""

    @abc.abstractmethod
    def about(self) -> dict[str, str]:
        """Return what those who start the emulator may want to know: which ``kind`` of machines it has, and where."""

    async def ready(self, vm: Vm, timeout: float) -> None:
        """Wait until the machine has said that it is ready.

        Raises
        ------
        BootError
            It ended or failed first, or ``timeout`` seconds went by.
        """
        said, ended = self._ready[vm.key], self.ended(vm)
        await asyncio.wait([said, ended], timeout=timeout, return_when=asyncio.FIRST_COMPLETED)
        if not said.done():
            why = f"ended with status {ended.result()}" if ended.done() else f"not ready after {timeout:.0f} s"
            raise BootError(f"{vm.name} {why}\n{last_lines(vm.log)}")
        said.result()

    async def missing(self, master: Vm, workers: int) -> float | None:
        """Return how many of its ``workers`` machines more a cluster could use, below 0 how many less; None: unknown.

        What its head says: how many Dask workers it would like, X_WANTED, and how many there are, X_WORKERS.
        """
        wanted, registered = self._demand.get(master.key, (0, 0))
        return workers * (wanted - registered) / registered if registered else None

    async def shutdown(self, vm: Vm, grace: float, *, keep: bool = False) -> None:
        """Power the machine off: SIGTERM, up to ``grace`` seconds, SIGKILL; 0 is a power cut.

        Its folder, which has its disk, goes too unless it is to be kept for the next `boot`.
        """
        if self.alive(vm):
            if grace > 0:
                os.kill(vm.pid, signal.SIGTERM)  # its first process alone, as systemd's KillMode=mixed does
                await asyncio.wait([self.ended(vm)], timeout=grace)
            with contextlib.suppress(ProcessLookupError):
                os.kill(vm.pid, signal.SIGKILL)  # a moment after its fork it leads no group yet
                os.killpg(vm.pid, signal.SIGKILL)
            await asyncio.wait([self.ended(vm)], timeout=5)
        self._ready.pop(vm.key, None)
        self._demand.pop(vm.key, None)
        self._ended.pop(vm.pid, None)
        if not keep:
            shutil.rmtree(vm.folder, ignore_errors=True)

    async def preempt(self, vm: Vm) -> None:
        """Take the machine away as Compute Engine takes a spot VM: a notice, the power button, 30 s, the power cut."""
        self.notice(vm)
        with contextlib.suppress(ProcessLookupError):
            os.kill(vm.pid, signal.SIGTERM)
            await asyncio.wait([self.ended(vm)], timeout=PREEMPTION_NOTICE)
            self.cut(vm)

    def cut(self, vm: Vm) -> None:
        """Cut the machine's power; its folder stays, until `shutdown`."""
        if self.alive(vm):
            with contextlib.suppress(ProcessLookupError):
                os.kill(vm.pid, signal.SIGKILL)  # a moment after its fork it leads no group yet
                os.killpg(vm.pid, signal.SIGKILL)

    @abc.abstractmethod
    def notice(self, vm: Vm) -> None:
        """Let the machine's metadata say that it is preempted."""

    def alive(self, vm: Vm) -> bool:
        """Return whether the machine's first process still runs; also of machines that an earlier server booted."""
        return process_runs(vm.pid, vm.created)

    def ended(self, vm: Vm) -> asyncio.Future[int]:
        """Return the future of the machine's exit status; -1 where an earlier server was its parent."""
        if vm.pid not in self._ended:
            self._ended[vm.pid] = asyncio.ensure_future(_watch(vm))
        return self._ended[vm.pid]

    async def run(self, argv: Sequence[str], env: dict[str, str], cwd: Path, log: Path) -> asyncio.subprocess.Process:
        """Start a job's driver as a process group of its own, its output in ``log``."""
        with open(log, "ab") as out:
            return await asyncio.create_subprocess_exec(
                *argv, env=env, cwd=cwd, stdin=subprocess.DEVNULL, stdout=out, stderr=out, start_new_session=True
            )

    def _new_folder(self, vm: VmSpec) -> Path:
        folder = self.folder / vm.key
        folder.mkdir(parents=True, exist_ok=True, mode=0o700)
        return folder

    def _expect(self, key: str) -> asyncio.Future[None]:
        self._ready[key] = asyncio.get_running_loop().create_future()
        return self._ready[key]

    def _hear(self, said: dict[str, str]) -> None:
        """Take note of what a machine says of itself: READY, or what it would like, and X_VM, which one it is."""
        key = said.get("X_VM", "")
        if "X_WANTED" in said:
            self._demand[key] = int(said["X_WANTED"]), int(said["X_WORKERS"])
        future = self._ready.get(key)
        if said.get("READY") == "1" and future and not future.done():
            future.set_result(None)


class _Listener(asyncio.DatagramProtocol):
    """Hears the machines: lines of NAME=value, as of sd_notify(3)."""

    def __init__(self, hear: Callable[[dict[str, str]], None]):
        self.hear = hear

    def datagram_received(self, data: bytes, addr: Any) -> None:
        self.hear(dict(line.split("=", 1) for line in data.decode().splitlines() if "=" in line))


def action_failure(action: str, output: str, status: int) -> str:
    """Return Dataproc's own message of an initialization action that ended with ``status``."""
    what = "timed out" if status == TIMED_OUT else "failed"
    return f"Initialization action {what}. Failed action '{action}', see output in: {output}"


def last_lines(log: Path) -> str:
    """Return the end of a log, for an error's text."""
    try:
        return "\n".join(log.read_text(errors="replace").splitlines()[-LOG_LINES:])
    except FileNotFoundError:
        return ""


def process_runs(pid: int, created: float) -> bool:
    """Return whether the process of that pid and time of creation runs."""
    try:
        process = psutil.Process(pid)
        return process.create_time() == created and process.status() != psutil.STATUS_ZOMBIE
    except psutil.NoSuchProcess:
        return False


async def _watch(vm: Vm) -> int:
    """Wait for a process that is not our child."""
    while process_runs(vm.pid, vm.created):  # noqa: ASYNC110  # the kernel has no event for it
        await asyncio.sleep(0.2)
    return -1
