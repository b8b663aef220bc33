"""Uploads to staging: what the nodes run and what they are made of, each once, all at the same time."""

from __future__ import annotations

import base64
import hashlib
import json
import platform
from collections.abc import Mapping
from concurrent.futures import ThreadPoolExecutor
from pathlib import Path
from typing import Any

import fsspec

from .dataproc_config import node_files
from .environment import Environment
from .spec import ClusterSpec
from .stored import Stored, archived, listing, nearest
from .wording import some

UV = "uv-linux-x86_64"
AT_ONCE = 8
"""Uploads at one time."""


def upload(spec: ClusterSpec, environment: Environment, programs: Mapping[str, bytes]) -> str:
    """Put ``programs`` and ``environment`` into ``spec.staging``, as far as they are not there yet.

    Returns
    -------
    str
        What is new, and whether an archive of it is ready.
    """
    filesystem, environments = fsspec.core.url_to_fs(f"{spec.staging.rstrip('/')}/environments")
    nodes = filesystem._strip_protocol(node_files(spec))
    filesystem.invalidate_cache()
    with ThreadPoolExecutor(AT_ONCE) as threads:
        looking = threads.submit(listing, filesystem, environments)
        there = listing(filesystem, nodes)
        changed = {name: data for name, data in programs.items() if not _same(there.get(name), data)}
        _put(threads, filesystem, nodes, changed | _uv(there))
        present = looking.result()
        earlier = nearest(filesystem, environments, present, environment)
        if f"{environment.key}/about.json" not in present:
            folder = f"{environments}/{environment.key}"
            wheels = {f"wheels/{wheel.name}": wheel for wheel in environment.wheels}
            _put(threads, filesystem, folder, {"requirements.txt": environment.requirements.encode()} | wheels)
            base = {"base": earlier.key} if earlier else {}
            about = json.dumps(environment.about() | base).encode()
            _put(threads, filesystem, folder, {"about.json": about})  # last: where it is, all is
    return _said(environment, archived(filesystem, environments, environment.key), earlier)


def _uv(there: Mapping[str, Any]) -> dict[str, Path]:
    """Return the uv of this kernel if the nodes have none yet and can run it: any will do, and it is large."""
    if UV in there or (platform.system(), platform.machine()) != ("Linux", "x86_64"):
        return {}
    from uv import find_uv_bin

    return {UV: Path(find_uv_bin())}


def _put(threads: ThreadPoolExecutor, filesystem: Any, folder: str, files: Mapping[str, bytes | Path]) -> None:
    """Write ``files`` at once; return when all are there."""

    def put(name: str, content: bytes | Path) -> None:
        if isinstance(content, Path):
            filesystem.put_file(str(content), f"{folder}/{name}")
        else:
            filesystem.pipe_file(f"{folder}/{name}", content)

    for parent in {f"{folder}/{name}".rpartition("/")[0] for name in files}:
        filesystem.makedirs(parent, exist_ok=True)
    for written in [threads.submit(put, name, content) for name, content in files.items()]:
        written.result()


def _same(there: Mapping[str, Any] | None, data: bytes) -> bool:
    """Whether the object is known to have these bytes."""
    digest = base64.b64encode(hashlib.md5(data, usedforsecurity=False).digest()).decode()
    return there is not None and there.get("md5Hash") == digest


def _said(environment: Environment, size: int | None, earlier: Stored | None) -> str:
    new = earlier.news(environment.packages) if earlier else []
    packages = f"{len(environment.packages)} packages"
    if earlier and size is None:
        packages = f"{len(new)} {'package' if len(new) == 1 else 'packages'} new since the last one" + (
            f" ({some(new)})" if new else ""
        )
    ready = "no archive yet: the first node builds it" if size is None else f"{size / 1e6:.0f} MB archive ready"
    return f"environment {environment.key[:8]}: {packages}, {ready}"
