"""How a cluster finds the views that a person sees of it: by entry point, since they live above this package."""

from __future__ import annotations

from importlib.metadata import entry_points
from typing import Any

GROUP = "dask_dataproc.views"


def view(name: str) -> Any:
    """Return what is installed as the view ``name``, as ``panel``.

    Raises
    ------
    LookupError
        Nothing is: the package was not installed, only put on the path.
    """
    for found in entry_points(group=GROUP, name=name):
        return found.load()
    raise LookupError(f"no view {name!r} is installed in the group {GROUP}: pip install dask-dataproc")
