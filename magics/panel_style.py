"""How a panel looks, and how it is known: its parts under one box with the style of all panels."""

from __future__ import annotations

from collections.abc import Iterable
from typing import Any

import ipywidgets

from .page import css

MARK = "dask-dataproc"
"""The metadata of an output by which our labextension knows a panel, to show the table of one whose kernel is gone."""


def styled(parts: Iterable[Any]) -> Any:
    """Return ``parts`` one under the other, as a panel."""
    style = ipywidgets.HTML(f"<style>{css()}</style>")
    style.layout.display = "none"
    widget = ipywidgets.VBox([style, *parts])
    widget.add_class("dask-dataproc-panel")
    return widget
