"""Where a run leaves its notebook: written whole or not at all, and no more often than the place likes.

A file is cheap to replace and may be read at any moment; an object store takes about one write a second of a name and
charges for each. So a file is seconds old at most, an object half a minute, and both are final when the run ends.
"""

from __future__ import annotations

import logging
import os
import tempfile
import time
from abc import ABC, abstractmethod
from collections.abc import Callable
from pathlib import Path

from ..clusters.errors import NotebookError
from .notebook import is_url

FILE_EVERY = 2.0  # seconds
OBJECT_EVERY = 20.0  # seconds
SHARE = 0.1  # of a run's time that may go into writing: large notebooks are written less often

log = logging.getLogger(__name__)


class Output(ABC):
    """One place, and when to write there.

    Parameters
    ----------
    location : str
        A path or an fsspec URL.
    every : float
        Seconds from one write to the next.
    """

    def __init__(self, location: str, every: float):
        self.location = location
        self.every = every
        self._next = 0.0

    def due(self) -> bool:
        """Return whether the last write is so old that another is worth its cost."""
        return time.monotonic() >= self._next

    def write(self, make: Callable[[], str]) -> None:
        """Write the text that ``make`` returns, and note what it took.

        Raises
        ------
        NotebookError
            The place cannot be written.
        """
        started = time.monotonic()
        try:
            self._put(make().encode())
        except Exception as error:  # every store has errors of its own
            raise NotebookError(f"output {self.location} cannot be written: {_reason(error)}") from error
        ended = time.monotonic()
        self._next = ended + max(self.every, (ended - started) / SHARE)

    @abstractmethod
    def refresh(self, make: Callable[[], str]) -> None:
        """Write in the middle of a run, if it is time."""

    @abstractmethod
    def finish(self, make: Callable[[], str]) -> None:
        """Write what is final."""

    @abstractmethod
    def _put(self, data: bytes) -> None: ...


class FileOutput(Output):
    """A file, replaced in one step; its folder is made."""

    def __init__(self, path: str, every: float = FILE_EVERY):
        super().__init__(path, every)
        self.path = Path(path)

    def refresh(self, make: Callable[[], str]) -> None:
        """Write if it is time."""
        if self.due():
            self.write(make)

    def finish(self, make: Callable[[], str]) -> None:
        """Write."""
        self.write(make)

    def _put(self, data: bytes) -> None:
        self.path.parent.mkdir(parents=True, exist_ok=True)
        draft = self.path.with_name(f".{self.path.name}.{os.getpid()}")
        try:
            draft.write_bytes(data)
            draft.replace(self.path)
        finally:
            draft.unlink(missing_ok=True)


class ObjectOutput(Output):
    """An object behind an fsspec URL; a store shows an upload when it is complete, never a part of it."""

    def __init__(self, url: str, every: float = OBJECT_EVERY):
        super().__init__(url, every)
        self._written = False

    def refresh(self, make: Callable[[], str]) -> None:
        """Upload if it is time; after the first upload a failing one only delays the next."""
        if not self.due():
            return
        try:
            self.write(make)
            self._written = True
        except NotebookError as error:
            if not self._written:
                raise
            self._next = time.monotonic() + self.every
            log.warning("%s; the run goes on and tries again", error)

    def finish(self, make: Callable[[], str]) -> None:
        """Upload; what cannot be uploaded is kept in a local file that the error names."""
        try:
            self.write(make)
        except NotebookError as error:
            with tempfile.NamedTemporaryFile(suffix=".ipynb", delete=False) as kept:
                kept.write(make().encode())
            raise NotebookError(
                f"{error}; it is kept in {kept.name}", f"gsutil cp {kept.name} {self.location}"
            ) from error

    def _put(self, data: bytes) -> None:
        import fsspec

        store, path = fsspec.url_to_fs(self.location)
        store.pipe_file(path, data)


def output_at(location: str) -> Output:
    """Return the output for a path, a ``file://`` URL or the URL of an object."""
    if is_url(location) and not location.startswith("file://"):
        return ObjectOutput(location)
    return FileOutput(location.removeprefix("file://"))


def _reason(error: Exception) -> str:
    text = error.strerror if isinstance(error, OSError) and error.strerror else str(error)
    return text.splitlines()[0] if text else type(error).__name__
