"""A notebook's file, one entry of whose metadata is changed: whole or not at all, and never over another's change."""

from __future__ import annotations

import os
import shutil
import tempfile
from dataclasses import dataclass
from pathlib import Path
from typing import Any

from ..clusters.errors import NotebookError
from .metadata import KEY
from .notebook import Notebook, is_url, read_notebook
from .notebook_text import with_entry


@dataclass(frozen=True, slots=True)
class NotebookFile:
    """A notebook's file as it was when it was read.

    Attributes
    ----------
    path : Path
        Of the file itself, where a link leads to it.
    data : bytes
    document : dict
    """

    path: Path
    data: bytes
    document: Notebook

    @classmethod
    def read(cls, location: str | Path) -> NotebookFile:
        """Return the notebook at ``location`` as it is now.

        Raises
        ------
        NotebookError
            It is no file here, or no notebook.
        """
        if is_url(str(location)):
            raise NotebookError(f"notebook {location} is no file here, and only files are edited", "edit a copy of it")
        path = Path(location).resolve()
        data = path.read_bytes() if path.is_file() else b""  # first: what comes between is seen later
        return cls(path, data, read_notebook(path))

    @property
    def entry(self) -> dict[str, Any]:
        """What the notebook says of itself as a job.

        Raises
        ------
        NotebookError
            It is no mapping.
        """
        said = self.document.get("metadata", {}).get(KEY, {})
        if not isinstance(said, dict):
            raise NotebookError(f"metadata {KEY}: {said!r} given, allowed is a mapping of fields")
        return said

    def write(self, entry: dict[str, Any]) -> None:
        """Have the file say ``entry`` of the job, nothing of it if that is empty; every other byte stays.

        Raises
        ------
        NotebookError
            The file has changed since it was read, or cannot be written; it is as it was.
        """
        made = with_entry(self.data.decode(), KEY, entry or None).encode()
        if made == self.data:
            return
        try:
            self._replace(made)
        except OSError as error:
            raise NotebookError(f"notebook {self.path} cannot be written: {error.strerror or error}") from error

    def _replace(self, made: bytes) -> None:
        with tempfile.NamedTemporaryFile(dir=self.path.parent, prefix=f".{self.path.name}.", delete=False) as draft:
            try:
                draft.write(made)
                draft.flush()
                os.fsync(draft.fileno())
                shutil.copymode(self.path, draft.name)
                if self.path.read_bytes() != self.data:
                    raise NotebookError(
                        f"notebook {self.path} has changed while it was edited; nothing is written", "edit it again"
                    )
                os.replace(draft.name, self.path)
            except BaseException:
                Path(draft.name).unlink(missing_ok=True)
                raise
