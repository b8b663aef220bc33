"""What the last ways up took, phase by phase: kept for each place and runtime, for an estimate of the next one."""

from __future__ import annotations

import json
from collections.abc import Iterable
from pathlib import Path

from .paths import private, state_dir, write_whole
from .phases import UP, Phase
from .remaining import START
from .spec import ClusterSpec

KEPT = 20
"""Ways up of one place and runtime that are kept, the newest."""
Seconds = dict[str, float]


def earlier_ups(spec: ClusterSpec) -> list[Seconds]:
    """Return the seconds of each phase of the last ways up like that of ``spec``, oldest first."""
    try:
        found = json.loads(_file(spec).read_text())
        return [{str(name): float(took) for name, took in each.items()} for each in found]
    except (OSError, ValueError, TypeError, AttributeError):
        return []


def keep_up(spec: ClusterSpec, phases: Iterable[Phase]) -> None:
    """Add a way up that came to its end, whole or not at all; one that only attached says nothing, and is left out."""
    took: Seconds = {}
    for phase in phases:
        if phase.name in (*UP, START) and phase.seconds is not None and not phase.failed:
            took[phase.name] = phase.seconds
    if "ready" not in took or not took.keys() & {"create", START}:
        return
    write_whole(_file(spec), json.dumps([*earlier_ups(spec), took][-KEPT:]))


def _file(spec: ClusterSpec) -> Path:
    return private(state_dir() / "ups") / f"{spec.project}-{spec.region}-{spec.runtime}.json".replace(":", "-")
