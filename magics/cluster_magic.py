"""``%dask_cluster VERB``: the commands of ``dask dataproc``, in a notebook."""

from __future__ import annotations

from typing import TYPE_CHECKING, Any

from .cli import dataproc
from .completion import completions
from .notebook_front import NotebookFront, run_magic

if TYPE_CHECKING:
    from ..kernel_ext.session import Session


def run(shell: Any, line: str) -> None:
    """Run the verb; without one, show the panel where somebody can press its buttons, and the help elsewhere."""
    front = NotebookFront(shell)
    if not line.strip() and front.session is not None and front.session.live:
        _show_panel(front.session)
        return
    run_magic(dataproc, line or "--help", front)


def _show_panel(session: Session) -> None:
    from IPython.display import display

    from .panels import panel_of_session

    display(panel_of_session(session))


def complete(line: str) -> list[str]:
    """Return what may follow ``line``."""
    return completions(line, dataproc)
