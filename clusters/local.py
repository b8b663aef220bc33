"""The emulator as its users see it: a process, started on first use, found by its socket in the runtime folder."""

from __future__ import annotations

import contextlib
import json
import re
import socket
import subprocess
import sys
import time
from collections.abc import Mapping
from dataclasses import dataclass
from pathlib import Path
from typing import Any

import psutil

from .clock import Clock
from .config import duration, setting
from .errors import ConfigError, EmulatorError
from .paths import runtime_dir, state_dir

NODES = ("processes", "debian")
"""What the emulator's VMs may be."""
UNABLE = 2
"""Exit status of an emulator that cannot run as it was asked to; the last line of its log says why."""
COUNT = r"[A-Za-z0-9_-]+=\d{1,9}"
COUNTS = {"quotas": "a number for each metric, as CPUS=48", "zones": "a number for each zone, as us-central1-b=0"}
POLL = 0.005
LOG_LINES = 8


@dataclass(frozen=True, slots=True)
class Endpoint:
    """Where a local Dataproc listens, and its time."""

    target: str
    clock: Clock


def emulator_start(*, redirect: bool = False) -> Endpoint:
    """Return the running emulator's endpoint; start one if there is none.

    Two callers at once start one: the process itself takes a lock, the loser ends and both find the winner's socket.

    Raises
    ------
    EmulatorError
        It did not listen within ``dataproc.timeouts.emulator``; the message has the end of its log.
    """
    return emulator_ready(emulator_launch(redirect=redirect))


def emulator_launch(*, redirect: bool = False) -> subprocess.Popen[bytes] | None:
    """Start an emulator unless one listens, and return at once; `emulator_ready` waits for it."""
    return None if emulator_status() else _launch(_command(redirect))


def emulator_ready(process: subprocess.Popen[bytes] | None) -> Endpoint:
    """Return the endpoint of the emulator that `emulator_launch` found or started, as soon as it listens.

    Raises
    ------
    EmulatorError
        As of `emulator_start`.
    """
    if process is not None:
        _wait(process)
    return endpoint()


def endpoint() -> Endpoint:
    """Return the endpoint of the emulator that is running."""
    about = emulator_status() or {}
    return Endpoint(f"unix:{_socket()}", Clock(**about.get("clock", {})))


def emulator_status() -> dict[str, Any] | None:
    """Return what the running emulator says of itself, or None; one that is about to say it does not run yet."""
    if not _listening():
        return None
    with contextlib.suppress(FileNotFoundError, json.JSONDecodeError):
        return json.loads((runtime_dir() / "emulator.json").read_text())
    return None


def emulator_stop(timeout: float = 15.0) -> bool:
    """Stop the emulator in order; its machines live on and are found again by the next. Return whether one ran."""
    about = emulator_status()
    if about is None:
        return False
    with contextlib.suppress(psutil.NoSuchProcess):
        process = psutil.Process(about["pid"])
        process.terminate()
        try:
            process.wait(timeout)
        except psutil.TimeoutExpired:
            raise EmulatorError(f"the emulator (pid {process.pid}) still runs {timeout:.0f} s after SIGTERM") from None
    return True


def emulator_log() -> Path:
    """Return the file that the emulator's output goes to."""
    return state_dir() / "emulator.log"


def _socket() -> Path:
    return runtime_dir() / "dataproc.sock"


def _listening() -> bool:
    with socket.socket(socket.AF_UNIX) as probe:
        try:
            probe.connect(str(_socket()))
        except OSError:
            return False
    return True


def _command(redirect: bool) -> list[str]:
    command = [
        sys.executable,
        "-m",
        "dask_dataproc.emulator",
        "--runtime",
        str(runtime_dir()),
        "--state",
        str(state_dir()),
    ]
    command += ["--clock-scale", str(_scale()), "--idle", str(duration("emulator.idle"))]
    return command + _limits() + _nodes() + ["--redirect"] * redirect


def _limits() -> list[str]:
    """Return the arguments of quotas and of zones with room."""
    found = {name: _counts(name) for name in ("quotas", "zones")}
    return [f"--{name}={counts}" for name, counts in found.items() if counts]


def _counts(name: str) -> str:
    given = setting(f"emulator.{name}") or ""
    texts = [f"{key}={count}" for key, count in given.items()] if isinstance(given, Mapping) else str(given).split(",")
    if not all(re.fullmatch(COUNT, text.strip()) for text in texts if text):
        raise ConfigError(f"dataproc.emulator.{name}: {given!r} given, allowed is {COUNTS[name]}")
    return ",".join(texts)


def _nodes() -> list[str]:
    kind, internet = setting("emulator.nodes"), setting("emulator.internet")
    if kind not in NODES:
        raise ConfigError(f"dataproc.emulator.nodes: {kind!r} given, allowed is {' or '.join(NODES)}", "processes")
    if kind == "processes":
        return []
    folders = [f"--{name}={setting(f'emulator.{name}')}" for name in ("image", "layers")]
    return [f"--nodes={kind}", *folders, *["--internet"] * (str(internet).lower() == "true")]


def _launch(command: list[str]) -> subprocess.Popen[bytes]:
    with open(emulator_log(), "ab") as log:
        return subprocess.Popen(
            command,
            stdin=subprocess.DEVNULL,
            stdout=log,
            stderr=log,
            cwd=state_dir(),
            start_new_session=True,
        )


def _scale() -> float:
    given = setting("emulator.clock-scale")
    try:
        scale = float(given)
    except (TypeError, ValueError):
        scale = 0.0
    if scale <= 0:
        raise ConfigError(f"dataproc.emulator.clock-scale: {given!r} given, allowed is a number above 0", "1")
    return scale


def _wait(process: subprocess.Popen[bytes]) -> None:
    command: Any = process.args
    limit = duration("timeouts.emulator")
    deadline = time.monotonic() + limit
    while emulator_status() is None:
        ended = process.poll()
        if ended == UNABLE:
            raise EmulatorError(f"the emulator cannot run: {_last_lines(1)}", "docs/emulator.md")
        if ended or time.monotonic() > deadline:
            why = f"ended with status {ended}" if ended else f"did not listen within {limit} s"
            raise EmulatorError(f"the emulator {why}: {_last_lines()}", f"less {emulator_log()}")
        if ended == 0:  # another had the lock: one that will listen soon, or one on its way out
            process = _launch(command)
        time.sleep(POLL)


def _last_lines(number: int = LOG_LINES) -> str:
    with contextlib.suppress(FileNotFoundError):
        return " / ".join(emulator_log().read_text(errors="replace").splitlines()[-number:])
    return ""
