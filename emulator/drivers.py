"""The driver of a pyspark job: the local Python process it is, in a working folder of its own, its output in a file.

There is no Spark here: the job's jars and Spark properties mean nothing to the process and are passed over.
"""

from __future__ import annotations

import asyncio
import os
import shutil
import signal
import sys
from contextlib import suppress
from dataclasses import dataclass
from pathlib import Path
from typing import Any
from urllib.parse import unquote, urlsplit

import psutil

from ..init_actions import job as node_job
from .descriptors import Proto
from .vms import Machines, Vm, last_lines

JOB_FILE = "file:///opt/dask-dataproc/job.py"
"""What install-dask.sh puts on a node; here it is the same file of the package, run by the emulator's own Python."""
GRACE = 10.0
"""Real seconds from SIGTERM to SIGKILL when a job is cancelled."""
SHELL = 'trap : TERM; "$@"; echo $? >"$0"'
"""Leaves the exit status in a file, so that a server started later knows it too; SIGTERM is the driver's to answer."""


class DriverError(Exception):
    """The driver cannot be started: a file is not there, or cannot be read."""


@dataclass
class Driver:
    """A job's process.

    Attributes
    ----------
    folder : Path
        Holds ``driveroutput``, ``exit-status`` and the working folder.
    vm : Vm, optional
        The process group, once it is started.
    """

    machines: Machines
    folder: Path
    vm: Vm | None = None
    process: asyncio.subprocess.Process | None = None

    @property
    def output(self) -> Path:
        """What the driver printed."""
        return self.folder / "driveroutput"

    async def start(self, job: Proto, node: dict[str, str]) -> None:
        """Fetch the files of ``job`` and start its main file, with ``node`` added to the environment.

        Raises
        ------
        DriverError
            A file cannot be had.
        """
        work = self.folder / "work"
        work.mkdir(parents=True, exist_ok=True, mode=0o700)
        main, path = await asyncio.to_thread(_gather, job.pyspark_job, work)
        command = [
            "/bin/sh",
            "-c",
            SHELL,
            str(self.folder / "exit-status"),
            sys.executable,
            main,
            *job.pyspark_job.args,
        ]
        python_path = os.pathsep.join([*path, *filter(None, [os.environ.get("PYTHONPATH")])])
        env = os.environ | node | {"PYTHONPATH": python_path, "PYTHONUNBUFFERED": "1"}
        self.process = await self.machines.run(command, env, work, self.output)
        try:
            created = psutil.Process(self.process.pid).create_time()
        except psutil.NoSuchProcess:
            created = 0.0  # it has ended already
        self.vm = Vm(job.reference.job_id, job.placement.cluster_uuid, (), self.process.pid, created, str(self.folder))

    async def wait(self) -> int | None:
        """Return the exit status, once there is one; None if the driver was killed with all that it started."""
        if self.process is not None:
            await self.process.wait()
        elif self.vm is not None:
            await self.machines.ended(self.vm)
        with suppress(FileNotFoundError, ValueError):
            return int((self.folder / "exit-status").read_text())
        return None

    async def kill(self) -> None:
        """End the driver and all that it started."""
        if self.vm is None or not self.machines.alive(self.vm):
            return
        _signal_group(self.vm.pid, signal.SIGTERM)
        with suppress(TimeoutError):
            await asyncio.wait_for(self.wait(), GRACE)
        _signal_group(self.vm.pid, signal.SIGKILL)

    def last_lines(self) -> str:
        """Return the end of the output, for a failed job's details."""
        return last_lines(self.output)

    def to_dict(self) -> dict[str, Any] | None:
        """Return the process as plain values."""
        return self.vm.to_dict() if self.vm else None


def _signal_group(pid: int, number: int) -> None:
    with suppress(ProcessLookupError):
        os.killpg(pid, number)


def _gather(job: Proto, work: Path) -> tuple[str, list[str]]:
    """Bring a job's files to where it runs; return its main file and its import path."""
    path = [str(work)]
    for uri in job.python_file_uris:
        file = _fetch(uri, work)
        path += [file] if not file.endswith(".py") else []
    for uri in job.file_uris:
        _fetch(uri, work)
    for uri in job.archive_uris:
        uri, _, folder = uri.partition("#")
        try:
            shutil.unpack_archive(_fetch(uri, work), work / folder)
        except (shutil.ReadError, ValueError) as error:
            raise DriverError(f"{uri}: {error}") from error
    uri = job.main_python_file_uri
    main = Path(node_job.__file__) if uri == JOB_FILE else _local(uri)
    if main is None:
        return _fetch(job.main_python_file_uri, work), path
    if not main.is_file():
        raise DriverError(f"{job.main_python_file_uri}: no such file")
    return str(main), path


def _local(uri: str) -> Path | None:
    """Return the path that ``uri`` names on this machine, None if it names something elsewhere."""
    parts = urlsplit(uri)
    return Path(unquote(parts.path)) if parts.scheme in ("", "file") else None


def _fetch(uri: str, work: Path) -> str:
    """Copy the file ``uri`` into ``work``; return where it is."""
    target, source = work / uri.rpartition("/")[2], _local(uri)
    try:
        if source is not None:
            shutil.copyfile(source, target)
        else:
            import fsspec

            with fsspec.open(uri, "rb") as remote, open(target, "wb") as local:
                shutil.copyfileobj(remote, local)  # type: ignore[arg-type]
    except (OSError, ValueError, ImportError) as error:
        raise DriverError(f"{uri}: {error}") from error
    return str(target)
