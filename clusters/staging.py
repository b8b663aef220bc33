"""What the nodes need before they boot, put where they can read it: scripts, node programs, the kernel's packages."""

from __future__ import annotations

import asyncio
import importlib.metadata
import io
import zipfile
from pathlib import Path

from .dataproc_config import node_files
from .errors import ConfigError
from .paths import private
from .spec import ClusterSpec

NODE_PROGRAMS = Path(__file__).parent.parent / "init_actions"
NOT_ON_NODES = frozenset({"dask-dataproc", "jupyterlab", "notebook", "ipykernel", "ipywidgets", "dask-labextension"})
"""Packages that are the notebook's side alone."""


async def stage(spec: ClusterSpec) -> str:
    """Put the files of this version's nodes into ``spec.staging`` and return what was done, in words.

    A folder of this machine (the emulator's) needs none: its machines run the installed programs.

    Raises
    ------
    ConfigError
        The staging URL cannot be written to.
    """
    if spec.staging.startswith("file://"):
        await asyncio.to_thread(private, Path(spec.staging.removeprefix("file://")))
        return ""
    files = node_archive() | {"requirements.txt": requirements().encode()}
    try:
        await asyncio.to_thread(_write, node_files(spec), files)
    except (OSError, ImportError, ValueError) as error:
        hint = "a bucket you may write to, as --staging gs://BUCKET/dask"
        raise ConfigError(f"staging: {spec.staging} cannot be written to: {error}", hint) from error
    return f"{len(files)} files in {spec.staging}"


def node_archive() -> dict[str, bytes]:
    """Return the files of the nodes by name: each script, and the programs as ``node.zip``."""
    scripts = {path.name: path.read_bytes() for path in sorted(NODE_PROGRAMS.glob("*.sh"))}
    packed = io.BytesIO()
    with zipfile.ZipFile(packed, "w") as archive:
        for path in sorted(NODE_PROGRAMS.glob("*.py")):
            archive.writestr(zipfile.ZipInfo(f"dask_dataproc_node/{path.name}"), path.read_bytes())
    return scripts | {"node.zip": packed.getvalue()}


def requirements() -> str:
    """Return the kernel's installed packages as exact requirements, without what only the notebook needs."""
    found = {dist.name.lower().replace("_", "-"): dist.version for dist in importlib.metadata.distributions()}
    return "".join(f"{name}=={version}\n" for name, version in sorted(found.items()) if name not in NOT_ON_NODES)


def _write(folder: str, files: dict[str, bytes]) -> None:
    import fsspec

    filesystem, target = fsspec.core.url_to_fs(folder)
    filesystem.makedirs(target, exist_ok=True)
    for name, content in files.items():
        filesystem.pipe_file(f"{target}/{name}", content)
