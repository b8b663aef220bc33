"""What a Jupyter server leaves on disk for its next one: the clusters of its sidebar, so that their leases go on."""

from __future__ import annotations

import uuid
from dataclasses import dataclass
from pathlib import Path

from ..clusters.paths import private, state_dir
from .held_file import HeldFile, read_record

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


class MadeFile(HeldFile):
    """The record of one, held by one server at a time, which keeps the cluster's lease.

    Parameters
    ----------
    path : Path
    """

    def __init__(self, path: Path):
        super().__init__(path)
        self.made = read_record(Made, path)

    def write(self, made: Made) -> None:
        """Leave ``made`` for the next server, whole or not at all."""
        self._keep(made)
        self.made = made

    def clear(self) -> None:
        """Leave nothing."""
        self.path.unlink(missing_ok=True)
        self.path.with_suffix(".lock").unlink(missing_ok=True)
        self.release()

    def release(self) -> None:
        """Let another server have it."""
        self._close()


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
    return [made for path in sorted(_folder().glob("*.json")) if (made := read_record(Made, path)) is not None]


def _folder() -> Path:
    return private(state_dir() / FOLDER)
