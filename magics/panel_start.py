"""What the panel's form shows at first: what would be made if nobody said anything, and over it the last cluster."""

from __future__ import annotations

from typing import Any

from ..clusters.config import resolve
from ..clusters.errors import DaskDataprocError
from ..clusters.labels import NOTEBOOK, OWNER
from ..clusters.spec import FIELDS, ClusterSpec


def start_of() -> tuple[dict[str, Any], dict[str, Any]]:
    """Return the values of all fields when nobody says anything, and those that differed for the last cluster.

    Where the settings themselves are wrong the former are `ClusterSpec`'s, and the panel says what is wrong.
    """
    from ..kernel_ext.last_spec import last_spec

    try:
        spec = resolve({})
    except DaskDataprocError:
        spec = ClusterSpec()
    base = {name: getattr(spec, name) for name in FIELDS} | {"name": ""}
    base["labels"] = {label: said for label, said in spec.labels.items() if label not in (OWNER, NOTEBOOK)}
    return base, {name: FIELDS[name].parse(value) for name, value in last_spec().items()}
