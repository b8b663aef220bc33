"""Plain values as Python source, laid out as ruff and black do it: what is generated needs no formatter. Pure."""

from __future__ import annotations

import math
from typing import Any

WIDTH = 120
STEP = "    "


def literal(value: Any, *, indent: int = 0, used: int = 0) -> str:
    """Return ``value`` as source: on one line if it fits, else one item a line with a trailing comma.

    Parameters
    ----------
    value : object
        None, bool, int, float, str, and list, dict and set of such.
    indent : int
        Levels of the line on which the text begins.
    used : int
        Characters of that line taken by others, before the text and after it.
    """
    flat = _flat(value)
    if not value or not isinstance(value, list | dict | set) or len(STEP) * indent + used + len(flat) <= WIDTH:
        return flat
    return exploded(
        "[{"[not isinstance(value, list)], _items(value, indent + 1), "]}"[not isinstance(value, list)], indent
    )


def exploded(opening: str, items: list[str], closing: str, indent: int) -> str:
    """Return ``items`` one a line between ``opening`` and ``closing``."""
    lines = "".join(f"{STEP * (indent + 1)}{item},\n" for item in items)
    return f"{opening}\n{lines}{STEP * indent}{closing}"


def _items(value: Any, indent: int) -> list[str]:
    if isinstance(value, dict):
        keys = [text(key) for key in value]
        return [
            f"{key}: {literal(item, indent=indent, used=len(key) + 3)}"
            for key, item in zip(keys, value.values(), strict=True)
        ]
    return [literal(item, indent=indent, used=1) for item in (sorted(value) if isinstance(value, set) else value)]


def _flat(value: Any) -> str:
    if isinstance(value, dict):
        return "{" + ", ".join(f"{text(key)}: {_flat(item)}" for key, item in value.items()) + "}"
    if isinstance(value, set):
        return "{" + ", ".join(map(_flat, sorted(value))) + "}" if value else "set()"
    if isinstance(value, list):
        return "[" + ", ".join(map(_flat, value)) + "]"
    if isinstance(value, float) and not math.isfinite(value):
        return f'float("{value}")'
    return text(value) if isinstance(value, str) else repr(value)


def text(value: str) -> str:
    """Return a string literal, in double quotes unless single ones need fewer escapes."""
    quote = "'" if value.count('"') > value.count("'") else '"'
    body = "".join(f"\\{c}" if c == quote else c if c in "'\"" else repr(c)[1:-1] for c in value)
    return f"{quote}{body}{quote}"
