"""``%dask_cluster VERB``: the commands of ``dask dataproc``, in a notebook."""

from __future__ import annotations

from typing import Any

from .cli import dataproc
from .completion import completions
from .notebook_front import NotebookFront, run_magic


def run(shell: Any, line: str) -> None:
    """Run the verb; without one, show the help."""
    run_magic(dataproc, line or "--help", NotebookFront(shell))


def complete(line: str) -> list[str]:
    """Return what may follow ``line``."""
    return completions(line, dataproc)
