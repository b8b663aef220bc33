"""What a job's driver prints, read while it runs: Dataproc leaves it in pieces beside each other, which grow."""

from __future__ import annotations

from collections import deque
from typing import Any

from .plan import RESULT

PRINTED = 20
"""Lines at the end that a failure repeats."""


class DriverOutput:
    """The lines of one job's output, each told once.

    Parameters
    ----------
    files : callable
        Given a URL, returns the fsspec file system it is on.
    """

    def __init__(self, files: Any):
        self._files = files
        self._read: dict[str, int] = {}
        self._rest = b""
        self.last: deque[str] = deque(maxlen=PRINTED)
        self.results: list[str] = []

    def lines(self, uri: str, *, ended: bool) -> list[str]:
        """Return the lines that have come since the last call; with ``ended`` also one without an end.

        Parameters
        ----------
        uri : str
            What the names of the pieces begin with; empty before the job has any.
        ended : bool
            The driver prints no more.
        """
        *whole, self._rest = (self._rest + (self._new(uri) if uri else b"")).split(b"\n")
        if ended and self._rest:
            whole, self._rest = [*whole, self._rest], b""
        found = [line.decode("utf-8", "replace").rstrip("\r") for line in whole]
        self.last.extend(line for line in found if line.strip())
        self.results.extend(line for line in found if line.startswith(RESULT))
        return found

    def _new(self, uri: str) -> bytes:
        files = self._files(uri)
        files.invalidate_cache()
        pieces = []
        for path, about in sorted(files.glob(f"{uri}*", detail=True).items()):
            size, read = about["size"], self._read.get(path, 0)
            if size > read:
                pieces.append(files.cat_file(path, start=read, end=size))
                self._read[path] = size
        return b"".join(pieces)
