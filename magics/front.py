"""Where a verb's words go: to a terminal here, to a notebook in `notebook_front`. The verbs know only this."""

from __future__ import annotations

import json
import sys
from collections.abc import Callable
from typing import TYPE_CHECKING, Any

import click

from .progress import LiveLine, PlainLines, Progress

if TYPE_CHECKING:
    from ..clusters.cluster import DataprocCluster
    from ..kernel_ext.coming_up import ComingUp
    from ..kernel_ext.session import Session
    from .render import Shown


class Front:
    """A shell: results on stdout, everything else on stderr, no session.

    Attributes
    ----------
    command : str
        How a person calls the verbs here.
    session : Session or None
        The kernel's, where there is one.
    quiet : bool
        A JSON document is asked for: nothing else may be said where the result goes.
    """

    command = "dask dataproc"
    session: Session | None = None
    quiet = False

    def say(self, line: str) -> None:
        """Say one line that is no result."""
        click.echo(line, err=True)

    def result(self, text: str) -> None:
        """Give a result that is text already."""
        click.echo(text)

    def document(self, value: Any) -> None:
        """Give a result as one JSON document."""
        self.result(json.dumps(value, indent=2, ensure_ascii=False))

    def show(self, table: Shown) -> None:
        """Give a result as a table, a plot or a view."""
        self.result(table.text())

    def progress(self) -> Progress:
        """Return what shows the phases of a cluster on its way."""
        return Progress(LiveLine(sys.stderr) if sys.stderr.isatty() else PlainLines(self.say))

    def watch(
        self, coming: ComingUp, told: Callable[[DataprocCluster], str], *, wait: bool = True
    ) -> DataprocCluster | None:
        """Show how a cluster comes up and in the end say what is ``told`` of it; return it, or None without a wait."""
        with self.progress() as progress:
            coming.listen(progress)
            cluster = coming.wait()
        self.say(told(cluster))
        return cluster

    def spelled(self, text: str) -> str:
        """Return ``text`` with the verbs in it as one types them here."""
        return text.replace("%dask_cluster", self.command)


pass_front = click.make_pass_decorator(Front, ensure=True)
