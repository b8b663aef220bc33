"""A notebook as a document: read from a path or any fsspec URL, its cells and tags, nothing of Jupyter imported."""

from __future__ import annotations

import hashlib
import json
from pathlib import Path
from typing import Any

from ..clusters.errors import NotebookError

Notebook = dict[str, Any]
COST = "dask_dataproc_cost"
"""The entry of an executed notebook's metadata with what the clusters cost that it used."""


def is_url(location: str) -> bool:
    """Return whether ``location`` names a store (``gs://…``, ``file://…``) rather than a path."""
    return "://" in location


def read_notebook(location: str | Path) -> Notebook:
    """Return the notebook at a path or URL.

    Raises
    ------
    NotebookError
        It cannot be read, or it is not a notebook of format 4.
    """
    try:
        document = json.loads(_text(str(location)))
    except OSError as error:
        raise NotebookError(f"notebook {location} cannot be read: {error.strerror or error}") from error
    except ValueError as error:
        raise NotebookError(f"{location} is not a notebook: {error}") from error
    if not isinstance(document, dict) or not isinstance(document.get("cells"), list):
        raise NotebookError(f"{location} is not a notebook of format 4", "open it in JupyterLab and save it")
    return document


def tagged_cell(notebook: Notebook, tag: str) -> tuple[int, str] | None:
    """Return number (from 1) and source of the first code cell that carries ``tag``, or None."""
    for number, cell in enumerate(notebook["cells"], start=1):
        if cell.get("cell_type") == "code" and tag in cell.get("metadata", {}).get("tags", ()):
            source = cell.get("source", "")
            return number, source if isinstance(source, str) else "".join(source)
    return None


def content_key(notebook: Notebook) -> str:
    """Return twelve hexadecimal digits of the cells' kinds and sources: what ran or was looked at changes nothing."""
    cells = [[cell.get("cell_type"), "".join(cell.get("source", ""))] for cell in notebook["cells"]]
    return hashlib.sha256(json.dumps(cells).encode()).hexdigest()[:12]


def kernel_of(notebook: Notebook) -> str:
    """Return the name of the kernel the notebook was saved with, ``python3`` if it names none."""
    return notebook.get("metadata", {}).get("kernelspec", {}).get("name") or "python3"


def _text(location: str) -> str:
    if not is_url(location):
        return Path(location).read_text(encoding="utf-8")
    import fsspec

    with fsspec.open(location, encoding="utf-8", mode="rt") as file:
        return file.read()  # pyright: ignore[reportAttributeAccessIssue]  (fsspec types it as a list)
