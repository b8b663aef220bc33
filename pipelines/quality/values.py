"""How one value of a rule is read, and what it may not be is refused. Pure, the standard library alone.

Each reader takes what was given and where it stands (``columns.day.nulls``), and raises `SpecError` with both.
"""

from __future__ import annotations

import math
import re
from collections.abc import Callable, Mapping
from datetime import UTC, date, datetime
from typing import Any

from ...clusters.fields import refusal, seconds
from .periods import STEPS

Bound = int | float | str
Read = Callable[[Any, str], Any]

TYPES = (
    *("int8", "int16", "int32", "int64", "uint8", "uint16", "uint32", "uint64", "float16", "float32", "float64"),
    *("decimal", "bool", "string", "binary", "date", "time", "timestamp", "duration", "list", "struct", "map"),
)
"""What a column's type may be; a unit, a time zone or a precision is not looked at."""
FAMILIES = {
    "integer": tuple(name for name in TYPES if "int" in name),
    "number": tuple(name for name in TYPES if "int" in name or "float" in name or name == "decimal"),
}
"""Words for several types."""
FUNCTION = r"[A-Za-z_][\w.]*:[A-Za-z_]\w*"
LONGEST = 1000
"""Characters of a text in a rule."""
MOST = 10_000
"""Columns, values and periods that one rule may name."""


def whole(low: int) -> Read:
    """Return the reader of a whole number of at least ``low``."""

    def read(given: Any, at: str) -> int:
        if type(given) is not int or given < low:
            raise refusal(at, given, f"a whole number, at least {low}", f"{at}: {low}")
        return given

    return read


def share(given: Any, at: str) -> float:
    """Return a share of 0 to 1."""
    if type(given) not in (int, float) or not 0 <= given <= 1:
        raise refusal(at, given, "a share from 0 to 1", f"{at}: 0.05   (one in twenty)")
    return float(given)


def flag(given: Any, at: str) -> bool:
    """Return true or false."""
    if type(given) is not bool:
        raise refusal(at, given, "true or false", f"{at}: true")
    return given


def number(given: Any, at: str) -> float:
    """Return a finite number."""
    if type(given) not in (int, float) or not math.isfinite(given):
        raise refusal(at, given, "a finite number", f"{at}: 1.5")
    return given


def text(given: Any, at: str) -> str:
    """Return a printable text that is not empty."""
    if not isinstance(given, str) or not given.isprintable() or not 0 < len(given) <= LONGEST:
        raise refusal(at, given, f"a text of 1 to {LONGEST} characters")
    return given


def bound(given: Any, at: str) -> Bound:
    """Return a number, or a text; a date of YAML becomes the text it was."""
    if isinstance(given, (date, datetime)):
        return given.isoformat()
    return text(given, at) if isinstance(given, str) else number(given, at)


def scalar(given: Any, at: str) -> Bound | bool:
    """Return a number, a text, true or false."""
    return given if type(given) is bool else bound(given, at)


def list_of(read: Read) -> Read:
    """Return the reader of a list whose items ``read`` reads."""

    def read_list(given: Any, at: str) -> tuple[Any, ...]:
        if not isinstance(given, (list, tuple)) or not 0 < len(given) <= MOST:
            raise refusal(at, given, f"a list of 1 to {MOST:,} items")
        return tuple(read(item, f"{at}[{place}]") for place, item in enumerate(given))

    return read_list


def mapping_of(read: Read) -> Read:
    """Return the reader of a mapping by the names of columns, whose values ``read`` reads."""

    def read_mapping(given: Any, at: str) -> dict[str, Any]:
        if not isinstance(given, Mapping) or len(given) > MOST:
            raise refusal(at, given, "a mapping by the names of columns", f"{at}: {{o_orderkey: …}}")
        return {text(name, f"{at}: name"): read(item, f"{at}.{name}") for name, item in given.items()}

    return read_mapping


def pattern(given: Any, at: str) -> str:
    """Return a regular expression."""
    try:
        re.compile(text(given, at))
    except (re.error, OverflowError) as error:
        raise refusal(at, given, f"a regular expression: {error}", f"{at}: '[A-Z]{{2}}[0-9]+'") from None
    return given


def column_type(given: Any, at: str) -> str:
    """Return one of `TYPES` or `FAMILIES`."""
    if not isinstance(given, str) or given not in (*TYPES, *FAMILIES):
        raise refusal(at, given, f"one of {', '.join((*FAMILIES, *TYPES))}", f"{at}: int64")
    return given


def duration(given: Any, at: str) -> int:
    """Return the seconds of a duration, as 2d."""
    try:
        value = -1 if isinstance(given, bool) else seconds(given)
    except (ValueError, OverflowError):
        value = -1
    if value <= 0:
        raise refusal(at, given, "a duration such as 45m, 12h or 2d", f"{at}: 2d")
    return value


def time(given: Any, at: str) -> str:
    """Return a date or time as ISO 8601."""
    said = given.isoformat() if isinstance(given, (date, datetime)) else text(given, at)
    try:
        moment(said)
    except ValueError:
        raise refusal(at, given, "a date or a time as ISO 8601", f"{at}: 2026-03-01") from None
    return said


def moment(text: str) -> float:
    """Return the Unix seconds of a date or time as ISO 8601; one without a zone is in UTC.

    Raises
    ------
    ValueError
        It is none.
    """
    read = datetime.fromisoformat(text)
    return (read if read.tzinfo else read.replace(tzinfo=UTC)).timestamp()


def function(given: Any, at: str) -> str:
    """Return a function as module:name."""
    if not re.fullmatch(FUNCTION, text(given, at), re.ASCII):
        raise refusal(at, given, "module:name", f"{at}: checks.orders:no_orphans")
    return given


def step(given: Any, at: str) -> str:
    """Return one of the steps of `periods`."""
    if given not in STEPS:
        raise refusal(at, given, f"one of {', '.join(STEPS)}", f"{at}: day")
    return given


def either(one: Read, or_list_of: Read) -> Read:
    """Read one thing or a list of them, as a tuple."""
    many = list_of(or_list_of)
    return lambda given, at: many(given, at) if isinstance(given, (list, tuple)) else (one(given, at),)
