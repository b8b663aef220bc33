"""A repository at an exact commit and the packages of its lock, made importable here and ready to be carried."""

from __future__ import annotations

import hashlib
import shutil
import sysconfig
from pathlib import Path
from types import ModuleType

from .bundles import BROUGHT, CODE, PACKAGES, Bundle, arrive, place
from .overlay import overlay
from .sources import check_out, roots


def repository(url: str, ref: str = "", secret: str = "") -> list[Bundle]:
    """Return the code of ``url`` and the packages of its lock, importable here; a job's own is as that job found it.

    Raises
    ------
    SpecError, ConfigError
        As of `sources.check_out`.
    PackageError
        As of `overlay.overlay`.
    """
    brought = [bundle for bundle in BROUGHT if bundle.source == url]
    if brought:
        return brought
    folder, commit = check_out(url, ref, secret, place() / "checkouts")
    inside = tuple("" if root == folder else root.name for root in roots(folder))
    found = [Bundle(CODE, commit, str(folder), inside, url)]
    packages = overlay(folder, place() / "packages")
    if packages:
        found.append(Bundle(PACKAGES, packages.name, str(packages), source=url))
    arrive(reversed(found))  # the code comes first on the path
    return found


def script(module: ModuleType) -> list[Bundle]:
    """Return the file of ``module``, if it is a single one that came with the job and so is nowhere else."""
    file = Path(getattr(module, "__file__", None) or "")
    installed = [Path(sysconfig.get_path(name)) for name in ("stdlib", "purelib", "platlib")]
    if "." in module.__name__ or file.suffix != ".py" or any(file.is_relative_to(folder) for folder in installed):
        return []
    key = hashlib.sha256(file.read_bytes()).hexdigest()[:32]
    folder = place() / "files" / key
    folder.mkdir(parents=True, exist_ok=True)
    shutil.copyfile(file, folder / file.name)
    return [Bundle(CODE, key, str(folder))]


def commit_of(bundles: list[Bundle]) -> str:
    """Return the commit of a repository's bundles."""
    return next(bundle.key for bundle in bundles if bundle.kind == CODE)
