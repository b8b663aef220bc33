"""Warm start: which stopped cluster an `up` may start again in place of making a new one. Pure."""

from __future__ import annotations

import hashlib
import json
from collections.abc import Iterable

from .config import made_up
from .errors import SpecError
from .labels import NOTEBOOK
from .record import ClusterRecord
from .spec import ClusterSpec

WARM = "dask-warm"
"""The label that says what a cluster was made of: those of one value may stand in for each other."""
STOPPED_LEASE = (600, 14 * 86400)
"""Seconds that a stopped cluster may be kept for: Dataproc's bounds of a time of deletion."""


def warm_key(spec: ClusterSpec, environment: str) -> str:
    """Return what clusters of the same spec, packages and version of this tool share; their names differ.

    Parameters
    ----------
    spec : ClusterSpec
    environment : str
        URL of the nodes' packages, empty where they have the kernel's own.
    """
    from .. import __version__

    said = spec.to_dict(defaults=True)
    said["labels"] = {name: value for name, value in said["labels"].items() if name != NOTEBOOK}
    del said["name"], said["input_bytes"]
    return hashlib.sha256(json.dumps([said, environment, __version__], sort_keys=True).encode()).hexdigest()[:32]


def check_stoppable(spec: ClusterSpec) -> None:
    """Refuse to stop what Dataproc cannot stop.

    Raises
    ------
    SpecError
        The workers have local SSDs, whose content a stop would lose.
    """
    if spec.local_ssds:
        allowed = f"a cluster without local SSDs (local_ssds={spec.local_ssds})"
        raise SpecError(f"stop: {spec.name} given, allowed is {allowed}", f"%dask_cluster down {spec.name}")


def startable(records: Iterable[ClusterRecord], spec: ClusterSpec) -> list[ClusterRecord]:
    """Return those of ``records``, all of the spec's `warm_key`, that may stand in for it, the best one first.

    Stopped at the size that is wanted; of another name only if nobody gave one.
    """
    fit = [
        record
        for record in records
        if record.status == "STOPPED"
        and (record.workers, record.secondary_workers) == (spec.workers, spec.secondary_workers)
        and (record.name == spec.name or made_up(spec.name))
    ]
    return sorted(fit, key=lambda record: (record.name != spec.name, -record.created))
