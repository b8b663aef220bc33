"""A program at a terminal of its own."""

from __future__ import annotations

import os
import pty
from typing import Any

import pexpect
from ptyprocess.ptyprocess import PtyProcess


class Terminal(pexpect.spawn):
    """pexpect's spawn without a fork of this process: it has gRPC's threads, of which such a child now and then dies.

    The child leads a session, so the first terminal that it opens, as its stdin, is the one whose Ctrl-C it hears.
    """

    def _spawnpty(self, args: Any, *, env: Any, cwd: Any, dimensions: tuple[int, int], **_: Any) -> PtyProcess:
        master, slave = pty.openpty()
        name, command = os.ttyname(slave), ["env", f"--chdir={cwd}", *args]
        opened = [(os.POSIX_SPAWN_OPEN, 0, name, os.O_RDWR, 0)]
        copied = [(os.POSIX_SPAWN_DUP2, 0, number) for number in (1, 2)]
        pid = os.posix_spawnp("env", command, env, setsid=True, file_actions=opened + copied)
        child = PtyProcess(pid, master)
        child.setwinsize(*dimensions)
        os.close(slave)
        return child
