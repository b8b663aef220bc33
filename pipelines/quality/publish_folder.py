"""Publishing on a file system: two folders change places in one step.

The order is what makes it safe to be killed: the new folder gets its manifest, the old one the note by which it is
known after the exchange, they change places, and the old one, now in the staging place, is moved out of sight and
removed.
"""

from __future__ import annotations

import contextlib
import ctypes
import errno
import fcntl
import json
import os
import shutil
import uuid
from collections.abc import Iterator
from pathlib import Path
from typing import Any

from ...clusters.errors import QualityError
from .locations import MANIFEST, SUPERSEDED

AT_FDCWD, RENAME_EXCHANGE = -100, 2
NO_EXCHANGE = (errno.EINVAL, errno.ENOSYS, errno.EXDEV, errno.ENOTSUP)
"""What file systems say that cannot exchange two names: NFS, and some that are laid over others."""


def publish_folder(source: str, target: str) -> None:
    """Put the folder ``source`` in the place of ``target``.

    Raises
    ------
    QualityError
        There is no such folder and ``target`` does not come from it, ``target`` is a file, or they are on two file
        systems.
    """
    staged, final = Path(source), Path(target)
    final.parent.mkdir(parents=True, exist_ok=True)
    with _alone(final.parent):
        if not has_changed_places(source, target):
            _exchange_if_staged(staged, final)
        _remove_old(staged, final)


def has_changed_places(source: str, target: str) -> bool:
    """Return whether ``target`` comes from ``source``, where at most the version before it is now."""
    staged, final = Path(source), Path(target)
    said = _read(final / MANIFEST)
    if said.get("staged") != str(staged):
        return False
    return not staged.exists() or _read(staged / SUPERSEDED).get("by") == said.get("id")


def check_folder(source: str, target: str) -> None:
    """Refuse what cannot change places; nothing is changed.

    Raises
    ------
    QualityError
        As of `publish_folder`, where it has not been done.
    """
    staged, final = Path(source), Path(target)
    file = next((path for path in (final, *final.parents) if path.is_file()), None)
    if file or not staged.is_dir():
        said = f"{file} is a file" if file else f"no folder is there, and {final} does not come from it"
        raise QualityError(f"staged {staged}: {said}; what is published is a folder")
    home = next(path for path in (final, *final.parents) if path.exists())
    if staged.stat().st_dev != home.stat().st_dev:
        raise QualityError(f"staged {staged} and final {final} are on two file systems", "staged_location(final, run)")


def _exchange_if_staged(staged: Path, final: Path) -> None:
    check_folder(str(staged), str(final))
    own = uuid.uuid4().hex
    (staged / SUPERSEDED).unlink(missing_ok=True)
    _write(staged / MANIFEST, {"id": own, "staged": str(staged)})
    if final.is_dir():
        _write(final / SUPERSEDED, {"by": own})
        _exchange(staged, final)
    else:
        os.rename(staged, final)


def _exchange(staged: Path, final: Path) -> None:
    """Let two folders change places in one step; where there is no such step, ``final`` is missing for a moment."""
    try:
        _rename_exchange(staged, final)
    except OSError as error:
        if error.errno not in NO_EXCHANGE:
            raise
        aside = _hidden(final)
        os.rename(final, aside)
        try:
            os.rename(staged, final)
        except OSError:
            os.rename(aside, final)
            raise


def _rename_exchange(one: Path, other: Path) -> None:
    libc = ctypes.CDLL(None, use_errno=True)
    if libc.renameat2(AT_FDCWD, os.fsencode(one), AT_FDCWD, os.fsencode(other), RENAME_EXCHANGE) != 0:
        code = ctypes.get_errno()
        raise OSError(code, os.strerror(code), str(one))


def _remove_old(staged: Path, final: Path) -> None:
    """Move the old version from the staging place out of sight, and remove it with what earlier calls left."""
    if staged.is_dir():
        os.rename(staged, _hidden(final))
    for old in final.parent.glob(f".{final.name}.*.old"):
        shutil.rmtree(old)
    with contextlib.suppress(OSError):  # others stage there too
        staged.parent.rmdir()


def _hidden(final: Path) -> Path:
    return final.with_name(f".{final.name}.{uuid.uuid4().hex}.old")


@contextlib.contextmanager
def _alone(folder: Path) -> Iterator[None]:
    """Be the only one who publishes in ``folder``; the lock goes with the process."""
    handle = os.open(folder, os.O_RDONLY)
    try:
        fcntl.flock(handle, fcntl.LOCK_EX)
        yield
    finally:
        os.close(handle)


def _write(path: Path, said: dict[str, Any]) -> None:
    draft = path.with_name(f".{path.name}.draft")
    draft.write_text(json.dumps(said))
    os.replace(draft, path)


def _read(path: Path) -> dict[str, Any]:
    try:
        said = json.loads(path.read_text())
    except (OSError, ValueError):
        return {}
    return said if isinstance(said, dict) else {}
