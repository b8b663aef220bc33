"""What a kernel asks of the JupyterLab that shows its notebook: its dashboards, and its entry as a job changed."""

from __future__ import annotations

import os
from collections.abc import Callable, Mapping
from typing import Any

from .notebook_record import NOTEBOOK
from .server import BASE_URL

TARGET = "dask-dataproc"
"""The comm target that our labextension answers to."""


def open_panes(cluster: str) -> None:
    """Ask for the dashboards of ``cluster`` beside this kernel's notebook.

    Nothing happens where there is no notebook to open them beside: in a terminal, a headless run, or under a Jupyter
    server that does not answer for us. What happens in the browser is not waited for.
    """
    if _is_shown():
        from comm import create_comm

        create_comm(target_name=TARGET, data={"open": "dashboards", "cluster": cluster}).close()


def put_job(entry: Mapping[str, Any], was: Mapping[str, Any], answered: Callable[[str], None]) -> bool:
    """Ask for ``entry`` in the open notebook's metadata, and for the notebook to be saved; return whether it was asked.

    Parameters
    ----------
    entry, was : mapping
        What the notebook is to say of itself as a job, and what it says now: where it says something else nothing is
        changed.
    answered : callable
        Told later why it was not done, '' if it was; never, where the page has none of our labextension.
    """
    if not _is_shown():
        return False
    from comm import create_comm

    def closed(message: Mapping[str, Any]) -> None:
        data = message["content"].get("data", {})
        if "refused" in data:
            answered(str(data["refused"]))

    create_comm(target_name=TARGET, data={"job": dict(entry), "was": dict(was)}).on_close(closed)
    return True


def _is_shown() -> bool:
    """Return whether a Jupyter server that answers for us shows this kernel's notebook."""
    return BASE_URL in os.environ and NOTEBOOK in os.environ


def cluster_is_ready(cluster: str) -> None:
    """Open the panes of ``cluster`` as `open_panes` does, unless ``dataproc.jupyter.open-dashboards`` says not to."""
    from ..clusters.config import setting

    if setting("jupyter.open-dashboards"):
        open_panes(cluster)
