"""Where files live: XDG's folders of runtime, state and cache, each with one of ours for the user alone (0700)."""

from __future__ import annotations

import os
import tempfile
import warnings
from pathlib import Path

from .errors import ConfigError

APP = "dask-dataproc"


def runtime_dir() -> Path:
    """Return the folder of sockets and locks, made 0700 if it is not there."""
    import platformdirs

    with warnings.catch_warnings():  # platformdirs warns where XDG_RUNTIME_DIR is not set; its fallback is made private
        warnings.simplefilter("ignore", UserWarning)
        folder = Path(platformdirs.user_runtime_dir(APP))
    private(folder.parent)  # the fallback lies in a folder that others may write to
    return private(folder)


def state_dir() -> Path:
    """Return the folder of what outlives a process: staging, records, logs."""
    import platformdirs

    return private(Path(platformdirs.user_state_dir(APP)))


def cache_dir() -> Path:
    """Return the folder of what can be made again."""
    import platformdirs

    return private(Path(platformdirs.user_cache_dir(APP)))


def local_path(url: str) -> Path | None:
    """Return the path of a ``file://`` URL or of a plain path; None if ``url`` is of another scheme."""
    return Path(url.removeprefix("file://")) if "://" not in url or url.startswith("file://") else None


def private(folder: Path) -> Path:
    """Make ``folder`` 0700 and return it; refuse one that belongs to somebody else.

    Raises
    ------
    ConfigError
        The folder exists and another user owns it.
    """
    folder.mkdir(parents=True, exist_ok=True, mode=0o700)
    owner = folder.stat().st_uid
    if owner != os.getuid():
        raise ConfigError(f"{folder} belongs to user {owner}, not to you", "export XDG_RUNTIME_DIR=$(mktemp -d)")
    folder.chmod(0o700)
    return folder


def write_whole(path: Path, text: str) -> None:
    """Have the file at ``path`` say ``text``, whole or not at all, for the user alone (0600)."""
    with tempfile.NamedTemporaryFile("w", encoding="utf-8", dir=path.parent, suffix=".new", delete=False) as fresh:
        fresh.write(text)
    os.replace(fresh.name, path)
