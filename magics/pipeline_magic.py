"""``%dask_pipeline VERB``: this notebook as a job; without a verb, the panel of it."""

from __future__ import annotations

from typing import Any

from .completion import completions
from .notebook_front import NotebookFront, run_magic
from .pipeline_verbs import pipeline


def run(shell: Any, line: str) -> None:
    """Run the verb; without one, show the panel where somebody can press its buttons, and the help elsewhere."""
    front = NotebookFront(shell, "%dask_pipeline")
    if not line.strip() and front.session is not None and front.session.live:
        line = "panel"
    run_magic(pipeline, line or "--help", front)


def complete(line: str) -> list[str]:
    """Return what may follow ``line``."""
    return completions(line, pipeline)
