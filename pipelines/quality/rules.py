"""Rules of quality as plain data: which there are, and what each may say. Pure, the standard library alone.

The fields below are the list: what is refused, what is documented and what is checked come from them.
"""

from __future__ import annotations

import dataclasses
from collections.abc import Callable, Mapping
from dataclasses import dataclass
from typing import Any, TypeVar

from ...clusters.errors import SpecError
from ...clusters.fields import refusal, unknown
from .periods import periods
from .values import (
    MOST,
    Bound,
    Read,
    bound,
    column_type,
    duration,
    either,
    flag,
    function,
    list_of,
    mapping_of,
    number,
    pattern,
    scalar,
    share,
    step,
    text,
    time,
    whole,
)

Kind = TypeVar("Kind")


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

    min: float | None = rule(None, number, "the least there may be")
    max: float | None = rule(None, number, "the most there may be")


@dataclass(frozen=True, slots=True)
class Column:
    """What the values of one column keep. Nulls break no rule but ``nulls``."""

    nulls: float | None = rule(None, share, "the share of rows that may be null or NaN")
    unique: bool = rule(False, flag, "no value twice, in whichever file; nulls aside")
    min: Bound | None = rule(None, bound, "the least a value may be: a number, a date or time as ISO 8601, or a text")
    max: Bound | None = rule(None, bound, "the most a value may be")
    allowed: tuple[Any, ...] = rule((), list_of(scalar), "all the values there may be")
    matches: str = rule("", pattern, "a regular expression that the whole of a text matches")
    length: Range | None = rule(None, _of(lambda: Range), "how many characters a text may have")
    mean: Range | None = rule(None, _of(lambda: Range), "where the mean of the column may be: what drifts")


@dataclass(frozen=True, slots=True)
class Rows:
    """How many rows there are."""

    min: int | None = rule(None, whole(0), "at least")
    max: int | None = rule(None, whole(0), "at most")
    drop: float | None = rule(None, share, "the share they may be fewer than in what is published now")


@dataclass(frozen=True, slots=True)
class Fresh:
    """How old the newest of it may be."""

    column: str = rule("", text, "the column of dates or times whose newest counts; without it the newest file's time")
    within: int | None = rule(None, duration, "how old at most")
    as_of: str = rule("", time, "the time it is held against, as a backfill's own date; without it now")


@dataclass(frozen=True, slots=True)
class Partitions:
    """Which values of a column have to be there."""

    column: str = rule("", text, "the column, of the files or of their folders")
    start: Bound | None = rule(None, bound, "the first: a date, a time, or a whole number")
    end: Bound | None = rule(None, bound, "the last, itself asked for too")
    every: str = rule("day", step, "the step from one to the next, where they are dates")
    values: tuple[Any, ...] = rule((), list_of(bound), "in place of first and last: the values themselves")

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

    to: str = rule("", text, "the other dataset, a path or URL")
    column: str = rule("", text, "its column")


@dataclass(frozen=True, slots=True)
class Rules:
    """What a dataset keeps."""

    rows: Rows = rule(Rows(), _of(lambda: Rows), "how many rows there are")
    schema: Mapping[str, str] = rule({}, mapping_of(column_type), "columns and their types, in any order")
    extra: bool = rule(True, flag, "whether there may be columns that schema does not name")
    columns: Mapping[str, Column] = rule({}, mapping_of(_of(lambda: Column)), "what the values of each column keep")
    unique: tuple[tuple[str, ...], ...] = rule((), list_of(list_of(text)), "columns that together are not repeated")
    fresh: Fresh | None = rule(None, _of(lambda: Fresh), "how old the newest of it may be")
    partitions: Partitions | None = rule(None, _of(lambda: Partitions), "which values of a column have to be there")
    references: Mapping[str, Reference] = rule(
        {}, mapping_of(_of(lambda: Reference)), "columns whose values another dataset has"
    )
    custom: tuple[str, ...] = rule((), either(function, function), "functions of your own, as module:function")
    pandera: tuple[str, ...] = rule((), either(function, function), "pandera schemas of your own, as module:name")


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
