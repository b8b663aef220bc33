"""What the nodes need before they boot, put where they can read it: scripts, node programs, the kernel's packages."""

from __future__ import annotations

import asyncio
import io
import os
import shlex
import zipfile
from dataclasses import dataclass, field
from pathlib import Path

from .config import setting
from .dataproc_config import environment_folder
from .errors import ConfigError
from .paths import private
from .spec import ClusterSpec

NODE_PROGRAMS = Path(__file__).parent.parent / "init_actions"
NODE = "node.yaml"
BESIDE = """NODE=$(<"$(dirname "${BASH_SOURCE[0]}")/node.yaml")"""
"""The line of a script that reads what a node is."""
FOR_JOBS = ("clusters", "init_actions", "kernel_ext", "magics", "pipelines")
"""The folders of this package that a job may import on a node."""


@dataclass(frozen=True, slots=True)
class Staged:
    """What was put into staging.

    Attributes
    ----------
    words : str
        What a person wants to know of it.
    metadata : dict of str to str
        What the nodes have to be told of it.
    """

    words: str = ""
    metadata: dict[str, str] = field(default_factory=dict)


async def stage(spec: ClusterSpec) -> Staged:
    """Put the files of this version's nodes and the kernel's packages into ``spec.staging``, unless they are there.

    A folder of this machine (the emulator's) needs none: its machines run the installed programs.

    Raises
    ------
    ConfigError
        The staging URL cannot be written to.
    PackageError
        A package of the kernel cannot travel.
    """
    if spec.staging.startswith("file://"):
        await asyncio.to_thread(private, Path(spec.staging.removeprefix("file://")))
        return Staged()
    from .environment import kernel_environment
    from .upload import upload

    environment = await asyncio.to_thread(kernel_environment)
    try:
        words = await asyncio.to_thread(upload, spec, environment, node_archive())
    except Exception as error:  # each file system has its own errors
        hint = "a bucket you may write to, as --staging gs://BUCKET/dask"
        said = str(error) or type(error).__name__
        raise ConfigError(f"staging: {spec.staging} cannot be written to: {said}", hint) from error
    return Staged("; ".join([words, *environment.notes]), _metadata(environment_folder(spec, environment.key)))


def node_archive() -> dict[str, bytes]:
    """Return the files of the nodes by name: each script, and the programs as ``node.zip``.

    Beside the programs, which are all that a node needs to boot, that has this package for the jobs that run there.
    """
    scripts = {path.name: alone(path).encode() for path in sorted(NODE_PROGRAMS.glob("*.sh"))}
    parts = [*sorted(NODE_PROGRAMS.glob("*.py")), NODE_PROGRAMS / NODE]
    programs = {f"dask_dataproc_node/{path.name}": path.read_bytes() for path in parts}
    packed = io.BytesIO()
    with zipfile.ZipFile(packed, "w") as archive:
        for name, data in (programs | _package()).items():
            entry = zipfile.ZipInfo(name)
            entry.compress_type = zipfile.ZIP_DEFLATED
            archive.writestr(entry, data)
    return scripts | {"node.zip": packed.getvalue()}


def alone(script: Path) -> str:
    """Return an initialization action with what it reads beside it put in: Dataproc brings nodes that one file."""
    values = (NODE_PROGRAMS / NODE).read_text(encoding="utf-8").rstrip("\n")
    return script.read_text(encoding="utf-8").replace(BESIDE, f"NODE={shlex.quote(values)}")


def _package() -> dict[str, bytes]:
    """Return this package's files as an import finds them, and as much metadata as says its version."""
    from .. import __version__

    root = NODE_PROGRAMS.parent
    files = [path for folder in FOR_JOBS for path in sorted((root / folder).rglob("*")) if _is_part(path)]
    about = f"Metadata-Version: 2.1\nName: dask-dataproc\nVersion: {__version__}\n"
    found = {f"dask_dataproc/{path.relative_to(root)}": path.read_bytes() for path in [root / "__init__.py", *files]}
    return found | {f"dask_dataproc-{__version__}.dist-info/METADATA": about.encode()}


def _is_part(path: Path) -> bool:
    return path.is_file() and path.suffix != ".pyc" and "labextension" not in path.parts


def _metadata(environment: str) -> dict[str, str]:
    endpoint = os.environ.get("STORAGE_EMULATOR_HOST", "")
    told = {
        "dask-environment": environment,
        "dask-index-secret": setting("packages.index-secret"),
        "dask-python-downloads": setting("packages.python-downloads"),
        "dask-storage-endpoint": endpoint if "://" in endpoint or not endpoint else f"http://{endpoint}",
    }
    return {name: str(value) for name, value in told.items() if value}
