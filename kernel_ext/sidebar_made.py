"""What a Jupyter server leaves on disk for its next one: the clusters of its sidebar, so that their leases go on."""

from __future__ import annotations

import fcntl
import json
import os
import uuid
from dataclasses import asdict, dataclass
from pathlib import Path

from ..clusters.paths import private, state_dir

FOLDER = "sidebar"


@dataclass(frozen=True, slots=True)
class Made:
    """A cluster that was made from the sidebar.

    Attributes
    ----------
    name, project, region : str
    uuid : str
        Empty until Dataproc has been asked for it.
    ready : bool
        Whether it has been created.
    """

    name: str
    project: str
    region: str
    uuid: str = ""
    ready: bool = False


class MadeFile:
    """The record of one, held by one server at a time, which keeps the cluster's lease.

    The operating system lets go of it however that server ends.

    Parameters
    ----------
    path : Path
    """

    def __init__(self, path: Path):
        self._path = path
        self._lock = os.open(path.with_suffix(".lock"), os.O_RDWR | os.O_CREAT | os.O_CLOEXEC, 0o600)
        self.ours = self._claim()
        self.made = _read(path)

    def write(self, made: Made) -> None:
        """Leave ``made`` for the next server, whole or not at all."""
        fresh = self._path.with_suffix(".new")
        fresh.touch(mode=0o600)
        fresh.write_text(json.dumps(asdict(made)))
        fresh.replace(self._path)
        self.made = made

    def clear(self) -> None:
        """Leave nothing."""
        self._path.unlink(missing_ok=True)
        self._path.with_suffix(".lock").unlink(missing_ok=True)
        self.release()

    def release(self) -> None:
        """Let another server have it."""
        if self._lock >= 0:
            os.close(self._lock)
            self._lock = -1

    def _claim(self) -> bool:
        try:
            fcntl.flock(self._lock, fcntl.LOCK_EX | fcntl.LOCK_NB)
        except BlockingIOError:
            return False
        return True


def begun(made: Made) -> MadeFile:
    """Return a new record, which says ``made``."""
    file = MadeFile(_folder() / f"{uuid.uuid4()}.json")
    file.write(made)
    return file


def left() -> list[MadeFile]:
    """Return, and hold from now on, the records that no living server holds."""
    found = [MadeFile(path) for path in sorted(_folder().glob("*.json"))]
    for file in found:
        if file.ours and file.made is None:  # cleared meanwhile, or it cannot be read
            file.clear()
        elif not file.ours:
            file.release()
    return [file for file in found if file.ours and file.made is not None]


def all_made() -> list[Made]:
    """Return what all the records say, whoever holds them."""
    return [made for path in sorted(_folder().glob("*.json")) if (made := _read(path)) is not None]


def _read(path: Path) -> Made | None:
    try:
        return Made(**json.loads(path.read_text()))
    except (FileNotFoundError, ValueError, TypeError):
        return None


def _folder() -> Path:
    return private(state_dir() / FOLDER)
