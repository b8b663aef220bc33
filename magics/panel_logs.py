"""A cluster's logs in the panel: fetched in a thread when a person asks, and shown in a box that does not grow."""

from __future__ import annotations

import threading
from collections.abc import Callable
from typing import Any

import ipywidgets

from . import panel_html as html


class Logs:
    """A button that is pressed in while logs are shown, and the box under it.

    Parameters
    ----------
    cluster : callable
        Returns the cluster that is meant, None where there is none yet.
    """

    def __init__(self, cluster: Callable[[], Any]):
        self._cluster = cluster
        self.button = ipywidgets.ToggleButton(description="Logs", tooltip="Show what the cluster has logged")
        self.box = ipywidgets.HTML()
        self.box.layout.display = "none"
        self.button.observe(lambda change: self._shown(change["new"]), "value")

    def _shown(self, wanted: bool) -> None:
        self.box.layout.display = None if wanted else "none"
        if wanted:
            self.box.value = html.logs("looking …")
            threading.Thread(target=self._fetch, name="dask-dataproc-logs", daemon=True).start()

    def _fetch(self) -> None:
        try:
            self.box.value = html.logs(told(self._cluster()))
        except Exception as error:
            self.box.value = html.logs(html.line_of(error).text)


def told(cluster: Any) -> str:
    """Return what ``cluster`` logged; before its scheduler answers, what is known of its way up."""
    if cluster is None:
        return "there is no cluster yet"
    there = cluster.status.name == "running"
    found = cluster.get_logs(cluster=True, scheduler=there, workers=there)
    return "\n\n".join(f"== {name}\n{text}" for name, text in found.items())
