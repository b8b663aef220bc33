"""A project that is installed to be edited: which of its files are its sources, and whether they have changed."""

from __future__ import annotations

import hashlib
import os
import subprocess
from pathlib import Path

MADE = frozenset({"__pycache__", "build", "dist", "node_modules", "target"})
"""Folders of what tools make of sources; hidden ones, ``*.egg-info`` and virtual environments are others."""
GIT_LIMIT = 30.0


def files(project: Path) -> list[str]:
    """Return the names of its sources, sorted.

    Those that git tracks or would track, and modules that are generated beside them; without git, all but what tools
    make.
    """
    listed = _known_to_git(project)
    names = _walked(project) if listed is None else [name for name in listed if (project / name).is_file()]
    return sorted(names)


def stamp(project: Path) -> str:
    """Return what changes whenever a source does, found without reading one."""
    seen = hashlib.sha256()
    for name in files(project):
        status = (project / name).stat()
        seen.update(f"{name} {status.st_size} {status.st_mtime_ns}\n".encode(errors="surrogateescape"))
    return seen.hexdigest()


def content(project: Path) -> str:
    """Return a hash of the sources' names and bytes."""
    seen = hashlib.sha256()
    for name in files(project):
        with (project / name).open("rb") as file:
            digest = hashlib.file_digest(file, "sha256").hexdigest()
        seen.update(f"{name} {digest}\n".encode(errors="surrogateescape"))
    return seen.hexdigest()


def _known_to_git(project: Path) -> list[str] | None:
    listed = _git(project, "--cached", "--others")
    if not listed:  # no repository, or one that ignores the project
        return None
    ignored = _git(project, "--others", "--ignored", "--directory") or []  # a folder as such, not what lies in it
    generated = [name for name in ignored if name.endswith((".py", ".pyi"))]
    return list(dict.fromkeys(listed + generated))


def _git(project: Path, *which: str) -> list[str] | None:
    command = ["git", "ls-files", "-z", "--exclude-standard", *which]
    try:
        ran = subprocess.run(command, cwd=project, capture_output=True, timeout=GIT_LIMIT)
    except (OSError, subprocess.TimeoutExpired):
        return None
    return None if ran.returncode else [name for name in os.fsdecode(ran.stdout).split("\0") if name]


def _walked(project: Path) -> list[str]:
    names: list[str] = []
    for folder, inside, here in os.walk(project):
        inside[:] = [name for name in inside if not _made(Path(folder) / name)]
        names += [os.path.relpath(os.path.join(folder, name), project) for name in here if not name.endswith(".pyc")]
    return names


def _made(folder: Path) -> bool:
    name = folder.name
    return name in MADE or name.startswith(".") or name.endswith(".egg-info") or (folder / "pyvenv.cfg").exists()
