"""Faults that were asked for: what goes wrong, how often, and where; nothing ever fails by itself.

A fault that concerns calls or operations waits until one comes that it matches, and is spent after so many ``times``.
`EVENTS` happen at once.
"""

from __future__ import annotations

from collections.abc import Awaitable, Callable, Mapping
from dataclasses import asdict, dataclass, field
from typing import Any

from ..clusters.clock import Clock

CALLS = ("permission", "throttle", "lost-reply", "cut")
"""Of one call: settings ``method`` (``create_cluster``) and ``cluster``, each any when not given."""
OPERATIONS = ("quota", "stockout", "init-action", "missing-worker", "slow-create")
"""Of a cluster that comes up or grows: settings ``cluster`` and their own."""
EVENTS = ("preempt", "vm-death", "clock-jump")
KINDS = (*CALLS, *OPERATIONS, *EVENTS)


@dataclass
class Fault:
    """One fault: its kind, how often it is still to happen, and its settings as texts."""

    kind: str
    times: int
    settings: dict[str, str] = field(default_factory=dict)

    def matches(self, **where: str) -> bool:
        """Return whether it is to happen at ``where``, of which its settings may name a part."""
        return all(self.settings.get(key, value) == value for key, value in where.items())


Event = Callable[[dict[str, str]], Awaitable[None]]


class Faults:
    """The faults that wait, in the order in which they were asked for.

    Attributes
    ----------
    events : dict
        What to do for each of `EVENTS`, given its settings.
    """

    def __init__(self) -> None:
        self.events: dict[str, Event] = {}
        self._waiting: list[Fault] = []

    async def ask(self, kind: str, times: int = 1, settings: Mapping[str, Any] | None = None) -> None:
        """Have ``kind`` happen, at once or when it next can.

        Raises
        ------
        ValueError
            There is no such kind.
        """
        if kind not in KINDS:
            raise ValueError(f"fault: {kind!r} given, allowed is one of {', '.join(KINDS)}")
        texts = {key: str(value) for key, value in (settings or {}).items()}
        if kind in EVENTS:
            await self.events[kind](texts)
        else:
            self._waiting.append(Fault(kind, times, texts))

    def listed(self) -> list[dict[str, Any]]:
        """Return the faults that wait, as plain values."""
        return [asdict(fault) for fault in self._waiting]

    def clear(self) -> None:
        """Forget the faults that wait."""
        self._waiting.clear()

    def next(self, *kinds: str, **where: str) -> Fault | None:
        """Return the first fault of ``kinds`` that waits for ``where``; it is not spent yet."""
        return next((f for f in self._waiting if f.kind in kinds and f.matches(**where)), None)

    def take(self, *kinds: str, **where: str) -> Fault | None:
        """Return the same, and count it as having happened."""
        fault = self.next(*kinds, **where)
        return fault and self.spend(fault)

    def spend(self, fault: Fault) -> Fault:
        """Count ``fault`` as having happened once."""
        fault.times -= 1
        if fault.times <= 0:
            self._waiting.remove(fault)
        return fault


@dataclass(frozen=True)
class JumpingClock(Clock):
    """The service's clock, which can be made to jump; those who were told its origin and scale do not notice."""

    jumps: list[float] = field(default_factory=list)

    def now(self) -> float:
        """Return unix seconds."""
        return Clock.now(self) + sum(self.jumps)

    async def jump(self, settings: dict[str, str]) -> None:
        """Go forward, or back, by ``seconds``."""
        self.jumps.append(float(settings.get("seconds", "3600")))
