"""A way to a machine without a public address: gcloud's tunnel through Identity-Aware Proxy, ended when unused."""

from __future__ import annotations

import asyncio
import atexit
import contextlib
import os
import re
import shutil
import signal
from collections.abc import Iterator

from ..clusters.errors import NoDashboard, WaitTimeout

OPEN = 30.0
"""Seconds that gcloud has to say that it listens."""
IDLE = 600.0
"""Seconds without a request or an open socket after which a tunnel is ended."""
LISTENS = re.compile(rb"Listening on port \[(\d+)\]")


def can_tunnel() -> bool:
    """Return whether there is a gcloud to make tunnels with."""
    return shutil.which("gcloud") is not None


class Tunnel:
    """A port of this machine's loopback that leads to one of a machine's; see `dig`.

    What goes through it is TLS with the cluster's own keys, so whoever else finds the port gets nothing.

    Attributes
    ----------
    port : int
    """

    def __init__(self, process: asyncio.subprocess.Process, port: int, idle: float):
        self.port = port
        self._process, self._idle = process, idle
        self._users, self._used = 0, _now()
        self._read = asyncio.ensure_future(_drain(process))
        self._watched = asyncio.ensure_future(self._end_when_unused())
        atexit.register(self.end)

    @property
    def alive(self) -> bool:
        """Whether it is there."""
        return self._process.returncode is None

    @contextlib.contextmanager
    def used(self) -> Iterator[None]:
        """Keep it meanwhile."""
        self._users += 1
        try:
            yield
        finally:
            self._users -= 1
            self._used = _now()

    def end(self) -> None:
        """End it at once."""
        atexit.unregister(self.end)
        if self.alive:
            _terminate(self._process)
        with contextlib.suppress(RuntimeError):  # when Python ends, a loop may be closed that has not ended its tasks
            self._watched.cancel()

    async def _end_when_unused(self) -> None:
        while (left := self._used + self._idle - _now()) > 0 or self._users:  # noqa: ASYNC110  # nothing says so
            await asyncio.sleep(max(left, self._idle / 10))
        self.end()


async def dig(machine: str, port: int, zone: str, project: str, idle: float = IDLE) -> Tunnel:
    """Return a tunnel to ``port`` of ``machine``.

    Raises
    ------
    NoDashboard
        gcloud ended instead; the message has its last line.
    WaitTimeout
        It did not say in time that it listens.
    """
    place = ["--local-host-port=localhost:0", f"--zone={zone}", f"--project={project}"]
    process = await asyncio.create_subprocess_exec(
        *["gcloud", "compute", "start-iap-tunnel", machine, str(port), *place, "--quiet"],
        stdin=asyncio.subprocess.DEVNULL,
        stdout=asyncio.subprocess.PIPE,
        stderr=asyncio.subprocess.STDOUT,
        start_new_session=True,  # gcloud is a program that starts another: both end together
    )
    try:
        async with asyncio.timeout(OPEN):
            return Tunnel(process, await _listening(process, machine), idle)
    except BaseException as error:
        _terminate(process)
        await asyncio.shield(_drain(process))
        if isinstance(error, TimeoutError):
            raise WaitTimeout(f"tunnel to {machine}: gcloud did not listen after {OPEN:.0f} s") from None
        raise


async def _listening(process: asyncio.subprocess.Process, machine: str) -> int:
    assert process.stdout is not None
    last = b""
    while line := await process.stdout.readline():
        if found := LISTENS.search(line):
            return int(found[1])
        last = line.strip() or last
    said = last.decode(errors="replace")[:200] or "gcloud ended and said nothing"
    raise NoDashboard(
        f"tunnel to {machine}: {said}", "gcloud auth login   (and the firewall rule dask-iap in docs/dashboards.md)"
    )


async def _drain(process: asyncio.subprocess.Process) -> None:
    """Read until its end what gcloud says of each connection, or it would stop when the pipe is full."""
    assert process.stdout is not None
    while await process.stdout.read(4096):
        pass
    await process.wait()


def _terminate(process: asyncio.subprocess.Process) -> None:
    with contextlib.suppress(ProcessLookupError):
        os.killpg(process.pid, signal.SIGTERM)


def _now() -> float:
    return asyncio.get_running_loop().time()
