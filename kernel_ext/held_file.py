"""A small record on disk, held by one process at a time, which may also be looked at by those that do not hold it."""

from __future__ import annotations

import fcntl
import json
import os
import weakref
from dataclasses import asdict
from pathlib import Path
from typing import Any, TypeVar

from ..clusters.paths import write_whole

Kept = TypeVar("Kept")


class HeldFile:
    """One record's file; the operating system lets go of it however the process ends that holds it.

    Parameters
    ----------
    path : Path

    Attributes
    ----------
    ours : bool
        Whether this process holds it.
    """

    def __init__(self, path: Path):
        self.path = path
        self._lock = os.open(path.with_suffix(".lock"), os.O_RDWR | os.O_CREAT | os.O_CLOEXEC, 0o600)
        self.ours = self._claim()
        _held.add(self)

    def _keep(self, record: Any) -> None:
        """Have the file say ``record``, a dataclass of plain values."""
        write_whole(self.path, json.dumps(asdict(record)))

    def _close(self) -> None:
        if self._lock >= 0:
            os.close(self._lock)
            self._lock = -1

    def _claim(self) -> bool:
        try:
            fcntl.flock(self._lock, fcntl.LOCK_EX | fcntl.LOCK_NB)
        except BlockingIOError:
            return False
        return True


_held: weakref.WeakSet[HeldFile] = weakref.WeakSet()


def _leave_to_parent() -> None:
    """Hold nothing in a forked child: it would go on holding what its parent lets go of when that is killed."""
    for file in list(_held):
        file._close()
        file.ours = False


os.register_at_fork(after_in_child=_leave_to_parent)


def read_record(kind: type[Kept], path: Path) -> Kept | None:
    """Return what the file at ``path`` says, as a ``kind``; None if nothing, or nothing that can be read."""
    try:
        return kind(**json.loads(path.read_text()))
    except (FileNotFoundError, ValueError, TypeError):
        return None
