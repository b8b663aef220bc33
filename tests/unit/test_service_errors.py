"""Google's errors as a person reads them."""

from __future__ import annotations

import pytest
from google.api_core import exceptions as google
from google.protobuf.any_pb2 import Any
from google.rpc.code_pb2 import Code
from google.rpc.error_details_pb2 import ErrorInfo
from google.rpc.status_pb2 import Status

from dask_dataproc import ClusterFailed, PermissionDenied, QuotaExceeded, ServiceError, Stockout, Throttled
from dask_dataproc.clusters.service_errors import failure, translate

QUOTA = (
    "Multiple validation errors:\n"
    " - Insufficient 'CPUS' quota. Requested 28.0, available 12.0. Your request exceeds it.\n"
    " - Insufficient 'SSD_TOTAL_GB' quota. Requested 700.0, available 500.0."
)
STOCKOUT = "The zone 'projects/p/zones/us-central1-a' does not have enough resources available to fulfill the request."


def failed(code: str, message: str, **metadata: str) -> Exception:
    """The error of an operation that failed with ``metadata`` in its details."""
    details = Any()
    details.Pack(ErrorInfo(reason="stockout", domain="compute.googleapis.com", metadata=metadata))
    return failure(Status(code=Code.Value(code), message=message, details=[details] * bool(metadata)), "cluster c")


def test_every_short_quota_is_named_with_what_was_asked_and_what_is_left():
    error = translate(google.InvalidArgument(QUOTA), "create c")
    assert isinstance(error, QuotaExceeded)
    said = "create c: 28 CPUS asked, 12 left, 700 SSD_TOTAL_GB asked, 500 left in the project's quota"
    assert error.message == said
    assert error.shortfalls == (("CPUS", 28, 12), ("SSD_TOTAL_GB", 700, 500))


def test_a_stockout_knows_the_zone_the_machine_type_and_where_else_to_look():
    error = failed("UNAVAILABLE", STOCKOUT, vmType="n2-standard-4", zonesAvailable="us-central1-b, us-central1-f")
    assert isinstance(error, Stockout)
    assert (error.zone, error.machine) == ("us-central1-a", "n2-standard-4")
    assert error.available == ("us-central1-b", "us-central1-f")


@pytest.mark.parametrize(("metadata", "available"), [({}, None), ({"zonesAvailable": ""}, ())])
def test_no_zones_named_and_none_that_has_them_are_two_things(metadata, available):
    assert failed("UNAVAILABLE", STOCKOUT, **metadata).available == available


@pytest.mark.parametrize(
    ("permission", "role"),
    [
        ("dataproc.clusters.create", "roles/dataproc.editor"),
        ("iam.serviceAccounts.actAs", "roles/iam.serviceAccountUser"),
        ("storage.objects.create", "roles/storage.objectUser"),
    ],
)
def test_a_missing_permission_is_named_with_the_role_that_has_it(permission, role):
    error = translate(google.PermissionDenied(f"Permission '{permission}' denied on resource 'projects/p'"), "create c")
    assert isinstance(error, PermissionDenied)
    assert permission in error.message
    assert error.hint == f"ask for {role}, which has {permission}: docs/cloud.md"


@pytest.mark.parametrize("error", [google.ResourceExhausted("too many"), google.TooManyRequests("too many")])
def test_too_many_calls_are_that_over_grpc_and_over_rest(error):
    assert isinstance(translate(error, "create c"), Throttled)


def test_what_else_ends_a_call_or_an_operation_is_said_as_it_came():
    assert type(translate(google.InternalServerError("a\nb"), "create c")) is ServiceError
    error = failed("INTERNAL", "c-w-0 did not start")
    assert isinstance(error, ClusterFailed)
    assert error.message == "cluster c: c-w-0 did not start"
