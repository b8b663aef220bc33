"""Values of metrics, and the small file in staging that holds those of a cluster: there when the cluster is not. Pure.

Written by the head every few minutes and when it ends; of a cluster that did not come up, by who asked for it.
"""

from __future__ import annotations

from collections.abc import Iterable, Mapping
from typing import Any, NamedTuple


class Sample(NamedTuple):
    """One value of a metric.

    Attributes
    ----------
    name : str
        The metric's.
    labels : dict of str to str
    value : float
    """

    name: str
    labels: dict[str, str]
    value: float


def snapshot_url(staging: str, cluster: str, uuid: str) -> str:
    """Return where the snapshot of a cluster is; of one that did not come up, by the request's id."""
    return f"{snapshots_folder(staging)}/{cluster}.{uuid}.json"


def snapshots_folder(staging: str) -> str:
    """Return where all of them are."""
    return f"{staging.rstrip('/')}/metrics"


def snapshot(
    cluster: str, owner: str, samples: Iterable[Sample], at: float, *, ended: bool, **more: Any
) -> dict[str, Any]:
    """Return a snapshot as JSON has it.

    Parameters
    ----------
    cluster, owner : str
    samples : iterable of Sample
    at : float
        Unix seconds.
    ended : bool
        Whether nothing comes after it.
    **more
        What else is known.
    """
    said = [sample._asdict() for sample in samples]
    return {"cluster": cluster, "owner": owner, "at": at, "ended": ended, "samples": said, **more}


def samples_of(snapshot: Mapping[str, Any]) -> list[Sample]:
    """Return the samples of a snapshot."""
    return [Sample(said["name"], said["labels"], said["value"]) for said in snapshot["samples"]]
