"""What Tab offers: verbs, options, choices and the names of clusters, in IPython and in a shell alike."""

from __future__ import annotations

import shlex
import threading
import time
from collections.abc import Callable
from typing import Any

import click
from click.shell_completion import CompletionItem, ShellComplete

PATIENCE = 1.0
"""Seconds that Tab waits for the names of clusters."""
FRESH = 10.0
"""Seconds for which names once asked for are good enough."""


class _Names:
    """The names of the clusters, asked for in a thread: a slow service costs completions, never the prompt."""

    def __init__(self) -> None:
        self._names: list[str] = []
        self._asked = -FRESH
        self._thread: threading.Thread | None = None

    def get(self) -> list[str]:
        if time.monotonic() - self._asked > FRESH and (self._thread is None or not self._thread.is_alive()):
            self._thread = threading.Thread(target=self._ask, name="dask-dataproc-names", daemon=True)
            self._thread.start()
        if self._thread is not None:
            self._thread.join(PATIENCE)
        return self._names

    def _ask(self) -> None:
        from ..clusters.errors import DaskDataprocError

        try:
            self._names = _cluster_names()
        except DaskDataprocError:  # Tab offers nothing where nothing can be asked
            self._names = []
        self._asked = time.monotonic()


_names = _Names()


def cluster_names(ctx: click.Context, param: click.Parameter, incomplete: str) -> list[CompletionItem]:
    """Return the clusters whose names begin with ``incomplete``."""
    return [CompletionItem(name) for name in _names.get() if name.startswith(incomplete)]


def completions(line: str, group: click.Group) -> list[str]:
    """Return what may follow ``line``, a magic's line as far as the cursor, ``%`` and all.

    Parameters
    ----------
    line : str
        ``%dask_cluster sca`` or ``%dask_cluster up --queue=b``; the last word is the one to complete.
    group : click.Group
        The commands.
    """
    words, last = _words(line)
    finder = ShellComplete(group, {}, words[0] if words else "", "_DASK_DATAPROC")
    return [item.value for item in finder.get_completions(words[1:], last) if item.type == "plain"]


def completer(group: Callable[[], click.Group]) -> Callable[[Any, Any], list[str]]:
    """Return IPython's ``complete_command`` hook for ``group``."""

    def complete(_shell: Any, event: Any) -> list[str]:
        return completions(event.text_until_cursor, group())

    return complete


def _words(line: str) -> tuple[list[str], str]:
    """Split ``line`` into its finished words and the one at the cursor."""
    finished, _, last = line.rpartition(" ")
    try:
        return shlex.split(finished), last
    except ValueError:  # a quote is still open
        return finished.split(), last


def _cluster_names() -> list[str]:
    from ..clusters.config import LOCAL, default_project
    from ..clusters.fleet import list_clusters
    from ..clusters.local import emulator_status

    if default_project()[0] in ("", LOCAL) and emulator_status() is None:
        return []  # Tab does not start an emulator
    return [record.name for record in list_clusters()]
