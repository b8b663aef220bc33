"""Which price table is in force: the package's own, or the one a refresh left in the user's state, if that is newer."""

from __future__ import annotations

import json
import logging
import os
import tempfile
from collections.abc import Mapping
from functools import cache
from pathlib import Path
from typing import Any

from .paths import state_dir

Table = Mapping[str, Any]
"""data/prices.json as it is parsed; data/README.md says what its fields mean."""

SHIPPED = Path(__file__).with_name("data") / "prices.json"
SECTIONS = ("machines", "disks")
"""The parts of a table that are kind -> region -> rates."""
log = logging.getLogger(__name__)


@cache
def current() -> Table:
    """Return the table in force; it is read once, and again after `keep`."""
    found = _refreshed()
    return found if found is not None and found["as_of"] > shipped()["as_of"] else shipped()


@cache
def shipped() -> Table:
    """Return the table that came with the package."""
    return json.loads(SHIPPED.read_text(encoding="utf-8"))


def keep(table: Table) -> Path:
    """Write ``table`` where `current` finds it from now on, whole or not at all; return where."""
    file = _file()
    handle, name = tempfile.mkstemp(dir=file.parent, prefix=f"{file.name}.")
    with os.fdopen(handle, "w", encoding="utf-8") as written:
        written.write(text(table))
    os.replace(name, file)
    current.cache_clear()
    return file


def text(table: Table) -> str:
    """Return ``table`` as JSON with a line for each kind and region, so that two of them can be compared."""
    entries = [f"  {json.dumps(key)}: {_section(key, value)}" for key, value in table.items()]
    return "{\n" + ",\n".join(entries) + "\n}\n"


def _section(key: str, value: Any) -> str:
    if key not in SECTIONS:
        return json.dumps(value)
    kinds = [f"    {json.dumps(kind)}: {{\n{_rows(regions)}\n    }}" for kind, regions in value.items()]
    return "{\n" + ",\n".join(kinds) + "\n  }"


def _rows(regions: Mapping[str, Mapping[str, float]]) -> str:
    return ",\n".join(f"      {json.dumps(region)}: {json.dumps(rates)}" for region, rates in regions.items())


def _file() -> Path:
    return state_dir() / "prices.json"


def _refreshed() -> Table | None:
    """Return the user's table; None where there is none, or none that can be used: prices keep nobody from working."""
    file = _file()
    if not file.exists():
        return None
    try:
        table = json.loads(file.read_text(encoding="utf-8"))
        if set(shipped()) <= set(table):
            return table
        missing = ", ".join(sorted(set(shipped()) - set(table)))
        log.warning("%s has no %s: the package's prices are used", file, missing)
    except (OSError, ValueError, TypeError) as error:
        log.warning("%s cannot be read, the package's prices are used: %s", file, error)
    return None
