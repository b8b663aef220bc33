"""How the API says no: a status code, one line, and the google.rpc details a client can act on.

ApiError
├── invalid()               INVALID_ARGUMENT     BadRequest: one violation for each field
├── not_found()             NOT_FOUND            ResourceInfo
├── already_exists()        ALREADY_EXISTS       ResourceInfo
├── failed_precondition()   FAILED_PRECONDITION  PreconditionFailure
├── quota()                 INVALID_ARGUMENT     a line for each quota that is short
├── stockout()              UNAVAILABLE          ErrorInfo: zone, vmType, zonesAvailable
├── unavailable()           UNAVAILABLE          the connection was lost
├── denied()                PERMISSION_DENIED    ErrorInfo: permission, resource
├── throttled()             RESOURCE_EXHAUSTED   ErrorInfo: the quota of calls
└── unimplemented()         UNIMPLEMENTED        what the real service does and this one does not
"""

from __future__ import annotations

from collections.abc import Sequence

from google.protobuf import any_pb2
from google.protobuf.message import Message
from google.rpc import code_pb2, error_details_pb2, status_pb2

FEWER_CPUS = (
    "This request exceeds CPU quota. Some things to try: request fewer workers (a minimum of 2 is required), "
    "use smaller master and/or worker machine types (such as n1-standard-2)."
)


class ApiError(Exception):
    """An answer other than OK.

    Parameters
    ----------
    code : int
        A value of ``google.rpc.Code``.
    message : str
        One line.
    details : Message
        Protos of ``google.rpc``, sent in ``grpc-status-details-bin`` or in an operation's ``error.details``.
    """

    def __init__(self, code: int, message: str, *details: Message) -> None:
        super().__init__(message)
        self.code = code
        self.message = message
        self.details = details

    def status(self) -> status_pb2.Status:
        """Return the error as the proto in which every API of Google's carries it."""
        return status_pb2.Status(code=self.code, message=self.message, details=[packed(d) for d in self.details])


def packed(message: Message) -> any_pb2.Any:
    """Return ``message`` in an Any."""
    box = any_pb2.Any()
    box.Pack(message)
    return box


def invalid(violations: Sequence[tuple[str, str]]) -> ApiError:
    """Return INVALID_ARGUMENT for the ``(field, description)`` pairs, of which there is at least one."""
    bad = error_details_pb2.BadRequest()
    for field, description in violations:
        bad.field_violations.add(field=field, description=description)
    whys = [f"{field}: {description}" for field, description in violations]
    head = "Multiple validation errors:\n - " if len(whys) > 1 else ""
    return ApiError(code_pb2.INVALID_ARGUMENT, head + "\n - ".join(whys), bad)


def not_found(kind: str, name: str) -> ApiError:
    """Return NOT_FOUND for the resource ``name``."""
    info = error_details_pb2.ResourceInfo(resource_type=kind, resource_name=name)
    return ApiError(code_pb2.NOT_FOUND, f"Not found: {kind} {name}", info)


def already_exists(kind: str, name: str) -> ApiError:
    """Return ALREADY_EXISTS for the resource ``name``."""
    info = error_details_pb2.ResourceInfo(resource_type=kind, resource_name=name)
    return ApiError(code_pb2.ALREADY_EXISTS, f"Already exists: {kind} {name}", info)


def failed_precondition(kind: str, subject: str, description: str) -> ApiError:
    """Return FAILED_PRECONDITION: ``subject`` is in no state for what was asked."""
    failure = error_details_pb2.PreconditionFailure()
    failure.violations.add(type=kind, subject=subject, description=description)
    return ApiError(code_pb2.FAILED_PRECONDITION, description, failure)


def unimplemented(what: str) -> ApiError:
    """Return UNIMPLEMENTED for a thing of the real service that has no counterpart here."""
    return ApiError(code_pb2.UNIMPLEMENTED, f"{what}: the emulator does not do this")


def quota(shortfalls: Sequence[tuple[str, float, float]]) -> ApiError:
    """Return INVALID_ARGUMENT for the quotas that are short: metric, what the request takes, what is left."""
    whys = [
        f"Insufficient '{metric}' quota. Requested {asked:.1f}, available {left:.1f}."
        for metric, asked, left in shortfalls
    ]
    whys += [FEWER_CPUS] * any(metric.endswith("CPUS") for metric, _, _ in shortfalls)
    head = "Multiple validation errors:\n - " if len(whys) > 1 else ""
    return ApiError(code_pb2.INVALID_ARGUMENT, head + "\n - ".join(whys))


def stockout(project: str, zone: str, machine: str, available: Sequence[str] | None) -> ApiError:
    """Return UNAVAILABLE: ``zone`` has no such machines; the zones that do, where Compute Engine tells them."""
    why = "does not have enough resources available to fulfill the request.  '(resource type:compute)'."
    told = {"zone": zone, "vmType": machine} | ({} if available is None else {"zonesAvailable": ",".join(available)})
    info = error_details_pb2.ErrorInfo(reason="resource_availability", domain="compute.googleapis.com", metadata=told)
    return ApiError(code_pb2.UNAVAILABLE, f"The zone 'projects/{project}/zones/{zone}' {why}", info)


def unavailable(why: str) -> ApiError:
    """Return UNAVAILABLE, as a client sees it whose connection was lost."""
    return ApiError(code_pb2.UNAVAILABLE, why)


def denied(permission: str, resource: str) -> ApiError:
    """Return PERMISSION_DENIED for one permission on ``resource``."""
    told = {"permission": permission, "resource": resource}
    info = error_details_pb2.ErrorInfo(reason="IAM_PERMISSION_DENIED", domain="dataproc.googleapis.com", metadata=told)
    said = f"Permission '{permission}' denied on resource '//dataproc.googleapis.com/{resource}' (or it may not exist)."
    return ApiError(code_pb2.PERMISSION_DENIED, said, info)


def throttled(kind: str, project: str) -> ApiError:
    """Return RESOURCE_EXHAUSTED: too many requests of ``kind`` in a minute."""
    limit = f"{kind.title().replace(' ', '')}RequestsPerMinutePerProjectPerRegion"
    consumer = f"projects/{project}"
    told = {"service": "dataproc.googleapis.com", "consumer": consumer, "quota_limit": limit}
    info = error_details_pb2.ErrorInfo(reason="RATE_LIMIT_EXCEEDED", domain="googleapis.com", metadata=told)
    what = f"Quota exceeded for quota metric '{kind} requests' and limit '{limit}'"
    said = f"{what} of service 'dataproc.googleapis.com' for consumer '{consumer}'."
    return ApiError(code_pb2.RESOURCE_EXHAUSTED, said, info)


def cancelled(why: str) -> ApiError:
    """Return CANCELLED, the end of an operation that was called off."""
    return ApiError(code_pb2.CANCELLED, why)


def aborted(why: str) -> ApiError:
    """Return ABORTED, the end of an operation that something else overtook."""
    return ApiError(code_pb2.ABORTED, why)


def internal(why: str) -> ApiError:
    """Return INTERNAL: the VMs, or the emulator itself, failed."""
    return ApiError(code_pb2.INTERNAL, why)
