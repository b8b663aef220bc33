"""Faults that were asked for: what goes wrong, how often, and where; nothing ever fails by itself.

A fault that concerns calls or operations waits until one comes that it matches, and is spent after so many ``times``.
`EVENTS` happen at once.
"""

from __future__ import annotations

import re
from collections.abc import Awaitable, Callable, Collection, Mapping
from dataclasses import dataclass, field
from typing import Any

from ..clusters.clock import Clock
from .capacity import METRICS

MOST = 1_000_000
DAY = 86_400
NAME = r"[\w.*-]+"


@dataclass(frozen=True, slots=True)
class Setting:
    """A setting of a kind of fault: what is allowed, how a text becomes its value, and what it is when not given."""

    allowed: str
    parse: Callable[[str], Any]
    default: Any = None


def _names(given: str) -> tuple[str, ...]:
    found = tuple(name.strip() for name in given.split(",") if name.strip())
    if not all(re.fullmatch(NAME, name) for name in found):
        raise ValueError
    return found


def _among(*allowed: str) -> Callable[[str], tuple[str, ...]]:
    def parse(given: str) -> tuple[str, ...]:
        found = _names(given)
        if not found or set(found) - set(allowed):
            raise ValueError
        return found

    return parse


def _number(low: float, high: float, kind: type = float) -> Callable[[str], float]:
    def parse(given: str) -> float:
        value = kind(given)
        if not low <= value <= high:
            raise ValueError
        return value

    return parse


NAMES = Setting("names, A,B", _names)
CLUSTER = {"cluster": Setting("names of clusters, A,B", _names)}
CALL = CLUSTER | {"method": Setting("methods, create_cluster,get_operation", _names)}
VMS = CLUSTER | {"vm": NAMES, "count": Setting(f"1 to {MOST}", _number(1, MOST, int))}


def _seconds(default: float, low: float = 0) -> dict[str, Setting]:
    return {"seconds": Setting(f"{low:g} to {DAY}", _number(low, DAY), default)}


CALLS: dict[str, dict[str, Setting]] = {
    "permission": CALL,
    "throttle": CALL,
    "lost-reply": CALL,
    "cut": CALL | _seconds(0),
}
"""Of one call."""
OPERATIONS: dict[str, dict[str, Setting]] = {
    "quota": CLUSTER
    | {
        "metric": Setting(f"some of {', '.join(METRICS)}", _among(*METRICS), ("CPUS",)),
        "available": Setting(f"0 to {MOST}", _number(0, MOST), 0.0),
    },
    "stockout": CLUSTER
    | {
        "zones": NAMES,
        "machine": NAMES,
        "spot": Setting("true or false", _among("true", "false")),
        "zonesAvailable": NAMES,
    },
    "init-action": CLUSTER
    | {
        "node": NAMES,
        "exit": Setting("1 to 255; 124 is a timeout", _number(1, 255, int), 1),
        "output": Setting("what it printed", str, "begins\nno space left on device\n"),
    }
    | _seconds(0),
    "missing-worker": CLUSTER | {"worker": Setting("its number, 0 to 999", _number(0, 999, int))} | _seconds(600),
    "slow-create": CLUSTER | _seconds(600),
}
"""Of a cluster that comes up or grows."""
EVENTS: dict[str, dict[str, Setting]] = {"preempt": VMS, "vm-death": VMS, "clock-jump": _seconds(3600, -DAY)}
KINDS = OPERATIONS | CALLS | EVENTS


@dataclass
class Fault:
    """One fault: its kind, how often it is still to happen, its settings, and the texts of those that were given."""

    kind: str
    times: int
    settings: dict[str, Any]
    given: dict[str, str] = field(default_factory=dict)

    def matches(self, where: Mapping[str, str]) -> bool:
        """Return whether it is to happen at ``where``, of which its settings may name a part."""
        return all(value in (self.settings.get(key) or (value,)) for key, value in where.items())


Event = Callable[[dict[str, Any]], Awaitable[list[str]]]


class Faults:
    """The faults that wait, in the order in which they were asked for.

    Parameters
    ----------
    methods : collection of str
        The calls there are, as ``create_cluster``.

    Attributes
    ----------
    events : dict
        What to do for each of `EVENTS`, given its settings; it returns what was struck.
    """

    def __init__(self, methods: Collection[str]) -> None:
        self.events: dict[str, Event] = {}
        self._methods = methods
        self._waiting: list[Fault] = []

    async def ask(self, kind: str, times: int = 1, settings: Mapping[str, Any] | None = None) -> list[str]:
        """Have ``kind`` happen, at once or when it next can; return what was struck at once.

        Raises
        ------
        ValueError
            There is no such kind, or a setting is not one of its own or out of its bounds.
        """
        fault = self._checked(kind, times, settings or {})
        if kind in EVENTS:
            return await self.events[kind](fault.settings)
        self._waiting.append(fault)
        return []

    def listed(self) -> list[dict[str, Any]]:
        """Return the faults that wait, as plain values."""
        return [{"kind": f.kind, "times": f.times, "settings": f.given} for f in self._waiting]

    def clear(self) -> None:
        """Forget the faults that wait."""
        self._waiting.clear()

    def waiting(self, kind: str, **where: str) -> list[Fault]:
        """Return the faults of ``kind`` that wait for ``where``; they are not spent yet."""
        return [fault for fault in self._waiting if fault.kind == kind and fault.matches(where)]

    def take(self, kind: str, **where: str) -> Fault | None:
        """Return the first of them, and count it as having happened."""
        found = self.waiting(kind, **where)
        return self.spend(found[0]) if found else None

    def spend(self, fault: Fault) -> Fault:
        """Count ``fault`` as having happened once."""
        fault.times -= 1
        if fault.times <= 0:
            self._waiting.remove(fault)
        return fault

    def _checked(self, kind: str, times: int, settings: Mapping[str, Any]) -> Fault:
        if kind not in KINDS:
            raise ValueError(f"fault: {kind!r} given, allowed is one of {', '.join(KINDS)}")
        most = 1 if kind in EVENTS else MOST
        if type(times) is not int or not 1 <= times <= most:
            only = "1: it happens at once" if kind in EVENTS else f"1 to {MOST}"
            raise ValueError(f"{kind}, times: {times!r} given, allowed is {only}")
        given = {name: _text(value) for name, value in settings.items()}
        values = {name: setting.default for name, setting in KINDS[kind].items()}
        fault = Fault(kind, times, values | {name: _parsed(kind, name, text) for name, text in given.items()}, given)
        if unknown := set(fault.settings.get("method") or ()) - set(self._methods):
            raise ValueError(f"{kind}, method: {min(unknown)!r} given, allowed is {', '.join(sorted(self._methods))}")
        return fault


def _parsed(kind: str, name: str, text: str) -> Any:
    if name not in KINDS[kind]:
        raise ValueError(f"{kind}: setting {name!r} given, allowed is {', '.join(KINDS[kind])}")
    setting = KINDS[kind][name]
    try:
        return setting.parse(text)
    except ValueError:
        raise ValueError(f"{kind}, {name}: {text!r} given, allowed is {setting.allowed}") from None


def _text(value: Any) -> str:
    if isinstance(value, bool):
        return str(value).lower()
    return ",".join(map(str, value)) if isinstance(value, (list, tuple)) else str(value)


@dataclass(frozen=True)
class JumpingClock(Clock):
    """The service's clock, which can be made to jump; those who were told its origin and scale do not notice."""

    jumps: list[float] = field(default_factory=list)

    def now(self) -> float:
        """Return unix seconds."""
        return Clock.now(self) + sum(self.jumps)

    async def jump(self, settings: dict[str, Any]) -> list[str]:
        """Go forward, or back, by ``seconds``."""
        self.jumps.append(settings["seconds"])
        return ["the clock"]
