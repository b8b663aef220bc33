"""Google's errors as ours: which of the tree a failed call or operation is, in one line with a hint."""

from __future__ import annotations

import re
from typing import Any

from .errors import ClusterBusy, ClusterExists, ClusterNotFound, PermissionDenied, QuotaExceeded, ServiceError, Stockout

QUOTA = re.compile(r"Insufficient '(?P<metric>[^']+)' quota\. Requested (?P<asked>[\d.]+), available (?P<left>[\d.]+)")
STOCKOUT = re.compile(r"ZONE_RESOURCE_POOL_EXHAUSTED|does not have enough resources|stockout", re.IGNORECASE)


def translate(error: Any, what: str) -> ServiceError:
    """Return the error of our tree for ``error``, a `google.api_core` exception, raised while ``what`` was done.

    Over REST the same failures arrive as the base classes (Conflict, BadRequest, Forbidden): those are what is tested.
    """
    from google.api_core import exceptions as google

    said = " ".join(str(getattr(error, "message", error)).split())
    if quota := QUOTA.search(said):
        asked, left = float(quota["asked"]), float(quota["left"])
        line = f"{what}: {asked:g} {quota['metric']} asked, {left:g} left in the project's quota"
        return QuotaExceeded(line, "a smaller cluster, another --region, or more quota from your administrator")
    if STOCKOUT.search(said):
        return Stockout(f"{what}: {said}", "another --zone or --worker-machine")
    for kind, ours, hint in (
        (google.NotFound, ClusterNotFound, "%dask_cluster list"),
        (google.Conflict, ClusterExists, "choose another --name"),
        (google.FailedPrecondition, ClusterBusy, "%dask_cluster status"),
        (google.Forbidden, PermissionDenied, "%dask_cluster doctor"),
        (google.Unauthorized, PermissionDenied, "gcloud auth application-default login"),
    ):
        if isinstance(error, kind):
            return ours(f"{what}: {said}", hint)
    return ServiceError(f"{what}: {said}", "%dask_cluster doctor")
