"""One partition looked at once: rows, nulls, means, newest, and how many values break each rule by pandera's checks."""

from __future__ import annotations

import sys
from dataclasses import dataclass, field
from datetime import UTC, date, datetime
from decimal import Decimal
from importlib import import_module
from typing import Any

import pandas as pd

from .keys import Frame, Series, counted, dealt, hashed, plain
from .periods import called
from .plan import TIMES, Plan, ValueRule

TEXT = 200
"""Characters of a value that a report shows."""
WIDE = 40
"""Columns of a row that a report shows."""


@dataclass(slots=True)
class Seen:
    """What was seen in a partition: counts by column or by rule.

    Attributes
    ----------
    rows : int
    nulls : dict of str to int
        By column.
    failing : dict of str to int
        Rows that break a rule, by the rule's name.
    sums : dict of str to tuple of float and int
        The sum and the number of the values, by column.
    newest : float or None
        Unix seconds.
    present : set of str
        Values of the column of partitions.
    said : dict of str to str
        What pandera says of a schema that fails.
    """

    rows: int
    nulls: dict[str, int] = field(default_factory=dict)
    failing: dict[str, int] = field(default_factory=dict)
    sums: dict[str, tuple[float, int]] = field(default_factory=dict)
    newest: float | None = None
    present: set[str] = field(default_factory=set)
    said: dict[str, str] = field(default_factory=dict)


def look_at(part: Frame, plan: Plan, buckets: int) -> tuple[Seen, list[dict[str, Any]]]:
    """Return what is to be seen in ``part``, and its keys in buckets, by the rules that need them."""
    part = part.reset_index(drop=True)
    seen = Seen(len(part), {name: int(part[name].isna().sum()) for name in plan.nulls})
    for rule in plan.values:
        seen.failing[rule.rule] = len(broken(part, rule))
    for name in plan.means:
        values = part[name].dropna().astype("float64")
        seen.sums[name] = (float(values.sum()), len(values))
    if plan.newest:
        seen.newest = _newest(part[plan.newest].dropna())
    if plan.present:
        seen.present = _present(part[plan.present].dropna(), plan.types[plan.present], plan.every)
    for name in plan.schemas:
        rows, said = schema_broken(part, name)
        seen.failing[f"pandera.{name}"], seen.said[f"pandera.{name}"] = len(rows), said
    return seen, _keys(part, plan, buckets)


def _keys(part: Frame, plan: Plan, buckets: int) -> list[dict[str, Any]]:
    made: list[dict[str, Any]] = [{} for _ in range(buckets)]
    for rule, columns in plan.unique.items():
        for bucket, some in zip(made, dealt(hashed(part, columns).to_numpy(), buckets), strict=True):
            bucket[rule] = some
    for rule, column in plan.references.items():
        for bucket, some in zip(made, counted(part[column], buckets), strict=True):
            bucket[rule] = some
    return made


def broken(part: Frame, rule: ValueRule) -> pd.Index:
    """Return the places of the rows that break ``rule``; nulls break none."""
    values = part[rule.column].dropna()
    if rule.type == "string":
        values = values.astype("str")
    if values.empty:
        return values.index
    keeps = check_of(rule, values)(values).check_output
    return keeps.index[~keeps.astype(bool)]


def check_of(rule: ValueRule, values: Series) -> Any:
    """Return pandera's check for a rule."""
    from pandera.pandas import Check

    match rule.kind:
        case "min":
            return Check.ge(_like(rule.asked, rule.type, values))
        case "max":
            return Check.le(_like(rule.asked, rule.type, values))
        case "allowed":
            return Check.isin([_like(value, rule.type, values) for value in rule.asked])
        case "length":
            return Check.str_length(rule.asked.min, rule.asked.max)
        case _:
            return Check(lambda texts: texts.str.fullmatch(rule.asked))


def _like(value: Any, type: str, values: Series) -> Any:
    """Return what a rule says as the column has it."""
    if type == "decimal":
        return Decimal(str(value))
    if type == "date":
        return date.fromisoformat(value[:10])
    if type == "timestamp":
        at, zone = pd.Timestamp(value), values.dt.tz
        if zone is None:
            return at.tz_convert("UTC").tz_localize(None) if at.tzinfo else at
        return at if at.tzinfo else at.tz_localize("UTC")
    return value


def _newest(values: Series) -> float | None:
    if values.empty:
        return None
    newest = values.max()
    if not isinstance(newest, datetime):
        newest = datetime(newest.year, newest.month, newest.day, tzinfo=UTC)
    return (newest if newest.tzinfo else newest.replace(tzinfo=UTC)).timestamp()


def _present(values: Series, type: str, every: str) -> set[str]:
    found = pd.unique(values)
    if type in TIMES:
        return {called(value, every) for value in found}
    return {str(value) for value in plain(pd.Series(found))}


def schema_broken(part: Frame, name: str) -> tuple[pd.Index, str]:
    """Return the places of the rows that break a pandera schema of somebody's own, and the first line of what it says.

    What breaks it as a whole, as a missing column, counts as a row.
    """
    from pandera.errors import SchemaErrors

    try:
        _named(name).validate(part, lazy=True)
    except SchemaErrors as error:
        cases = error.failure_cases
        places = pd.Index(pd.unique(cases["index"].dropna())).intersection(part.index)
        first = cases.iloc[0]
        return (places if len(places) else part.index[:1]), f"{first['column']}: {first['check']}"
    return part.index[:0], ""


def _named(name: str) -> Any:
    module, _, attribute = name.partition(":")
    if "" not in sys.path:
        sys.path.append("")  # as `python -m` has it: rules of one's own lie in the working folder
    return getattr(import_module(module), attribute)


def shown(rows: Frame, first: tuple[str, ...]) -> list[dict[str, Any]]:
    """Return rows as JSON has them: the columns a rule is about come first, `WIDE` at most, long values cut."""
    names = list(dict.fromkeys([*first, *rows.columns]))[:WIDE]
    return [
        {name: _shown(value) for name, value in zip(names, row, strict=True)} for row in rows[names].to_numpy(object)
    ]


def _shown(value: Any) -> Any:
    if isinstance(value, (bool, int)):
        return value
    if isinstance(value, float):
        return value if value - value == 0 else None if value != value else str(value)
    if value is None or value is pd.NaT or value is pd.NA:
        return None
    said = str(value)
    return said if len(said) <= TEXT else f"{said[:TEXT]}…"
