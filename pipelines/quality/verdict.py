"""What follows of what was seen: each rule passed, failed or not looked at, in words and numbers. Pure."""

from __future__ import annotations

from collections.abc import Iterator, Mapping
from dataclasses import asdict, dataclass, field
from datetime import UTC, datetime
from typing import Any

from ...clusters.fields import duration_text
from .rules import Range, Rules
from .values import moment

SHOWN = 10
"""Partitions or values that a line names."""


@dataclass(slots=True)
class Outcome:
    """How one rule ended.

    Attributes
    ----------
    rule : str
        Its name, as ``columns.o_orderkey.unique``.
    passed : bool or None
        None if it was not looked at.
    said : str
        What was found and what was asked.
    rows : int or None
        How many rows break it; None where it is not about single rows.
    sample : list of dict
        Some of them.
    """

    rule: str
    passed: bool | None
    said: str
    rows: int | None = None
    sample: list[dict[str, Any]] = field(default_factory=list)

    def to_dict(self) -> dict[str, Any]:
        """Return it as JSON has it."""
        return asdict(self)


@dataclass(frozen=True, slots=True)
class Facts:
    """What was seen.

    Attributes
    ----------
    rows : int
    before : int or None
        Rows of what is published now; None if nothing is.
    nulls, broken : mapping of str to int
        Nulls by column, and rows that break a rule by the rule's name.
    means : mapping of str to float or None
        By column; None for one without a value.
    keys : mapping of str to int
        Different keys that are repeated, by rule.
    absent : mapping of str to list
        Some of the values that another dataset does not have, by rule.
    newest : float or None
        When the newest of it is from, in Unix seconds.
    present : set of str
        Values of the column of partitions.
    said : mapping of str to str
        What schemas and functions say, by rule; an empty text if they pass.
    now : float
        Unix seconds.
    """

    rows: int
    before: int | None = None
    nulls: Mapping[str, int] = field(default_factory=dict)
    broken: Mapping[str, int] = field(default_factory=dict)
    means: Mapping[str, float | None] = field(default_factory=dict)
    keys: Mapping[str, int] = field(default_factory=dict)
    absent: Mapping[str, list[Any]] = field(default_factory=dict)
    newest: float | None = None
    present: frozenset[str] = frozenset()
    said: Mapping[str, str] = field(default_factory=dict)
    now: float = 0.0


def judged(rules: Rules, facts: Facts, wrong: Mapping[str, str], untried: Mapping[str, str]) -> list[Outcome]:
    """Return how each rule ended, in the order in which rules are documented.

    Parameters
    ----------
    rules : Rules
    facts : Facts
    wrong, untried : mapping of str to str
        Rules that fail, or were not looked at, without a row having been read, and why.
    """
    made = [*_rows(rules, facts), *_schema(rules), *_columns(rules, facts), *_keys(rules, facts), *_whole(rules, facts)]
    made += [Outcome(rule, not facts.said.get(rule), facts.said.get(rule) or "keeps it") for rule in _own(rules)]
    for outcome in made:
        if outcome.rule in wrong:
            outcome.passed, outcome.said, outcome.rows = False, wrong[outcome.rule], None
        elif outcome.rule in untried:
            outcome.passed, outcome.said, outcome.rows = None, untried[outcome.rule], None
        elif outcome.rule in facts.broken and outcome.rule.startswith(("custom", "pandera")):
            outcome.rows = facts.broken[outcome.rule]
    return made


def _rows(rules: Rules, facts: Facts) -> Iterator[Outcome]:
    rows, asked = facts.rows, rules.rows
    if asked.min is not None:
        yield Outcome("rows.min", rows >= asked.min, f"{rows:,} rows, at least {asked.min:,} asked")
    if asked.max is not None:
        yield Outcome("rows.max", rows <= asked.max, f"{rows:,} rows, at most {asked.max:,} asked")
    if asked.drop is not None and facts.before is None:
        yield Outcome("rows.drop", True, "nothing is published yet to be held against")
    elif asked.drop is not None and facts.before is not None:
        least = facts.before * (1 - asked.drop)
        said = f"{rows:,} rows, {facts.before:,} are published, {asked.drop:.0%} fewer allowed"
        yield Outcome("rows.drop", rows >= least, said)


def _schema(rules: Rules) -> Iterator[Outcome]:
    for name, asked in rules.schema.items():
        yield Outcome(f"schema.{name}", True, asked)
    if not rules.extra:
        yield Outcome("extra", True, "no columns but those of schema")


def _columns(rules: Rules, facts: Facts) -> Iterator[Outcome]:
    for name, column in rules.columns.items():
        at = f"columns.{name}"
        if column.nulls is not None:
            nulls = facts.nulls.get(name, 0)
            said = f"{nulls:,} of {facts.rows:,} rows are null, a share of {column.nulls:g} allowed"
            yield Outcome(f"{at}.nulls", nulls <= column.nulls * facts.rows, said, nulls)
        if column.unique:
            yield _repeated(f"{at}.unique", facts)
        for kind, asked in (("min", "at least"), ("max", "at most")):
            if (bound := getattr(column, kind)) is not None:
                yield _each(f"{at}.{kind}", facts, f"{asked} {bound} asked")
        if column.allowed:
            yield _each(f"{at}.allowed", facts, f"allowed are {_some([str(value) for value in column.allowed])}")
        if column.matches:
            yield _each(f"{at}.matches", facts, f"{column.matches} asked of the whole text")
        if column.length:
            yield _each(f"{at}.length", facts, f"{_range(column.length)} characters asked")
        if column.mean:
            yield _mean(f"{at}.mean", facts.means.get(name), column.mean)


def _each(rule: str, facts: Facts, asked: str) -> Outcome:
    rows = facts.broken.get(rule, 0)
    return Outcome(rule, not rows, f"{rows:,} of {facts.rows:,} rows break it: {asked}" if rows else asked, rows)


def _repeated(rule: str, facts: Facts) -> Outcome:
    rows, keys = facts.broken.get(rule, 0), facts.keys.get(rule, 0)
    said = f"{rows:,} rows repeat {keys:,} keys" if rows else "no key is repeated"
    return Outcome(rule, not rows, said, rows)


def _mean(rule: str, mean: float | None, asked: Range) -> Outcome:
    if mean is None:
        return Outcome(rule, True, "no value to take a mean of")
    good = (asked.min is None or mean >= asked.min) and (asked.max is None or mean <= asked.max)
    return Outcome(rule, good, f"the mean is {mean:.6g}, {_range(asked)} asked")


def _keys(rules: Rules, facts: Facts) -> Iterator[Outcome]:
    for names in rules.unique:
        yield _repeated(f"unique.{'+'.join(names)}", facts)
    for name, other in rules.references.items():
        rule = f"references.{name}"
        rows = facts.broken.get(rule, 0)
        where = f"{other.column} of {other.to}"
        said = f"{rows:,} rows have values that {where} has not: {_some([str(v) for v in facts.absent.get(rule, [])])}"
        yield Outcome(rule, not rows, said if rows else f"all of them are in {where}", rows)


def _whole(rules: Rules, facts: Facts) -> Iterator[Outcome]:
    if rules.fresh and rules.fresh.within:
        against = moment(rules.fresh.as_of) if rules.fresh.as_of else facts.now
        yield _fresh(facts.newest, against, rules.fresh.within)
    if rules.partitions:
        expected = rules.partitions.expected()
        missing = [name for name in expected if name not in facts.present]
        said = f"{len(missing):,} of {len(expected):,} are missing: {_some(missing)}"
        yield Outcome("partitions", not missing, said if missing else f"all {len(expected):,} are there")


def _fresh(newest: float | None, against: float, within: int) -> Outcome:
    if newest is None:
        return Outcome("fresh", False, "there is no time in it at all")
    at, held = (f"{datetime.fromtimestamp(time, UTC):%Y-%m-%d %H:%M}" for time in (newest, against))
    said = f"the newest is of {at} UTC, at most {duration_text(within)} before {held} asked"
    return Outcome("fresh", newest >= against - within, said)


def _own(rules: Rules) -> Iterator[str]:
    yield from (f"custom.{name}" for name in rules.custom)
    yield from (f"pandera.{name}" for name in rules.pandera)


def _range(asked: Range) -> str:
    if asked.min is None:
        return f"at most {asked.max:g}"
    return f"at least {asked.min:g}" if asked.max is None else f"{asked.min:g} to {asked.max:g}"


def _some(names: list[str]) -> str:
    more = f" and {len(names) - SHOWN:,} more" if len(names) > SHOWN else ""
    return ", ".join(names[:SHOWN]) + more
