"""What of the rules can be looked at, given the columns there are: one list for one pass over the data. Pure.

A rule whose column the schema rule finds wrong is not looked at: one fault is one failure. Without such a schema rule
it fails itself.
"""

from __future__ import annotations

from collections.abc import Iterator, Mapping
from dataclasses import dataclass, field
from typing import Any

from .rules import Column, Rules
from .values import FAMILIES, moment

TIMES = ("date", "timestamp")


@dataclass(frozen=True, slots=True)
class ValueRule:
    """What each value of a column keeps.

    Attributes
    ----------
    rule : str
        Its name, as ``columns.o_orderkey.min``.
    column, type : str
        The column and the word for its type.
    kind : str
        ``min``, ``max``, ``allowed``, ``matches`` or ``length``.
    asked : Any
        What the rule says.
    """

    rule: str
    column: str
    type: str
    kind: str
    asked: Any


@dataclass(slots=True)
class Plan:
    """What one pass over the data looks at.

    Attributes
    ----------
    types : mapping of str to str
        The columns there are and the words for their types.
    values : list of ValueRule
    nulls, means : list of str
        Columns.
    unique : dict of str to tuple of str
        Columns that together are not repeated, by the rule's name.
    references : dict of str to str
        Columns whose values another dataset has, by the rule's name.
    newest, present : str
        The column whose newest counts, and the one whose values have to be there; empty for none.
    every : str
        The step of ``present``.
    schemas : list of str
        Pandera schemas, as module:name.
    wrong, untried : dict of str to str
        Rules that fail, or are not looked at, before any row has been read, and why.
    """

    types: Mapping[str, str]
    values: list[ValueRule] = field(default_factory=list)
    nulls: list[str] = field(default_factory=list)
    means: list[str] = field(default_factory=list)
    unique: dict[str, tuple[str, ...]] = field(default_factory=dict)
    references: dict[str, str] = field(default_factory=dict)
    newest: str = ""
    present: str = ""
    every: str = "day"
    schemas: list[str] = field(default_factory=list)
    wrong: dict[str, str] = field(default_factory=dict)
    untried: dict[str, str] = field(default_factory=dict)

    @property
    def columns(self) -> list[str]:
        """The columns that have to be read."""
        if self.schemas:
            return list(self.types)
        used = {*self.nulls, *self.means, *(v.column for v in self.values), *self.references.values()}
        used |= {name for names in self.unique.values() for name in names} | {self.newest, self.present}
        return [name for name in self.types if name in used]


def plan_of(rules: Rules, types: Mapping[str, str], odd: Mapping[str, str]) -> Plan:
    """Return what to look at.

    Parameters
    ----------
    rules : Rules
    types : mapping of str to str
        The columns of the data and the words for their types.
    odd : mapping of str to str
        Columns that are not alike in all files, and how.
    """
    plan = Plan({name: type for name, type in types.items() if name not in odd}, schemas=list(rules.pandera))
    seen_by_schema = _schema(plan, rules, types, odd)

    def usable(rule: str, *names: str) -> bool:
        for name in names:
            if name in seen_by_schema:
                plan.untried[rule] = f"not looked at: schema.{name} failed"
            elif name not in plan.types:
                plan.wrong[rule] = odd.get(name) or _missing(name, types)
        return rule not in plan.wrong and rule not in plan.untried

    for name, column in rules.columns.items():
        _column(plan, name, column, usable)
    for names in rules.unique:
        rule = f"unique.{'+'.join(names)}"
        if usable(rule, *names):
            plan.unique[rule] = names
    for name in rules.references:
        if usable(f"references.{name}", name):
            plan.references[f"references.{name}"] = name
    _times(plan, rules, usable)
    return plan


def _schema(plan: Plan, rules: Rules, types: Mapping[str, str], odd: Mapping[str, str]) -> set[str]:
    """Note what the schema rule finds wrong, and return those columns."""
    found: set[str] = set()
    for name, asked in rules.schema.items():
        if name in odd:
            said = odd[name]
        elif name not in types:
            said = _missing(name, types)
        elif types[name] not in FAMILIES.get(asked, (asked,)):
            said = f"{types[name]} found, {asked} asked"
        else:
            continue
        plan.wrong[f"schema.{name}"] = said
        found.add(name)
    if not rules.extra and (more := [name for name in types if name not in rules.schema]):
        plan.wrong["extra"] = f"columns that schema does not name: {', '.join(more[:10])}"
    return found


def _missing(name: str, types: Mapping[str, str]) -> str:
    return f"no column {name}; there are {', '.join(list(types)[:20])}"


def _column(plan: Plan, name: str, column: Column, usable: Any) -> None:
    for kind, asked in _said(column):
        rule = f"columns.{name}.{kind}"
        if not usable(rule, name):
            continue
        type = plan.types[name]
        if kind == "nulls":
            plan.nulls.append(name)
        elif kind == "unique":
            plan.unique[rule] = (name,)
        elif said := _unfit(kind, asked, type):
            plan.wrong[rule] = said
        elif kind == "mean":
            plan.means.append(name)
        else:
            plan.values.append(ValueRule(rule, name, type, kind, asked))


def _said(column: Column) -> Iterator[tuple[str, Any]]:
    for kind in ("nulls", "unique", "min", "max", "allowed", "matches", "length", "mean"):
        asked = getattr(column, kind)
        if asked is not None and asked is not False and asked not in ("", ()):
            yield kind, asked


def _unfit(kind: str, asked: Any, type: str) -> str:
    """Return why a rule cannot be asked of a column of this type; empty if it can."""
    if kind in ("matches", "length"):
        return "" if type == "string" else f"the column is {type}, and only texts have it"
    if kind == "mean":
        return "" if type in FAMILIES["number"] else f"the column is {type}, and only numbers have one"
    for value in asked if kind == "allowed" else (asked,):
        if not _fits(value, type):
            return f"{value!r} asked, the column is {type}"
    return ""


def _fits(value: Any, type: str) -> bool:
    if type in TIMES and isinstance(value, str):
        try:
            moment(value)
        except ValueError:
            return False
        return True
    if isinstance(value, bool):
        return type == "bool"
    return type == "string" if isinstance(value, str) else type in FAMILIES["number"]


def _times(plan: Plan, rules: Rules, usable: Any) -> None:
    if rules.fresh and rules.fresh.column and usable("fresh", rules.fresh.column):
        type = plan.types[rules.fresh.column]
        if type in TIMES:
            plan.newest = rules.fresh.column
        else:
            plan.wrong["fresh"] = f"{rules.fresh.column} is {type}, a date or a timestamp is needed"
    if rules.partitions and usable("partitions", rules.partitions.column):
        plan.present, plan.every = rules.partitions.column, rules.partitions.every
