"""A view as one piece of HTML in the style of the panels: in a notebook's output, and as a page of its own."""

from __future__ import annotations

import html
from importlib.resources import files

LIGHT = {"ui-font-color0": "#000", "ui-font-color1": "#212121", "ui-font-color2": "#595959", "border-color1": "#bdbdbd"}
DARK = {"ui-font-color0": "#fff", "ui-font-color1": "#e0e0e0", "ui-font-color2": "#a8a8a8", "border-color1": "#5f5f5f"}
DARK |= {"brand-color1": "#64b5f6", "content-link-color": "#64b5f6"}
"""JupyterLab's own variables for a page that has none, and follows the reader's setting."""


def css() -> str:
    """Return the style of all panels and views."""
    return files("dask_dataproc.magics").joinpath("panel.css").read_text()


def framed(body: str) -> str:
    """Return ``body``, HTML, in the frame of a view, with its style."""
    return f'<style>{css()}</style><div class="dask-dataproc-panel view">{body}</div>'


def page(title: str, body: str) -> str:
    """Return a whole page with one view, in light or dark as the reader's browser is set."""
    light, dark = (";".join(f"--jp-{name}:{value}" for name, value in each.items()) for each in (LIGHT, DARK))
    scheme = f":root{{color-scheme:light dark;{light}}}@media (prefers-color-scheme:dark){{:root{{{dark}}}}}"
    return (
        f'<!doctype html><html lang="en"><head><meta charset="utf-8"><title>{html.escape(title)}</title>'
        f"<style>{scheme}</style></head><body>{framed(body)}</body></html>\n"
    )
