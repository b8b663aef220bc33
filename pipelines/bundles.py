"""What a job brings along: folders of code and of packages, in staging for other machines, on the import path here."""

from __future__ import annotations

import os
import shutil
import sys
import tempfile
import zipfile
from collections.abc import Iterable
from dataclasses import dataclass, replace
from pathlib import Path

from ..clusters.paths import private

CODE, PACKAGES = "code", "packages"


@dataclass(frozen=True, slots=True)
class Bundle:
    """A folder of modules that a job needs wherever its tasks run.

    Attributes
    ----------
    kind : str
        ``code`` or ``packages``: of each kind a process has one at a time.
    key : str
        What its content is known by: a commit, a hash.
    folder : str
        Where it lies on the machine that made it.
    roots : tuple of str
        The folders in it that go on the import path, the first one first.
    source : str
        The repository it is of.
    url : str
        Where it lies for other machines; empty as long as it is nowhere.
    """

    kind: str
    key: str
    folder: str
    roots: tuple[str, ...] = ("",)
    source: str = ""
    url: str = ""


BROUGHT: list[Bundle] = []
"""What this process, a job, has brought along."""
_here: dict[str, list[str]] = {}


def place() -> Path:
    """Return this user's folder of what jobs bring, on this machine.

    Raises
    ------
    ConfigError
        It belongs to somebody else.
    """
    return private(Path(tempfile.gettempdir()) / f"dask-dataproc-{os.getuid()}")


def arrive(bundles: Iterable[Bundle]) -> None:
    """Put ``bundles`` first on this process's import path; modules of another job's code are imported anew."""
    for bundle in bundles:
        folder = found(bundle)
        roots = [os.path.join(folder, root) if root else folder for root in bundle.roots]
        before = _here.get(bundle.kind, [])
        if before != roots:
            sys.path[:] = [*roots, *(path for path in sys.path if path not in (*before, *roots))]
            _here[bundle.kind] = roots
            if bundle.kind == CODE:
                _forget(before)


def offer(bundle: Bundle, staging: str) -> Bundle:
    """Leave ``bundle`` in staging, unless it is there, and return it with its URL."""
    import fsspec

    url = f"{staging.rstrip('/')}/carried/{bundle.kind}-{bundle.key}.zip"
    filesystem, target = fsspec.core.url_to_fs(url)
    if not filesystem.exists(target):
        filesystem.makedirs(filesystem._parent(target), exist_ok=True)
        with tempfile.TemporaryDirectory() as folder:
            packed = _pack(Path(bundle.folder), Path(folder) / "bundle.zip")
            filesystem.put_file(str(packed), f"{target}.{os.getpid()}")
        filesystem.mv(f"{target}.{os.getpid()}", target)  # whole, or not at all
    return replace(bundle, url=url)


def found(bundle: Bundle) -> str:
    """Return where ``bundle`` lies on this machine, fetched if need be."""
    if not bundle.url or os.access(bundle.folder, os.R_OK | os.X_OK):
        return bundle.folder
    folder = place() / "carried" / f"{bundle.kind}-{bundle.key}"
    if not folder.exists():
        folder.parent.mkdir(exist_ok=True)
        with tempfile.TemporaryDirectory(dir=folder.parent, prefix=".new-") as temporary:
            _unpack(bundle.url, Path(temporary))
            try:
                (Path(temporary) / "content").rename(folder)
            except OSError:
                if not folder.exists():  # else another worker of this machine was first
                    raise
    return str(folder)


def _pack(folder: Path, target: Path) -> Path:
    with zipfile.ZipFile(target, "w", zipfile.ZIP_DEFLATED) as archive:
        for path in sorted(folder.rglob("*")):
            inside = path.relative_to(folder)
            if path.is_file() and ".git" not in inside.parts and "__pycache__" not in inside.parts:
                archive.write(path, inside)
    return target


def _unpack(url: str, folder: Path) -> None:
    import fsspec

    with fsspec.open(url, "rb") as remote, open(folder / "bundle.zip", "wb") as local:
        shutil.copyfileobj(remote, local)  # type: ignore[arg-type]
    with zipfile.ZipFile(folder / "bundle.zip") as archive:
        archive.extractall(folder / "content")


def _forget(roots: Iterable[str]) -> None:
    """Drop the modules that lie below ``roots``: whoever wants one of that name is to get the new one."""
    below = tuple(f"{root}{os.sep}" for root in roots)
    for name, module in list(sys.modules.items()):
        if below and str(getattr(module, "__file__", None) or "").startswith(below):
            del sys.modules[name]
