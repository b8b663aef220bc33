"""Machines as process groups forked from the zygote: milliseconds to boot, and the installed node programs run."""

from __future__ import annotations

import asyncio
import contextlib
import json
import os
import socket
import subprocess
import sys
from pathlib import Path
from typing import Any

from .vms import Machines, Vm, VmSpec

ENV = {
    "OMP_NUM_THREADS": "1",
    "MKL_NUM_THREADS": "1",
    "OPENBLAS_NUM_THREADS": "1",
    "DASK_DISTRIBUTED__WORKER__MULTIPROCESSING_METHOD": "fork",
}
"""What the zygote reads as it imports: threads as Dask's nanny sets them for its workers; and a nanny on a machine
forks its worker, as the machine itself was forked: nothing is imported twice."""


class ProcessMachines(Machines):
    """Machines that share the host's file system and its loopback; initialization actions are not run.

    Parameters
    ----------
    runtime, folder : Path
        As of `Machines`.
    light : bool
        Whether there are to be many: see `light`.
    """

    def __init__(self, runtime: Path, folder: Path, light: bool):
        super().__init__(runtime, folder)
        self._worker = "light-worker" if light else "worker"
        self._ids = 0
        self._made: dict[int, asyncio.Future[dict[str, Any]]] = {}
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
        await super().start()

    async def aclose(self) -> None:
        """Let the zygote go; machines live on."""
        await super().aclose()
        self._writer.close()
        with contextlib.suppress(OSError):
            await self._writer.wait_closed()
        self._reports.cancel()
        self._zygote.terminate()  # while it imports, it would not notice
        await asyncio.to_thread(self._zygote.wait)

    async def boot(self, vm: VmSpec) -> Vm:
        """Fork the machine and return at once; `ready` waits for it."""
        folder = self._new_folder(vm)
        metadata = folder / "metadata.json"
        metadata.write_text(json.dumps(vm.metadata | self._attributes(vm, folder)))
        self._expect(vm.key)
        self._silent[vm.key] = len(vm.programs)
        made = await self._fork(
            programs=[self._worker if program == "worker" else program for program in vm.programs],
            folder=str(folder),
            metadata=str(metadata),
            log=str(folder / "log.txt"),
            socket=str(self.runtime / "dataproc.sock"),
            env={
                "NOTIFY_SOCKET": str(self.notify),
                "VM_NAME": vm.key,
                "NODE_METADATA": str(metadata),
                "NODE_METADATA_SERVER": folder.as_uri(),
            },
        )
        return Vm(vm.name, vm.cluster_uuid, vm.programs, made["pid"], made["created"], str(folder))

    def notice(self, vm: Vm) -> None:
        """Put the file ``preempted`` where the machine looks for what Compute Engine's server would tell it."""
        with contextlib.suppress(FileNotFoundError):  # it has just been shut down
            (Path(vm.folder) / "preempted").write_text("TRUE")

    def about(self) -> dict[str, str]:
        """Return the kind of machines."""
        return {"kind": "processes"}

    async def shutdown(self, vm: Vm, grace: float, *, keep: bool = False) -> None:
        """Power the machine off, as of `Machines`."""
        await super().shutdown(vm, grace, keep=keep)
        self._silent.pop(vm.key, None)

    def _attributes(self, vm: VmSpec, folder: Path) -> dict[str, str]:
        """Return what a laptop's machine differs in: loopback, free ports, a size of its own."""
        return {
            "name": vm.name,
            "address": "127.0.0.1",
            "dask-scheduler-port": "0",
            "dask-dashboard-port": "0",
            "dask-worker-port": "0",
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

    def _hear(self, said: dict[str, str]) -> None:
        """Count the programs of a machine that are ready: the machine is when all are."""
        key = said.get("X_VM", "")
        if said.get("READY") == "1":
            self._silent[key] = self._silent.get(key, 0) - 1
        if "READY" not in said or self._silent[key] <= 0:
            super()._hear(said)
