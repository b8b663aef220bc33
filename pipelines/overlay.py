"""The packages of a repository's lock, in a folder of their own, kept by the lock's hash: the node's are left alone."""

from __future__ import annotations

import hashlib
import importlib.metadata
import os
import platform
import re
import subprocess
import sys
import tempfile
from pathlib import Path

from packaging.utils import canonicalize_name

from ..clusters.errors import PackageError
from .lockfile import Lock, from_pylock, read_lock

LIMIT = 600.0
"""Seconds that uv may take."""


def overlay(checkout: Path, place: Path) -> Path | None:
    """Return the folder of the packages that the lock in ``checkout`` has and this environment has not.

    The lock is its ``uv.lock``, else ``pylock.toml``, else ``requirements.txt``. What this environment has in the same
    version is not installed again; what it has in another one is refused, since two would meet in one process.

    Returns
    -------
    Path or None
        None where there is no lock, or nothing that is missing.

    Raises
    ------
    PackageError
        The lock is none, contradicts the environment, or cannot be installed.
    """
    lock = _lock(checkout)
    if not lock.names:
        return None
    about = f"{lock.text}{sys.version_info[:2]}{platform.system()}{platform.machine()}"
    folder = place / hashlib.sha256(about.encode()).hexdigest()[:32]
    if not folder.exists():
        _install(lock, folder, checkout)
    return folder


def _lock(checkout: Path) -> Lock:
    here: dict[str, str] = {canonicalize_name(dist.name): dist.version for dist in importlib.metadata.distributions()}
    if (checkout / "uv.lock").exists():
        options = ("--frozen", "--no-dev", "--no-emit-project", "--format", "requirements.txt")
        return read_lock(_uv(["export", "--quiet", *options], checkout, "uv.lock"), "uv.lock", here)
    if (checkout / "pylock.toml").exists():
        return read_lock(from_pylock((checkout / "pylock.toml").read_text()), "pylock.toml", here)
    if (checkout / "requirements.txt").exists():
        return read_lock((checkout / "requirements.txt").read_text(), "requirements.txt", here)
    return Lock()


def _install(lock: Lock, folder: Path, checkout: Path) -> None:
    folder.parent.mkdir(parents=True, exist_ok=True)
    with tempfile.TemporaryDirectory(dir=folder.parent, prefix=".new-") as temporary:
        file, new = Path(temporary) / "requirements.txt", Path(temporary) / "packages"
        file.write_text(lock.text)
        options = ("--quiet", "--no-deps", "--require-hashes", "--python", sys.executable, "--target", str(new))
        _uv(["pip", "install", *options, "--requirements", str(file)], checkout, f"packages {', '.join(lock.names)}")
        try:
            new.rename(folder)
        except OSError:
            if not folder.exists():  # else another job was first
                raise


def _uv(arguments: list[str], folder: Path, what: str) -> str:
    """Return what uv prints, run in ``folder``, whose relative paths the lock may have."""
    from uv import find_uv_bin

    environment = {k: v for k, v in os.environ.items() if k not in ("VIRTUAL_ENV", "PYTHONPATH")}
    try:
        ran = subprocess.run(
            [find_uv_bin(), *arguments],
            cwd=folder,
            env=environment | {"UV_NO_CONFIG": "1"},
            capture_output=True,
            text=True,
            timeout=LIMIT,
        )
    except subprocess.TimeoutExpired:
        raise PackageError(f"{what}: not done after {LIMIT:.0f} s") from None
    if ran.returncode:
        said = " ".join(re.sub(r"://[^/\s@]+@", "://", ran.stderr).split())
        raise PackageError(f"{what}: cannot be installed: {said[-400:]}")
    return ran.stdout
