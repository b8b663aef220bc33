"""Faults of the emulator, asked for over its control socket: what is to go wrong, and what has not happened yet."""

from __future__ import annotations

import json
import socket
from typing import Any

from .errors import EmulatorError
from .paths import runtime_dir

AT_ONCE = ("preempt", "vm-death", "clock-jump")
"""What happens when it is asked for; the others wait until they can."""
KINDS = (
    "quota",
    "stockout",
    "init-action",
    "missing-worker",
    "slow-create",
    "permission",
    "throttle",
    "lost-reply",
    "cut",
    *AT_ONCE,
)
"""What can go wrong; docs/emulator.md has their settings."""
PATIENCE = 10.0
"""Seconds for an answer."""


def emulator_fault(kind: str, times: int = 1, **settings: Any) -> list[str]:
    """Have the emulator fail in the way ``kind``, ``times`` times: when it next can, or at once.

    Returns
    -------
    list of str
        The machines that were struck at once: by ``preempt`` and ``vm-death``.

    Raises
    ------
    EmulatorError
        There is no such kind or setting, or no emulator.
    """
    return _control({"do": "ask", "kind": kind, "times": times, "settings": settings})["struck"]


def emulator_faults() -> list[dict[str, Any]]:
    """Return the faults that were asked for and have not happened yet: kind, times and settings of each."""
    return _control({"do": "list"})["faults"]


def emulator_faults_clear() -> None:
    """Forget the faults that have not happened yet."""
    _control({"do": "clear"})


def _control(request: dict[str, Any]) -> dict[str, Any]:
    with socket.socket(socket.AF_UNIX) as client:
        client.settimeout(PATIENCE)
        try:
            client.connect(str(runtime_dir() / "control.sock"))
            client.sendall(json.dumps(request).encode() + b"\n")
            said = json.loads(client.makefile().readline() or "{}")
        except TimeoutError:
            raise EmulatorError(f"the emulator does not answer within {PATIENCE:g} s", "emulator logs") from None
        except OSError:
            raise EmulatorError("the emulator is not running", "%dask_cluster emulator start") from None
    if "error" in said:
        raise EmulatorError(said["error"], "%dask_cluster emulator fault --list")
    return said
