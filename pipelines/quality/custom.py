"""A check of somebody's own: a function that is given the Dask frame and says what is wrong with it."""

from __future__ import annotations

import sys
from dataclasses import dataclass, field
from importlib import import_module
from typing import Any

from ...clusters.errors import QualityError
from ...clusters.listing import one_line
from .partition import shown


@dataclass(frozen=True, slots=True)
class Said:
    """What a function says: nothing if the data pass, the number of failing rows where it gives them, and some."""

    text: str = ""
    rows: int | None = None
    sample: list[dict[str, Any]] = field(default_factory=list)


def ask(name: str, frame: Any, most: int) -> Said:
    """Return what the function ``name``, as module:function, says of ``frame``.

    It may return True or an empty text for data that pass; False, a text that says what is wrong, or a frame of
    the failing rows. An exception in it is a failure in its own words.

    Raises
    ------
    QualityError
        There is no such function.
    """
    module, _, attribute = name.partition(":")
    if "" not in sys.path:
        sys.path.append("")  # as `python -m` has it: functions of one's own lie in the working folder
    try:
        function = getattr(import_module(module), attribute)
    except (ImportError, AttributeError) as error:
        raise QualityError(
            f"custom {name}: {one_line(error)}", "a module beside the job, or a package on the nodes"
        ) from error
    try:
        return _understood(function(frame), most)
    except Exception as error:  # whatever a person's function raises
        return Said(f"{type(error).__name__}: {one_line(error)}")


def _understood(given: Any, most: int) -> Said:
    if isinstance(given, str):
        return Said(given)
    if given is True or given is False or type(given).__name__ == "bool_":
        return Said("" if given else "it says no")
    if hasattr(given, "columns"):
        rows = len(given)
        return Said(f"{rows:,} rows fail", rows, _head(given, most)) if rows else Said(rows=0)
    return Said(f"it returned {type(given).__name__}; a bool, a text or a frame of failing rows is expected")


def _head(given: Any, most: int) -> list[dict[str, Any]]:
    if not most:
        return []
    return shown(given.head(most, npartitions=-1) if hasattr(given, "dask") else given.head(most), ())
