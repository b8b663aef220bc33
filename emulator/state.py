"""What the emulator knows, on disk: a JSON file for each resource, replaced whole, so no kill leaves half of one."""

from __future__ import annotations

import json
import os
from collections.abc import Iterator
from pathlib import Path
from typing import Any
from urllib.parse import quote, unquote


class Shelf:
    """The files of one kind of resource.

    Parameters
    ----------
    folder : Path
        Made if it is not there, 0700.
    """

    def __init__(self, folder: Path) -> None:
        self._folder = folder
        folder.mkdir(parents=True, exist_ok=True, mode=0o700)

    def __iter__(self) -> Iterator[tuple[str, Any]]:
        """Yield ``(name, value)`` of all that was put and not removed, oldest first."""
        files = sorted(self._folder.glob("*.json"), key=lambda path: path.stat().st_mtime_ns)
        for path in files:
            yield unquote(path.stem), json.loads(path.read_text())

    def put(self, name: str, value: Any) -> None:
        """Keep ``value`` under ``name``, in place of what was there."""
        write(self._path(name), value)

    def remove(self, name: str) -> None:
        """Forget ``name``; nothing happens if it is not there."""
        self._path(name).unlink(missing_ok=True)

    def _path(self, name: str) -> Path:
        return self._folder / f"{quote(name, safe='')}.json"


def write(path: Path, value: Any) -> None:
    """Replace the file ``path`` by ``value`` as JSON, whole or not at all; 0600."""
    spare = path.with_suffix(".new")
    with os.fdopen(os.open(spare, os.O_WRONLY | os.O_CREAT | os.O_TRUNC, 0o600), "w") as file:
        json.dump(value, file)
    spare.replace(path)
