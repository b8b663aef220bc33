"""Ansible's way into a machine of the tests: as root, into the namespaces of its first process."""

from __future__ import annotations

import subprocess
from typing import Any

from ansible.errors import AnsibleError
from ansible.plugins.connection import ConnectionBase

DOCUMENTATION = """
name: machine
short_description: into the namespaces of a process
description: Commands run as root where the process is.
options:
  pid:
    type: int
    required: true
    description: The process.
    vars: [{name: ansible_machine_pid}]
extends_documentation_fragment: connection_pipelining
"""
SPACES = ("--mount", "--uts", "--ipc", "--net", "--pid", "--cgroup", "--wdns=/")
CLEAN = ("env", "-i", "PATH=/usr/sbin:/usr/bin:/sbin:/bin", "HOME=/root", "LC_ALL=C.UTF-8", "/bin/sh", "-c")


class Connection(ConnectionBase):
    """As ssh is: a shell's command and its standard input, and files."""

    transport = "machine"
    has_pipelining = True

    def _connect(self) -> Connection:
        self._connected = True
        return self

    def exec_command(self, cmd: str, in_data: bytes | None = None, sudoable: bool = True) -> tuple[int, bytes, bytes]:
        super().exec_command(cmd, in_data=in_data, sudoable=sudoable)
        command = ["nsenter", f"--target={self.get_option('pid')}", *SPACES, *CLEAN, cmd]
        ran = subprocess.run(command, input=in_data or b"", capture_output=True)
        return ran.returncode, ran.stdout, ran.stderr

    def put_file(self, in_path: str, out_path: str) -> None:
        super().put_file(in_path, out_path)
        with open(in_path, "rb") as file:
            status, _, said = self.exec_command(f"cat >'{out_path}'", file.read())
        if status:
            raise AnsibleError(f"{out_path} cannot be written: {said.decode()}")

    def fetch_file(self, in_path: str, out_path: str) -> None:
        super().fetch_file(in_path, out_path)
        status, content, said = self.exec_command(f"cat '{in_path}'")
        if status:
            raise AnsibleError(f"{in_path} cannot be read: {said.decode()}")
        with open(out_path, "wb") as file:
            file.write(content)

    def close(self) -> None:
        self._connected: Any = False
