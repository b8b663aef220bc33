"""The fields that a person gave for the last cluster: the next one may start from them."""

from __future__ import annotations

import json
import os
from collections.abc import Mapping
from pathlib import Path
from typing import Any

from ..clusters.paths import state_dir

NOT_KEPT = frozenset({"name"})
"""Fields that were for one cluster alone."""


def last_spec() -> dict[str, Any]:
    """Return the fields that were given for the last cluster, as they were given; none where nobody knows."""
    try:
        found = json.loads(_file().read_text())
    except (OSError, ValueError):
        return {}
    return found if isinstance(found, dict) else {}


def remember(given: Mapping[str, Any]) -> None:
    """Keep the fields that a person gave, whole or not at all."""
    fresh = _file().with_suffix(f".{os.getpid()}.new")
    fresh.write_text(json.dumps({name: value for name, value in given.items() if name not in NOT_KEPT}))
    fresh.replace(_file())


def _file() -> Path:
    return state_dir() / "last-spec.json"
