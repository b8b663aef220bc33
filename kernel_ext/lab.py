"""What a kernel asks of the JupyterLab that shows its notebook: the dashboards of its cluster, beside it."""

from __future__ import annotations

import os

from .notebook_record import NOTEBOOK
from .server import BASE_URL

TARGET = "dask-dataproc"
"""The comm target that our labextension answers to."""


def open_panes(cluster: str) -> None:
    """Ask for the dashboards of ``cluster`` beside this kernel's notebook.

    Nothing happens where there is no notebook to open them beside: in a terminal, a headless run, or under a Jupyter
    server that does not answer for us. What happens in the browser is not waited for.
    """
    if BASE_URL in os.environ and NOTEBOOK in os.environ:
        from comm import create_comm

        create_comm(target_name=TARGET, data={"open": "dashboards", "cluster": cluster}).close()


def cluster_is_ready(cluster: str) -> None:
    """Open the panes of ``cluster`` as `open_panes` does, unless ``dataproc.jupyter.open-dashboards`` says not to."""
    from ..clusters.config import setting

    if setting("jupyter.open-dashboards"):
        open_panes(cluster)
