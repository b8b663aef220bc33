"""The process every emulated machine is forked from: it has imported Dask, so that a machine boots in milliseconds.

Single-threaded, since only such a process may fork safely. It reads one JSON request a line from a socket, answers with
the process made, and reports every process of its machines that ends. Machines live on when it goes.
"""

from __future__ import annotations

import asyncio
import contextlib
import ctypes
import gc
import importlib
import json
import os
import platform
import select
import signal
import socket
import sys
import threading
from collections.abc import Awaitable, Callable
from pathlib import Path
from typing import Any

from ..init_actions import settings

PROGRAMS = {
    "head": "dask_dataproc.init_actions.head",
    "worker": "dask_dataproc.init_actions.worker",
    "light-worker": "dask_dataproc.emulator.light",
}
DASHBOARD = "distributed.dashboard.scheduler"
QUIET = 1.0
"""Seconds without a request before the dashboard is imported too: nobody waits for it then."""
ORPHAN = 900.0
"""Seconds that a machine goes on with no emulator answering: long enough for it to be started again and adopt them."""
NANNY_POLL = 0.005
"""Seconds between a nanny's looks at whether its worker is up; Dask's 0.05 s would be felt here."""
FORK = 1.0
"""Seconds at most that a machine's loop stands still for a fork."""
CALM: dict[str, Any] = {
    "distributed.worker.profile.interval": "100ms",
    "distributed.worker.memory.monitor-interval": "500ms",
    "distributed.admin.tick.interval": "200ms",
    "distributed.admin.system-monitor.interval": "2s",
}
"""How often machines look at themselves: by Dask's own settings the idle ones of thirty people fill four cores."""
SUBREAPER = 36
"""PR_SET_CHILD_SUBREAPER of prctl(2)."""


def main(fd: int) -> None:
    """Serve requests from socket ``fd`` until its other end closes."""
    requests = socket.socket(fileno=fd)
    _reap_orphans()
    ended, wake = socket.socketpair()
    wake.setblocking(False)
    signal.set_wakeup_fd(wake.fileno(), warn_on_full_buffer=False)
    signal.signal(signal.SIGCHLD, lambda *_: None)
    _warm_up()
    buffer = b""
    while True:
        timeout = None if DASHBOARD in sys.modules else QUIET
        readable = select.select([requests, ended], [], [], timeout)[0]
        if not readable:
            _import(DASHBOARD)
        if ended in readable:
            ended.recv(4096)
            _report_ended(requests)
        if requests in readable:
            data = _received(requests)
            if not data:
                return
            *lines, buffer = (buffer + data).split(b"\n")
            for line in lines:
                _answer(requests, json.loads(line))


def _received(requests: socket.socket) -> bytes:
    """Return what was asked, nothing when the server has gone, in order or not."""
    with contextlib.suppress(ConnectionResetError):
        return requests.recv(1 << 16)
    return b""


def _warm_up() -> None:
    """Do once what every machine would do first: imports, and reading the system's certificates (0.1 s each time)."""
    gc.disable()  # a tenth of the imports' time
    importlib.import_module("dask").config.set(CALM)
    _import(*PROGRAMS.values(), "multiprocessing.synchronize", *settings.DASK["distributed.scheduler.http.routes"])
    importlib.import_module("tornado.netutil")._client_ssl_defaults()
    # Dask asks for it; a program run for that while a nanny's thread forks its worker is waited for without end: the
    # worker holds the pipe that would say that the program has begun. It is remembered, so nobody runs it any more.
    platform.processor()
    importlib.import_module("distributed.nanny").WorkerProcess._init_msg_interval = NANNY_POLL
    _fork_workers_at_rest(importlib.import_module("distributed.process").AsyncProcess)


def _fork_workers_at_rest(process: Any) -> None:
    """Have a machine's loop stand still while a thread of Dask's forks a worker.

    A scheduler beside it may be in the middle of a handshake: the worker would wait for OpenSSL's lock without end.
    """
    start, forked = process.start, threading.Event()
    os.register_at_fork(after_in_parent=forked.set)

    def start_at_rest(self: Any) -> Any:
        forked.clear()
        started = start(self)
        forked.wait(FORK)
        return started

    process.start = start_at_rest


def _import(*modules: str) -> None:
    """Import ``modules`` and keep them out of the machines' garbage collections, which would copy their pages."""
    for module in modules:
        importlib.import_module(module)
    gc.freeze()


def _answer(requests: socket.socket, request: dict[str, Any]) -> None:
    pid = os.fork()
    if pid == 0:
        requests.close()
        _become(request)
    _say(requests, {"id": request["id"], "pid": pid, "created": created(pid)})


def created(pid: int) -> float:
    """Return when process ``pid`` was made, in unix seconds; with the pid it names a process for good."""
    import psutil

    return psutil.Process(pid).create_time()


def _report_ended(requests: socket.socket) -> None:
    with contextlib.suppress(ChildProcessError):
        while True:
            pid, status = os.waitpid(-1, os.WNOHANG)
            if pid == 0:
                return
            _say(requests, {"ended": pid, "status": os.waitstatus_to_exitcode(status)})


def _say(requests: socket.socket, message: dict[str, Any]) -> None:
    with contextlib.suppress(BrokenPipeError):
        requests.sendall(json.dumps(message).encode() + b"\n")


def _reap_orphans() -> None:
    """Become the parent of what machines leave behind (Linux), so that a dead machine leaves no zombie."""
    if sys.platform == "linux":
        ctypes.CDLL(None).prctl(SUBREAPER, 1, 0, 0, 0)


def _become(request: dict[str, Any]) -> None:
    """Turn this fresh fork into the machine of ``request``; never returns."""
    status = 1
    try:
        os.setsid()
        gc.enable()
        signal.set_wakeup_fd(-1)
        signal.signal(signal.SIGCHLD, signal.SIG_DFL)
        log = os.open(request["log"], os.O_WRONLY | os.O_CREAT | os.O_APPEND, 0o600)
        for stream in (1, 2):
            os.dup2(log, stream)
        os.environ.update(request["env"])
        os.chdir(request["folder"])
        programs = [sys.modules[PROGRAMS[name]].main for name in request["programs"]]
        asyncio.run(_machine(programs, Path(request["metadata"]), request["socket"]))
        status = 0
    except BaseException:
        import traceback

        traceback.print_exc()
    finally:
        sys.stderr.flush()
        os._exit(status)


async def _machine(programs: list[Callable[[dict[str, str]], Awaitable[None]]], metadata: Path, address: str) -> None:
    """Run the node programs until one ends, or until there has been no emulator for too long."""
    known = json.loads(metadata.read_text())
    running = [asyncio.ensure_future(program(known)) for program in programs]
    running.append(asyncio.ensure_future(_orphaned(address)))
    done, _ = await asyncio.wait(running, return_when=asyncio.FIRST_COMPLETED)
    for task in done:
        task.result()


async def _orphaned(address: str) -> None:
    """Return when nobody has listened at ``address`` for `ORPHAN` seconds."""
    silent = 0.0
    while silent < ORPHAN:
        await asyncio.sleep(ORPHAN / 30)
        try:
            _, writer = await asyncio.open_unix_connection(address)
            writer.close()
            silent = 0.0
        except OSError:
            silent += ORPHAN / 30


if __name__ == "__main__":
    main(int(sys.argv[1]))
