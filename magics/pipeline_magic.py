"""``%dask_pipeline export`` and ``run``: this notebook as a DAG, and as a job."""

from __future__ import annotations

from typing import Any

from .completion import completions
from .notebook_front import NotebookFront, run_magic
from .pipeline_verbs import pipeline


def run(shell: Any, line: str) -> None:
    """Run the verb; without one, show the help."""
    run_magic(pipeline, line or "--help", NotebookFront(shell, "%dask_pipeline"))


def complete(line: str) -> list[str]:
    """Return what may follow ``line``."""
    return completions(line, pipeline)
