"""The metrics of clusters that are no more, out of staging: of those that ended, and of those that never came up."""

from __future__ import annotations

import json
from collections.abc import Iterable, Mapping
from typing import Any

from ..init_actions.metric_names import BY_NAME
from ..init_actions.samples import Sample, samples_of, snapshot_url, snapshots_folder
from . import store

SILENT = 900.0
"""Seconds after which a cluster that said nothing more has gone without a last word: it says something every 300."""


def snapshot_of(staging: str, cluster: str, uuid: str) -> dict[str, Any]:
    """Return what a cluster last left in staging; empty where it has left nothing.

    Raises
    ------
    ConfigError
        It cannot be read.
    ValueError
        It is no JSON.
    """
    data, _ = store.read(snapshot_url(staging, cluster, uuid))
    return json.loads(data or b"{}")


def left_metrics(staging: str, since: float, now: float) -> list[Sample]:
    """Return what clusters have left that are no more, of those that were there after ``since``.

    Parameters
    ----------
    staging : str
        Its URL.
    since, now : float
        Unix seconds.

    Raises
    ------
    ConfigError
        The folder cannot be read.
    """
    folder = snapshots_folder(staging)
    urls = [f"{folder}/{name}" for name in store.names(folder) if name.endswith(".json")]
    found = [json.loads(data) for data, _ in store.at_once(store.read, urls) if data]
    return merged(left for left in found if since < left["at"] and (left["ended"] or left["at"] < now - SILENT))


def merged(snapshots: Iterable[Mapping[str, Any]]) -> list[Sample]:
    """Return what is true of all of them still: counters, which add up where a name was used again, and the ways up.

    What says how a cluster, or its owner's budget, stood at a moment is left out: the moment is over.
    """
    found: dict[tuple[str, tuple[tuple[str, str], ...]], float] = {}
    for snapshot in sorted(snapshots, key=lambda said: said["at"]):
        for name, labels, value in samples_of(snapshot):
            key = name, tuple(sorted(labels.items()))
            if BY_NAME[name].kind == "counter":
                found[key] = found.get(key, 0.0) + value
            elif name == "dask_dataproc_up_seconds":
                found[key] = value
    return [Sample(name, dict(labels), value) for (name, labels), value in found.items()]
