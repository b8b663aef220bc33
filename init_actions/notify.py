"""Says that a service is ready, as systemd's Type=notify expects it (sd_notify(3)), if somebody listens."""

from __future__ import annotations

import contextlib
import os
import socket


def ready() -> None:
    """Send ``READY=1`` to NOTIFY_SOCKET."""
    say(READY=1)


def say(**values: object) -> None:
    """Send ``values`` to NOTIFY_SOCKET, with VM_NAME so that one socket can serve several machines.

    Whoever asked may have gone by now; the service goes on all the same.
    """
    address = os.environ.get("NOTIFY_SOCKET", "")
    if not address:
        return
    said = {**values, "X_VM": os.environ.get("VM_NAME", "")}
    message = "".join(f"{name}={value}\n" for name, value in said.items())
    with contextlib.suppress(OSError), socket.socket(socket.AF_UNIX, socket.SOCK_DGRAM) as out:
        out.sendto(message.encode(), "\0" + address[1:] if address.startswith("@") else address)
