"""What has to change so that an Airflow has what an environment's file names, and how a person reads it. Pure."""

from __future__ import annotations

import json
from collections.abc import Mapping
from dataclasses import dataclass, field
from typing import Any

from ...clusters.errors import ConfigError
from .environment import Item, Secret

MASK = "***"
"""What Airflow shows of a secret."""
SIGNS = {"create": "+", "update": "~", "delete": "-"}
UNREADABLE = "password"
"""The field that no version of Airflow gives back."""
SHOWN = 60


@dataclass(frozen=True, slots=True)
class Change:
    """One call that is to be made.

    Attributes
    ----------
    action : str
        ``create``, ``update`` or ``delete``.
    kind, name : str
        Of what.
    fields : mapping
        What it is to have afterwards, only what changes; secrets in it are not looked into by `repr`.
    was : mapping
        What it has now, as Airflow says it.
    """

    action: str
    kind: str
    name: str
    fields: Mapping[str, Any] = field(default_factory=dict)
    was: Mapping[str, Any] = field(default_factory=dict, repr=False)

    def __str__(self) -> str:
        return f"{self.kind} {self.name}"


def change_of(item: Item, found: Mapping[str, Any] | None, *, secrets: bool = False) -> Change | None:
    """Return what brings ``item`` in line with what Airflow has ``found`` of it, None where nothing does.

    Parameters
    ----------
    item : Item
    found : mapping or None
        What its API says; None where there is none of that name.
    secrets : bool
        Write what cannot be read back once more, as after a secret's rotation.

    Raises
    ------
    ConfigError
        An ``extra`` that would have to be written back holds a secret that Airflow masks and the file does not name.
    """
    if item.fields is None:
        return None if found is None else Change("delete", item.kind, item.name, was=found)
    if found is None:
        return Change("create", item.kind, item.name, item.fields)
    differing = {}
    for name, wanted in item.fields.items():
        if name == "extra":
            differing |= _extra(item, wanted, found, secrets)
        elif _differs(wanted, found.get(name), unreadable=name == UNREADABLE, secrets=secrets):
            differing[name] = wanted
    return Change("update", item.kind, item.name, differing, found) if differing else None


def _differs(wanted: Any, has: Any, *, unreadable: bool, secrets: bool) -> bool:
    if isinstance(wanted, Secret):
        if unreadable or has == MASK:
            return secrets
        return has != wanted.value
    if has == MASK:  # not a secret to us, but to Airflow: it cannot be compared either
        return secrets
    return ("" if has is None else has) != wanted


def _extra(item: Item, wanted: Mapping[str, Any], found: Mapping[str, Any], secrets: bool) -> dict[str, Any]:
    has = parsed(found.get("extra"))
    if not any(_differs(v, has.get(k), unreadable=False, secrets=secrets) for k, v in wanted.items()):
        return {}
    hidden = sorted(name for name, value in has.items() if value == MASK and name not in wanted)
    if hidden:
        where = f"connections.{item.name}.extra.{hidden[0]}"
        raise ConfigError(f"{where}: is masked by Airflow, and would be lost in writing", f"{where}: {{env: NAME}}")
    return {"extra": {**has, **wanted}}


def parsed(extra: str | None) -> dict[str, Any]:
    """Return a connection's ``extra`` as the mapping it stands for; an empty one where it is something else."""
    try:
        found = json.loads(extra or "{}")
    except ValueError:
        return {}
    return found if isinstance(found, dict) else {}


def described(change: Change) -> list[str]:
    """Return the lines that tell a person of ``change``; no secret is in them."""
    lines = [f"  {SIGNS[change.action]} {change}"]
    for name, value in change.fields.items():
        if name == "extra":
            had = parsed(change.was.get("extra"))
            pairs = {f"extra.{k}": (had.get(k), v) for k, v in value.items() if had.get(k) != v}
        else:
            pairs = {name: (change.was.get(name), value)}
        lines += [f"      {k}: {_step(change.action, had, has)}" for k, (had, has) in pairs.items()]
    return lines


def _step(action: str, had: Any, has: Any) -> str:
    hidden = isinstance(has, Secret)
    new = str(has) if hidden else _brief(has)
    if action == "create":
        return new
    return f"{'(secret)' if hidden else _brief(had)} -> {new}"


def _brief(value: Any) -> str:
    text = json.dumps(value, ensure_ascii=False)
    return text if len(text) <= SHOWN else f"{text[:SHOWN]}…"


def summary(changes: list[Change]) -> str:
    """Return the line that counts ``changes``."""
    counts = {action: sum(c.action == action for c in changes) for action in SIGNS}
    return "Plan: " + ", ".join(f"{count} to {action}" for action, count in counts.items())
