"""Google's errors as ours: which of the tree a failed call or operation is, in one line with a hint."""

from __future__ import annotations

import re
from collections.abc import Iterable, Mapping
from typing import Any

from .errors import (
    ClusterBusy,
    ClusterExists,
    ClusterFailed,
    ClusterNotFound,
    PermissionDenied,
    QuotaExceeded,
    ServiceError,
    Stockout,
    Throttled,
)
from .fit import Shortfall

NUMBER = r"\d+(?:\.\d+)?"
QUOTA = re.compile(
    rf"Insufficient '(?P<metric>[^']+)' quota\. Requested (?P<asked>{NUMBER}), available (?P<left>{NUMBER})"
)
STOCKOUT = re.compile(r"ZONE_RESOURCE_POOL_EXHAUSTED|does not have enough resources|stockout", re.IGNORECASE)
ZONE = re.compile(r"\bzones/([a-z0-9-]+)")
PERMISSION = re.compile(r"\b(dataproc|storage|iam)\.[a-zA-Z]+\.[a-zA-Z]+\b")
ROLES = {
    "dataproc": "roles/dataproc.editor",
    "storage": "roles/storage.objectUser",
    "iam": "roles/iam.serviceAccountUser",
}
"""The predefined role that has what this tool needs of a service. Source: Google's references of IAM roles."""


def translate(error: Any, what: str) -> ServiceError:
    """Return the error of our tree for ``error``, a `google.api_core` exception, raised while ``what`` was done.

    Over REST the same failures arrive as the base classes (Conflict, BadRequest, Forbidden): those are what is tested.
    """
    from google.api_core import exceptions as google

    said = " ".join(str(getattr(error, "message", error)).split())
    if QUOTA.search(said):
        return _quota(said, what)
    if STOCKOUT.search(said):
        return _stockout(said, what, error.details)
    if isinstance(error, google.Forbidden):
        return PermissionDenied(f"{what}: {said}", _role(said))
    for kind, ours, hint in (
        (google.NotFound, ClusterNotFound, "%dask_cluster list"),
        (google.Conflict, ClusterExists, "choose another --name"),
        (google.FailedPrecondition, ClusterBusy, "%dask_cluster status"),
        (google.TooManyRequests, Throttled, "wait a minute; fewer calls at once, or a larger quota of API calls"),
        (google.Unauthorized, PermissionDenied, "gcloud auth application-default login"),
    ):
        if isinstance(error, kind):
            return ours(f"{what}: {said}", hint)
    return ServiceError(f"{what}: {said}", "%dask_cluster doctor")


def failure(status: Any, what: str) -> ServiceError | ClusterFailed:
    """Return the error for a failed operation's ``google.rpc.Status``."""
    from google.api_core.exceptions import from_grpc_status
    from grpc import StatusCode

    code = next(c for c in StatusCode if c.value[0] == status.code)
    said = translate(from_grpc_status(code, status.message, details=_unpacked(status.details)), what)
    return said if type(said) is not ServiceError else ClusterFailed(said.message, "%dask_cluster logs")


def _unpacked(details: Iterable[Any]) -> list[Any]:
    from google.rpc.error_details_pb2 import ErrorInfo

    found = [(detail, ErrorInfo()) for detail in details if detail.Is(ErrorInfo.DESCRIPTOR)]
    return [info for detail, info in found if detail.Unpack(info)]


def _quota(said: str, what: str) -> QuotaExceeded:
    short = [Shortfall(found["metric"], float(found["asked"]), float(found["left"])) for found in QUOTA.finditer(said)]
    needs = ", ".join(f"{asked:g} {metric} asked, {left:g} left" for metric, asked, left in short)
    hint = "a smaller cluster, another --region, or more quota from your administrator"
    return QuotaExceeded(f"{what}: {needs} in the project's quota", hint, short)


def _stockout(said: str, what: str, details: Iterable[Any]) -> Stockout:
    """Return the error with what Compute Engine tells beside the text: the machine type, and which zones have it."""
    told: Mapping[str, str] = next((d.metadata for d in details if hasattr(d, "metadata")), {})
    zone = told.get("zone") or (found[1] if (found := ZONE.search(said)) else "")
    zones = told.get("zonesAvailable")
    available = None if zones is None else tuple(name.strip() for name in zones.split(",") if name.strip())
    hint = "another --region, or other machines: --fallbacks n2d-standard-4,e2-standard-4"
    return Stockout(f"{what}: {said}", hint, zone=zone, machine=told.get("vmType", ""), available=available)


def _role(said: str) -> str:
    """Return the hint that names the role with the permission that ``said`` says is missing."""
    missing = PERMISSION.search(said)
    if missing is None:
        return "%dask_cluster doctor"
    return f"ask for {ROLES[missing[1]]}, which has {missing[0]}: docs/cloud.md"
