"""What a person asked for last, for whoever asks for nothing: the sidebar's NEW makes such a cluster again."""

from __future__ import annotations

import json
from collections.abc import Mapping
from pathlib import Path
from typing import Any

from ..clusters.errors import SpecError
from ..clusters.paths import state_dir, write_whole
from ..clusters.spec import FIELDS

OF_A_PLACE = frozenset(
    {"name", "project", "region", "zone", "network", "subnetwork", "staging", "service_account", "kms_key", "filestore"}
)
"""Fields that mean something in one project or region only, or one cluster."""
OF_A_RUN = frozenset({"input_bytes"})
"""Fields that say what a cluster is for, not how it is made."""


def last_spec() -> dict[str, Any]:
    """Return the fields given last, none of a place; nothing if that cannot be read, or is no longer understood."""
    try:
        given = json.loads(_path().read_text())
        for name, value in given.items():
            FIELDS[name].parse(value)
    except (FileNotFoundError, ValueError, KeyError, AttributeError, SpecError):
        return {}
    return _kept(given)


def remember(given: Mapping[str, Any]) -> None:
    """Keep ``given``, fields of a cluster as a person gave them, whole or not at all."""
    write_whole(_path(), json.dumps(_kept(given)))


def _kept(given: Mapping[str, Any]) -> dict[str, Any]:
    return {name: value for name, value in given.items() if name not in OF_A_PLACE | OF_A_RUN and value is not None}


def _path() -> Path:
    return state_dir() / "last_spec.json"
