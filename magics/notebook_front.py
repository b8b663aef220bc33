"""Where a verb's words go in IPython: to the notebook, live or headless, and how its failures look there."""

from __future__ import annotations

import contextvars
import shlex
import sys
import threading
from collections.abc import Callable
from functools import partial
from typing import TYPE_CHECKING, Any

import click

from ..clusters.errors import DaskDataprocError
from ..kernel_ext.session import session_of
from .cli import Failed
from .front import Front
from .progress import LiveDisplay, LiveLine, PlainLines, Progress

if TYPE_CHECKING:
    from ..clusters.cluster import DataprocCluster
    from ..kernel_ext.coming_up import ComingUp
    from .render import Shown


class NotebookFront(Front):
    """A notebook or IPython in a terminal: everything on stdout, tables as text and HTML.

    Parameters
    ----------
    shell : InteractiveShell
    command : str
        The magic.
    """

    def __init__(self, shell: Any, command: str = "%dask_cluster"):
        self.command = command
        self.session = session_of(shell)

    def say(self, line: str) -> None:
        """Say one line, unless the document that is asked for has to stand alone."""
        if not self.quiet:
            click.echo(line)

    def show(self, table: Shown) -> None:
        """Show a table, a plot or a view as a notebook shows a result."""
        from IPython.display import display

        display(table.bundle(), raw=True)

    def progress(self) -> Progress:
        """Return a display that is updated in a live notebook; lines everywhere else."""
        if self.session is not None and self.session.live and not self.quiet:
            return Progress(LiveDisplay())
        return Progress(LiveLine(sys.stdout) if sys.stdout.isatty() and not self.quiet else PlainLines(self.say))

    def watch(
        self, coming: ComingUp, told: Callable[[DataprocCluster], str], *, wait: bool = True
    ) -> DataprocCluster | None:
        """As everywhere; without ``wait`` the cell is over at once, and goes on to show it."""
        if wait:
            return super().watch(coming, told)
        context = contextvars.copy_context()  # what is said belongs to this cell, also when that is over
        beside = partial(context.run, lambda: self._watch_beside(coming, told))
        threading.Thread(target=beside, name="dask-dataproc-watch", daemon=True).start()
        return None

    def _watch_beside(self, coming: ComingUp, told: Callable[[DataprocCluster], str]) -> None:
        try:
            super().watch(coming, told)
        except DaskDataprocError as error:
            click.echo(error.lines(), err=True)

    def spelled(self, text: str) -> str:
        """Return ``text``, whose verbs are spelled as magics already."""
        return text


def run_magic(group: click.Group, line: str, front: NotebookFront) -> None:
    """Run the command that ``line`` spells.

    An expected failure is raised in every front end, so that papermill and "Run All" stop at it, but IPython is given
    its one line and hint to show in place of a traceback. An unexpected one keeps its traceback.
    """
    try:
        group.main(_words(line), prog_name=front.command, standalone_mode=False, obj=front)
    except Failed as failed:
        raise _shown_as(failed.error, failed.text) from None
    except click.UsageError as error:
        asked = error.ctx.command_path if error.ctx else front.command
        said = " ".join(error.format_message().split())
        raise _shown_as(error, f"UsageError: {said}\n  Try:  {asked} --help") from None
    except click.Abort:
        raise KeyboardInterrupt from None


def configured_names() -> tuple[str, str]:
    """Return what client and cluster are called in a notebook."""
    from ..clusters.config import setting

    return setting("names.client"), setting("names.cluster")


def _words(line: str) -> list[str]:
    try:
        return shlex.split(line)
    except ValueError as error:
        raise click.UsageError(f"{error}: {line}") from None


def _shown_as(error: Exception, text: str) -> Exception:
    setattr(error, "_render_traceback_", text.splitlines)  # noqa: B010  (IPython's hook, no attribute of the class)
    return error
