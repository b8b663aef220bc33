"""How long a cluster on its way up still takes, by what the last ones took. Pure: the time is given."""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from statistics import median

from .phases import UP, Phase

START = "start"
"""What comes in place of the phase ``create`` where a stopped cluster is started."""


def usual(earlier: Sequence[Mapping[str, float]]) -> dict[str, float]:
    """Return the seconds that each phase took on the whole (median), of those that some earlier way up had."""
    return {name: median(_of(earlier, name)) for name in (*UP, START) if _of(earlier, name)}


def remaining(phases: Sequence[Phase], earlier: Sequence[Mapping[str, float]], now: float) -> float | None:
    """Return the seconds until the cluster is ready; None where the earlier ways up do not say.

    Of the phase that runs, what is left are the longer ones of the earlier times, on the whole; a phase that takes
    longer than it ever did counts as if it were about to end.

    Parameters
    ----------
    phases : sequence of Phase
        Those so far, in order; the last state of each.
    earlier : sequence of mapping
        Seconds of each phase of the earlier ways up.
    now : float
        Unix seconds.
    """
    known = usual(earlier)
    last = phases[-1] if phases else Phase(UP[0], now)
    if not known or last.name not in (*UP, START):
        return None
    at = UP.index("create" if last.name == START else last.name)
    rest = sum(known.get(name, 0.0) for name in UP[at + 1 :])
    return rest if last.seconds is not None else rest + _left_of(last, earlier, now)


def _left_of(phase: Phase, earlier: Sequence[Mapping[str, float]], now: float) -> float:
    passed = max(0.0, now - phase.started)
    longer = [seconds for seconds in _of(earlier, phase.name) if seconds > passed]
    return median(longer) - passed if longer else 0.0


def _of(earlier: Sequence[Mapping[str, float]], name: str) -> list[float]:
    return [seconds[name] for seconds in earlier if name in seconds]
