"""Which price table is in force: the package's own, or the one a refresh left in the user's state, if that is newer."""

from __future__ import annotations

import datetime
import json
import logging
from collections.abc import Mapping
from functools import cache
from pathlib import Path
from typing import Any

from .errors import ConfigError
from .paths import state_dir, write_whole

Table = Mapping[str, Any]
"""data/prices.json as it is parsed; docs/prices.md says what its fields mean."""

SHIPPED = Path(__file__).with_name("data") / "prices.json"
SECTIONS = ("machines", "disks")
"""The parts of a table that are kind -> region -> rates."""
log = logging.getLogger(__name__)


@cache
def current() -> Table:
    """Return the table in force; it is read once, and again after `keep`."""
    found = _refreshed()
    return found if found is not None and found["as_of"] >= shipped()["as_of"] else shipped()


def about() -> dict[str, Any]:
    """Return what a document with prices says of them: their currency, their day and where they are from."""
    return {"currency": "USD", "as_of": current()["as_of"], "source": current()["source"]}


@cache
def shipped() -> Table:
    """Return the table that came with the package."""
    return json.loads(SHIPPED.read_text(encoding="utf-8"))


def keep(table: Table) -> Path:
    """Write ``table`` where `current` finds it from now on, whole or not at all; return where."""
    file = _file()
    write_whole(file, text(table))
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
    try:
        file = _file()
        if not file.exists():
            return None
        table = json.loads(file.read_text(encoding="utf-8"))
        datetime.date.fromisoformat(table["as_of"])
        if missing := set(shipped()) - set(table):
            raise ValueError(f"no {', '.join(sorted(missing))} in it")
    except (OSError, ConfigError, ValueError, TypeError, KeyError) as error:
        log.warning("prices.json of the user's state cannot be used, the package's prices are: %s", error)
        return None
    return table
