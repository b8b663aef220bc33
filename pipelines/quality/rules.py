"""Rules of quality as plain data: which there are, and what each may say. Pure, the standard library alone.

The fields below are the list: what is refused, what is documented and what is checked come from them.
"""

from __future__ import annotations

import dataclasses
import math
import re
from collections.abc import Callable, Mapping
from dataclasses import dataclass
from datetime import UTC, date, datetime
from typing import Any, TypeVar

from ...clusters.errors import SpecError
from ...clusters.fields import refusal, seconds, unknown
from .periods import STEPS, periods

Kind = TypeVar("Kind")
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


def _whole(low: int) -> Read:
    def read(given: Any, at: str) -> int:
        if type(given) is not int or given < low:
            raise refusal(at, given, f"a whole number, at least {low}", f"{at}: {low}")
        return given

    return read


def _share(given: Any, at: str) -> float:
    if type(given) not in (int, float) or not 0 <= given <= 1:
        raise refusal(at, given, "a share from 0 to 1", f"{at}: 0.05   (one in twenty)")
    return float(given)


def _flag(given: Any, at: str) -> bool:
    if type(given) is not bool:
        raise refusal(at, given, "true or false", f"{at}: true")
    return given


def _number(given: Any, at: str) -> float:
    if type(given) not in (int, float) or not math.isfinite(given):
        raise refusal(at, given, "a finite number", f"{at}: 1.5")
    return given


def _text(given: Any, at: str) -> str:
    if not isinstance(given, str) or not given.isprintable() or not 0 < len(given) <= LONGEST:
        raise refusal(at, given, f"a text of 1 to {LONGEST} characters")
    return given


def _bound(given: Any, at: str) -> Bound:
    """Return a number, or a text; a date of YAML becomes the text it was."""
    if isinstance(given, (date, datetime)):
        return given.isoformat()
    return _text(given, at) if isinstance(given, str) else _number(given, at)


def _value(given: Any, at: str) -> Bound | bool:
    return given if type(given) is bool else _bound(given, at)


def _list_of(read: Read) -> Read:
    def read_list(given: Any, at: str) -> tuple[Any, ...]:
        if not isinstance(given, (list, tuple)) or not 0 < len(given) <= MOST:
            raise refusal(at, given, f"a list of 1 to {MOST:,} items")
        return tuple(read(item, f"{at}[{place}]") for place, item in enumerate(given))

    return read_list


def _mapping_of(read: Read) -> Read:
    def read_mapping(given: Any, at: str) -> dict[str, Any]:
        if not isinstance(given, Mapping) or len(given) > MOST:
            raise refusal(at, given, "a mapping by the names of columns", f"{at}: {{o_orderkey: …}}")
        return {_text(name, f"{at}: name"): read(item, f"{at}.{name}") for name, item in given.items()}

    return read_mapping


def _pattern(given: Any, at: str) -> str:
    try:
        re.compile(_text(given, at))
    except (re.error, OverflowError) as error:
        raise refusal(at, given, f"a regular expression: {error}", f"{at}: '[A-Z]{{2}}[0-9]+'") from None
    return given


def _type(given: Any, at: str) -> str:
    if not isinstance(given, str) or given not in (*TYPES, *FAMILIES):
        raise refusal(at, given, f"one of {', '.join((*FAMILIES, *TYPES))}", f"{at}: int64")
    return given


def _duration(given: Any, at: str) -> int:
    try:
        value = -1 if isinstance(given, bool) else seconds(given)
    except (ValueError, OverflowError):
        value = -1
    if value <= 0:
        raise refusal(at, given, "a duration such as 45m, 12h or 2d", f"{at}: 2d")
    return value


def _moment(given: Any, at: str) -> str:
    text = given.isoformat() if isinstance(given, (date, datetime)) else _text(given, at)
    try:
        moment(text)
    except ValueError:
        raise refusal(at, given, "a date or a time as ISO 8601", f"{at}: 2026-03-01") from None
    return text


def moment(text: str) -> float:
    """Return the Unix seconds of a date or time as ISO 8601; one without a zone is in UTC.

    Raises
    ------
    ValueError
        It is none.
    """
    read = datetime.fromisoformat(text)
    return (read if read.tzinfo else read.replace(tzinfo=UTC)).timestamp()


def _function(given: Any, at: str) -> str:
    if not re.fullmatch(FUNCTION, _text(given, at), re.ASCII):
        raise refusal(at, given, "module:name", f"{at}: checks.orders:no_orphans")
    return given


def _step(given: Any, at: str) -> str:
    if given not in STEPS:
        raise refusal(at, given, f"one of {', '.join(STEPS)}", f"{at}: day")
    return given


def _either(one: Read, or_list_of: Read) -> Read:
    """Read one thing or a list of them, as a tuple."""
    many = _list_of(or_list_of)
    return lambda given, at: many(given, at) if isinstance(given, (list, tuple)) else (one(given, at),)


def rule(default: Any, read: Read, help: str) -> Any:
    """Declare a field of a dataclass of rules: how what is given for it is read, and what it asks in one line."""
    about = {"read": read, "help": help}
    if isinstance(default, dict):
        return dataclasses.field(default_factory=dict, metadata=about)
    return dataclasses.field(default=default, metadata=about)


def _of(kind: Callable[[], type]) -> Read:
    return lambda given, at: _read(kind(), given, at)


@dataclass(frozen=True, slots=True)
class Range:
    """From where to where a number may be."""

    min: float | None = rule(None, _number, "the least there may be")
    max: float | None = rule(None, _number, "the most there may be")


@dataclass(frozen=True, slots=True)
class Column:
    """What the values of one column keep. Nulls break no rule but ``nulls``."""

    nulls: float | None = rule(None, _share, "the share of rows that may be null or NaN")
    unique: bool = rule(False, _flag, "no value twice, in whichever file; nulls aside")
    min: Bound | None = rule(None, _bound, "the least a value may be: a number, a date or time as ISO 8601, or a text")
    max: Bound | None = rule(None, _bound, "the most a value may be")
    allowed: tuple[Any, ...] = rule((), _list_of(_value), "all the values there may be")
    matches: str = rule("", _pattern, "a regular expression that the whole of a text matches")
    length: Range | None = rule(None, _of(lambda: Range), "how many characters a text may have")
    mean: Range | None = rule(None, _of(lambda: Range), "where the mean of the column may be: what drifts")


@dataclass(frozen=True, slots=True)
class Rows:
    """How many rows there are."""

    min: int | None = rule(None, _whole(0), "at least")
    max: int | None = rule(None, _whole(0), "at most")
    drop: float | None = rule(None, _share, "the share they may be fewer than in what is published now")


@dataclass(frozen=True, slots=True)
class Fresh:
    """How old the newest of it may be."""

    column: str = rule("", _text, "the column of dates or times whose newest counts; without it the newest file's time")
    within: int | None = rule(None, _duration, "how old at most")
    as_of: str = rule("", _moment, "the time it is held against, as a backfill's own date; without it now")


@dataclass(frozen=True, slots=True)
class Partitions:
    """Which values of a column have to be there."""

    column: str = rule("", _text, "the column, of the files or of their folders")
    start: Bound | None = rule(None, _bound, "the first: a date, a time, or a whole number")
    end: Bound | None = rule(None, _bound, "the last, itself asked for too")
    every: str = rule("day", _step, "the step from one to the next, where they are dates")
    values: tuple[Any, ...] = rule((), _list_of(_bound), "in place of first and last: the values themselves")

    def expected(self) -> list[str]:
        """Return the values that have to be there, as texts.

        Raises
        ------
        ValueError
            ``start`` and ``end`` are no dates or whole numbers, the wrong way round, or too far apart.
        """
        if self.values:
            return [str(value) for value in self.values]
        return periods(self.start, self.end, self.every, MOST)


@dataclass(frozen=True, slots=True)
class Reference:
    """Where the values of a column have to be found."""

    to: str = rule("", _text, "the other dataset, a path or URL")
    column: str = rule("", _text, "its column")


@dataclass(frozen=True, slots=True)
class Rules:
    """What a dataset keeps."""

    rows: Rows = rule(Rows(), _of(lambda: Rows), "how many rows there are")
    schema: Mapping[str, str] = rule({}, _mapping_of(_type), "columns and their types, in any order")
    extra: bool = rule(True, _flag, "whether there may be columns that schema does not name")
    columns: Mapping[str, Column] = rule({}, _mapping_of(_of(lambda: Column)), "what the values of each column keep")
    unique: tuple[tuple[str, ...], ...] = rule((), _list_of(_list_of(_text)), "columns that together are not repeated")
    fresh: Fresh | None = rule(None, _of(lambda: Fresh), "how old the newest of it may be")
    partitions: Partitions | None = rule(None, _of(lambda: Partitions), "which values of a column have to be there")
    references: Mapping[str, Reference] = rule(
        {}, _mapping_of(_of(lambda: Reference)), "columns whose values another dataset has"
    )
    custom: tuple[str, ...] = rule((), _either(_function, _function), "functions of your own, as module:function")
    pandera: tuple[str, ...] = rule((), _either(_function, _function), "pandera schemas of your own, as module:name")


SPELLED = {"start": "from", "end": "to"}
"""Fields of `Partitions` whose names in the rules Python does not allow or that read badly in code."""
NEEDED = {Fresh: ("within",), Partitions: ("column",), Reference: ("to", "column")}


def read_rules(given: Mapping[str, Any]) -> Rules:
    """Return the rules that ``given``, out of JSON or YAML, stands for.

    Raises
    ------
    SpecError
        One line: the field, what is allowed, what was given.
    """
    return _read(Rules, given, "")


def names_of(kind: type) -> dict[str, str]:
    """Return the fields that rules of ``kind`` may have, as they are written, and what each asks."""
    return {_spelled(kind, field.name): field.metadata["help"] for field in dataclasses.fields(kind)}


def _spelled(kind: type, name: str) -> str:
    return SPELLED.get(name, name) if kind is Partitions else name


def _read(kind: type[Kind], given: Any, at: str) -> Kind:
    at_field = f"{at}." if at else ""
    if not isinstance(given, Mapping):
        raise refusal(at or "rules", given, f"a mapping of {', '.join(names_of(kind))}")
    fields = {_spelled(kind, field.name): field for field in dataclasses.fields(kind)}  # pyright: ignore[reportArgumentType]
    for name in given:
        if name not in fields:
            raise unknown(f"{at_field}{name}", [f"{at_field}{each}" for each in fields], "rule")
    read = {
        f.name: f.metadata["read"](given[n], f"{at_field}{n}") for n, f in fields.items() if given.get(n) is not None
    }
    made = kind(**read)
    _check(made, at)
    return made


def _check(made: Any, at: str) -> None:
    """Refuse what each field may say but not all of them together."""
    for name in NEEDED.get(type(made), ()):
        if not getattr(made, name):
            raise SpecError(f"{at}.{name}: nothing given, it is needed", f"{at}: {{{name}: …}}")
    low, high = getattr(made, "min", None), getattr(made, "max", None)
    if low is not None and high is not None:
        if isinstance(low, str) != isinstance(high, str):
            raise refusal(f"{at}.max", high, f"of the kind of min, which is {low!r}")
        if low > high:
            raise refusal(f"{at}.max", high, f"at least min, which is {low!r}")
    if isinstance(made, Partitions):
        try:
            made.expected()
        except ValueError as error:
            raise SpecError(f"{at}: {error}", f"{at}: {{column: day, from: 2026-03-01, to: 2026-03-31}}") from None
