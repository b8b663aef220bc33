"""The emulator's machines: process groups forked from the zygote; they outlive the server, and the next adopts them."""

from __future__ import annotations

import asyncio
import contextlib
import json
import os
import shutil
import signal
import socket
import subprocess
import sys
from collections.abc import Sequence
from dataclasses import asdict, dataclass
from pathlib import Path
from typing import Any

import psutil

LOG_LINES = 20
ENV = {
    "OMP_NUM_THREADS": "1",
    "MKL_NUM_THREADS": "1",
    "OPENBLAS_NUM_THREADS": "1",
    "DASK_DISTRIBUTED__WORKER__MULTIPROCESSING_METHOD": "fork",
}
"""What the zygote reads as it imports: threads as Dask's nanny sets them for its workers; and a nanny on a machine
forks its worker, as the machine itself was forked: nothing is imported twice."""


class BootError(Exception):
    """A machine ended before it was ready, or took too long; the message ends with the last lines of its log."""


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
    """

    name: str
    cluster_uuid: str
    programs: tuple[str, ...]
    metadata: dict[str, str]
    vcpus: int
    memory: int


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
    def log(self) -> Path:
        """What its programs printed."""
        return Path(self.folder) / "log.txt"


class Machines:
    """Boots, watches and ends machines.

    Parameters
    ----------
    runtime : Path
        Folder of sockets; ``dataproc.sock`` in it is how a machine knows that there is an emulator.
    folder : Path
        Where each machine gets a folder of its own.
    """

    def __init__(self, runtime: Path, folder: Path):
        self.runtime, self.folder = runtime, folder
        self._ids = 0
        self._made: dict[int, asyncio.Future[dict[str, Any]]] = {}
        self._ended: dict[int, asyncio.Future[int]] = {}
        self._ready: dict[str, asyncio.Future[None]] = {}
        self._silent: dict[str, int] = {}

    async def start(self) -> None:
        """Start the zygote and listen for machines that are ready."""
        loop = asyncio.get_running_loop()
        ours, theirs = socket.socketpair()
        command = [sys.executable, "-m", "dask_dataproc.emulator.zygote", str(theirs.fileno())]
        self._zygote = subprocess.Popen(  # noqa: ASYNC220  # the loop has nothing else to do yet
            command, pass_fds=[theirs.fileno()], env=os.environ | ENV, stdin=subprocess.DEVNULL, start_new_session=True
        )
        theirs.close()
        reader, self._writer = await asyncio.open_connection(sock=ours)
        self._reports = loop.create_task(self._read(reader))
        self._notify = self.runtime / "notify.sock"
        self._notify.unlink(missing_ok=True)
        self._listener, _ = await loop.create_datagram_endpoint(
            lambda: _Listener(self._said_ready), family=socket.AF_UNIX, local_addr=str(self._notify)
        )

    async def aclose(self) -> None:
        """Let the zygote go; machines live on."""
        self._listener.close()
        self._writer.close()
        with contextlib.suppress(OSError):
            await self._writer.wait_closed()
        self._reports.cancel()
        self._zygote.terminate()  # while it imports, it would not notice
        await asyncio.to_thread(self._zygote.wait)

    async def boot(self, vm: VmSpec) -> Vm:
        """Fork the machine and return at once; `ready` waits for it."""
        folder = self.folder / vm.cluster_uuid / vm.name
        folder.mkdir(parents=True, exist_ok=True, mode=0o700)
        metadata = folder / "metadata.json"
        metadata.write_text(json.dumps(vm.metadata | self._attributes(vm, folder)))
        key = _key(vm.cluster_uuid, vm.name)
        self._ready[key], self._silent[key] = asyncio.get_running_loop().create_future(), len(vm.programs)
        made = await self._fork(
            programs=vm.programs,
            folder=str(folder),
            metadata=str(metadata),
            log=str(folder / "log.txt"),
            socket=str(self.runtime / "dataproc.sock"),
            env={"NOTIFY_SOCKET": str(self._notify), "VM_NAME": key, "NODE_METADATA": str(metadata)},
        )
        return Vm(vm.name, vm.cluster_uuid, vm.programs, made["pid"], made["created"], str(folder))

    async def ready(self, vm: Vm, timeout: float) -> None:
        """Wait until each of the machine's programs has said that it is ready.

        Raises
        ------
        BootError
            It ended first, or ``timeout`` seconds went by.
        """
        said, ended = self._ready[_key(vm.cluster_uuid, vm.name)], self.ended(vm)
        await asyncio.wait([said, ended], timeout=timeout, return_when=asyncio.FIRST_COMPLETED)
        if not said.done():
            why = f"ended with status {ended.result()}" if ended.done() else f"not ready after {timeout:.0f} s"
            raise BootError(f"{vm.name} {why}\n{last_lines(vm.log)}")

    async def shutdown(self, vm: Vm, grace: float) -> None:
        """Power the machine off: SIGTERM, up to ``grace`` seconds, SIGKILL; 0 is a power cut. Its folder goes too."""
        if self.alive(vm):
            if grace > 0:
                os.kill(vm.pid, signal.SIGTERM)  # its first process alone, as systemd's KillMode=mixed does
                await asyncio.wait([self.ended(vm)], timeout=grace)
            with contextlib.suppress(ProcessLookupError):
                os.killpg(vm.pid, signal.SIGKILL)
            await asyncio.wait([self.ended(vm)], timeout=5)
        for known in (self._ready, self._silent):
            known.pop(_key(vm.cluster_uuid, vm.name), None)
        self._ended.pop(vm.pid, None)
        shutil.rmtree(vm.folder, ignore_errors=True)

    def alive(self, vm: Vm) -> bool:
        """Return whether the machine's first process still runs; also of machines that an earlier server booted."""
        return _runs(vm.pid, vm.created)

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

    def _attributes(self, vm: VmSpec, folder: Path) -> dict[str, str]:
        """Return what a laptop's machine differs in: loopback, free ports, a size of its own."""
        return {
            "name": vm.name,
            "address": "127.0.0.1",
            "dask-scheduler-port": "0",
            "dask-dashboard-port": "0",
            "dask-vcpus": str(vm.vcpus),
            "dask-memory": str(vm.memory),
            "dask-local-directory": str(folder / "scratch"),
        }

    async def _fork(self, **request: Any) -> dict[str, Any]:
        self._ids += 1
        made: asyncio.Future[dict[str, Any]] = asyncio.get_running_loop().create_future()
        self._made[self._ids] = made
        self._writer.write(json.dumps({"id": self._ids, **request}).encode() + b"\n")
        return await made

    async def _read(self, reader: asyncio.StreamReader) -> None:
        while line := await reader.readline():
            said = json.loads(line)
            if "ended" in said:
                if (future := self._ended.get(said["ended"])) and not future.done():
                    future.set_result(said["status"])
            else:
                self._ended[said["pid"]] = asyncio.get_running_loop().create_future()
                self._made.pop(said["id"]).set_result(said)

    def _said_ready(self, key: str) -> None:
        if (future := self._ready.get(key)) and not future.done():
            self._silent[key] -= 1
            if not self._silent[key]:
                future.set_result(None)


class _Listener(asyncio.DatagramProtocol):
    """Hears ``READY=1`` of the node programs."""

    def __init__(self, ready: Any):
        self.ready = ready

    def datagram_received(self, data: bytes, addr: Any) -> None:
        said = dict(line.split("=", 1) for line in data.decode().splitlines() if "=" in line)
        if said.get("READY") == "1":
            self.ready(said.get("X_VM", ""))


def last_lines(log: Path) -> str:
    """Return the end of a log, for an error's text."""
    try:
        return "\n".join(log.read_text(errors="replace").splitlines()[-LOG_LINES:])
    except FileNotFoundError:
        return ""


def _key(uuid: str, name: str) -> str:
    return f"{uuid}/{name}"


def _runs(pid: int, created: float) -> bool:
    try:
        process = psutil.Process(pid)
        return process.create_time() == created and process.status() != psutil.STATUS_ZOMBIE
    except psutil.NoSuchProcess:
        return False


async def _watch(vm: Vm) -> int:
    """Wait for a process that is not a child of our zygote."""
    while _runs(vm.pid, vm.created):  # noqa: ASYNC110  # the kernel has no event for it
        await asyncio.sleep(0.2)
    return -1
