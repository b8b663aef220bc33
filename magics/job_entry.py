"""Where a notebook's changed metadata goes: into the document that is open in JupyterLab, and else into the file.

An open document is not the file: JupyterLab would write its own, older metadata at its next save. So where our
labextension answers it puts the entry into the document; where nobody answers the file is written, and the person is
asked to load it again.
"""

from __future__ import annotations

import contextvars
import threading
from collections.abc import Callable
from pathlib import Path
from typing import TYPE_CHECKING, Any

from ..clusters.errors import DaskDataprocError

if TYPE_CHECKING:
    from ..kernel_ext.session import Session
    from ..pipelines.notebook_file import NotebookFile

ANSWER = 5.0
"""Seconds that JupyterLab has to answer, before the file is written."""
KEPT = "Saved, with the notebook"
RELOAD = "Saved in the file: load it again (File, Reload Notebook from Disk) before you save the open notebook"


def keep(session: Session | None, file: NotebookFile, entry: dict[str, Any], say: Callable[[str], None]) -> None:
    """Have the notebook say ``entry``; ``say`` is told what came of it, at once or when JupyterLab has answered.

    Raises
    ------
    NotebookError
        The file is written, and cannot be or has changed since it was read.
    """
    is_open = session is not None and session.live and Path(session.notebook).resolve() == file.path
    if not is_open:
        file.write(entry)
        say(f"Saved in {file.path}")
        return
    from ..kernel_ext.lab import put_job

    once = _Once(file, entry, say)
    if not put_job(entry, file.entry, once.answered):
        once.write()
        return
    once.wait()


class _Once:
    """What comes first, the answer or the end of the waiting for it.

    Parameters
    ----------
    file, entry, say
        As of `keep`.
    """

    def __init__(self, file: NotebookFile, entry: dict[str, Any], say: Callable[[str], None]):
        self._file, self._entry, self._say = file, entry, say
        self._context = contextvars.copy_context()  # what is said belongs to the cell that asked
        self._first = threading.Lock()
        self._timer = threading.Timer(ANSWER, self._unanswered)
        self._timer.daemon = True

    def wait(self) -> None:
        """Begin to wait."""
        self._timer.start()

    def answered(self, why_not: str) -> None:
        """Say what JupyterLab has said: nothing against it, or why it has not put the entry into the document."""
        if self._first.acquire(blocking=False):
            self._timer.cancel()
            said = f"Not saved: {why_not}" if why_not else KEPT
            self._context.run(self._say, said)

    def write(self) -> None:
        """Write the file; raises as `keep` does."""
        self._file.write(self._entry)
        self._say(RELOAD)

    def _unanswered(self) -> None:
        if self._first.acquire(blocking=False):
            try:
                self._context.run(self.write)
            except DaskDataprocError as error:
                self._context.run(self._say, f"Not saved: {error.message}")
