"""google.longrunning: operations, their metadata and histories, and request ids that start nothing twice."""

from __future__ import annotations

import asyncio
import logging
import uuid
from collections.abc import Awaitable, Callable, Mapping
from dataclasses import dataclass
from functools import wraps
from typing import Any

from google.longrunning import operations_pb2
from google.protobuf import empty_pb2, json_format
from google.protobuf.message import Message

from ..clusters.clock import Clock
from . import filters
from .descriptors import Api, Proto
from .errors import ApiError, cancelled, failed_precondition, internal, invalid, not_found, packed
from .stamps import enter, stamp
from .state import Shelf

KEPT = 24 * 3600.0
"""Seconds that a finished operation can still be asked for after a restart."""
log = logging.getLogger(__name__)

Work = Callable[[], Awaitable[Message]]
Failed = Callable[[ApiError], None]
Method = Callable[[Any, Proto], Awaitable[Message]]


@dataclass
class Record:
    """An operation, its metadata, who asked for it and the task that does it."""

    operation: operations_pb2.Operation
    metadata: Proto
    request: str = ""
    task: asyncio.Task[None] | None = None


def ignore(error: ApiError) -> None:
    """Do nothing more about an operation's error than to report it."""


def request_key(request: Proto) -> str:
    """Return what two requests share that are to be done once; '' where the request says nothing of it."""
    given = getattr(request, "request_id", "")
    return "/".join((type(request).__name__, request.project_id, request.region, given)) if given else ""


def once(method: Method) -> Method:
    """Make an RPC of a service with ``operations`` return the first operation to a request that was sent twice."""

    @wraps(method)
    async def call(service: Any, request: Proto) -> Message:
        first = service.operations.repeated(request)
        return await method(service, request) if first is None else first

    return call


class Operations:
    """All operations; also the service ``google.longrunning.Operations``.

    Parameters
    ----------
    api : Api
    shelf : Shelf
        What an earlier server left there is taken up again.
    clock : Clock
    """

    def __init__(self, api: Api, shelf: Shelf, clock: Clock) -> None:
        self._api = api
        self._shelf = shelf
        self._clock = clock
        self._records: dict[str, Record] = {}
        for name, kept in shelf:
            operation = json_format.ParseDict(kept["operation"], operations_pb2.Operation())
            metadata = getattr(api, kept["metadata"])()
            operation.metadata.Unpack(metadata)
            self._records[name] = Record(operation, metadata, kept["request"])
            if operation.done and kept["saved"] < clock.now() - KEPT:
                self._forget(name)

    def repeated(self, request: Proto) -> operations_pb2.Operation | None:
        """Return the operation that an earlier request of the same id began."""
        key = request_key(request)
        return next((r.operation for r in self._records.values() if key and r.request == key), None)

    def begin(
        self,
        request: Proto,
        cluster: Proto,
        kind: str,
        work: Work,
        failed: Failed = ignore,
        warnings: list[str] | None = None,
    ) -> Record:
        """Begin an operation on a cluster; its file is written when this returns, ``work`` starts right after.

        Parameters
        ----------
        request : message
            With project_id, region and request_id.
        cluster : Cluster
        kind : str
            CREATE, UPDATE, DELETE, START, STOP or DIAGNOSE.
        work : callable
            Does it; what it returns is the operation's response, an `ApiError` its error.
        failed : callable, optional
            Called before an operation ends in an error.
        warnings : list of str, optional
        """
        metadata = self._api.ClusterOperationMetadata(
            cluster_name=cluster.cluster_name,
            cluster_uuid=cluster.cluster_uuid,
            operation_type=kind,
            description=f"{kind.capitalize()} cluster",
            labels=cluster.labels,
            warnings=warnings,
        )
        self._enter(metadata, "PENDING")
        return self.start(request, metadata, work, failed)

    def start(self, request: Proto, metadata: Proto, work: Work, failed: Failed = ignore) -> Record:
        """Run ``work`` as a new operation with ``metadata`` of any kind."""
        name = f"projects/{request.project_id}/regions/{request.region}/operations/{uuid.uuid4()}"
        record = self._records[name] = Record(operations_pb2.Operation(name=name), metadata, request_key(request))
        self.save(record)
        self.resume(record, work, failed)
        return record

    def resume(self, record: Record, work: Work, failed: Failed = ignore) -> None:
        """Run ``work`` for an operation that is not done: a new one, or one that a restart interrupted."""
        record.task = asyncio.create_task(self._run(record, work, failed))

    def interrupted(self) -> list[Record]:
        """Return the operations that an earlier server did not finish."""
        return [record for record in self._records.values() if not record.operation.done and record.task is None]

    def finish(self, record: Record, response: Message | None = None, error: ApiError | None = None) -> None:
        """End an operation, well or badly."""
        if error is not None:
            record.operation.error.CopyFrom(error.status())
        elif response is not None:
            record.operation.response.CopyFrom(packed(response))
        self._enter(record.metadata, "DONE", error.message if error else "")
        record.operation.done = True
        self.save(record)

    def save(self, record: Record) -> None:
        """Write an operation with its metadata as it is now."""
        record.operation.metadata.CopyFrom(packed(record.metadata))
        kept: dict[str, Any] = {
            "operation": json_format.MessageToDict(record.operation, preserving_proto_field_name=True),
            "metadata": record.metadata.DESCRIPTOR.name,
            "request": record.request,
            "saved": self._clock.now(),
        }
        self._shelf.put(record.operation.name, kept)

    async def get_operation(self, request: Proto) -> Message:
        """Answer GetOperation."""
        return self._find(request.name).operation

    async def list_operations(self, request: Proto) -> Message:
        """Answer ListOperations: those of a region, ``projects/P/regions/R/operations``."""
        if request.filter:
            raise invalid([("filter", f"'{request.filter}' given, allowed is no filter")])
        prefix = request.name.rstrip("/") + "/"
        found: Mapping[str, Message] = {n: r.operation for n, r in self._records.items() if n.startswith(prefix)}
        shown, following = filters.page(found, request.page_size, request.page_token)
        return operations_pb2.ListOperationsResponse(operations=shown, next_page_token=following)  # type: ignore[arg-type]

    async def cancel_operation(self, request: Proto) -> Message:
        """Answer CancelOperation: what it was doing is undone as far as that goes."""
        record = self._find(request.name)
        if record.task is not None and not record.operation.done:
            record.task.cancel()
        return empty_pb2.Empty()

    async def delete_operation(self, request: Proto) -> Message:
        """Answer DeleteOperation: a finished operation is forgotten."""
        if not self._find(request.name).operation.done:
            raise failed_precondition("OPERATION", request.name, f"{request.name} is not done; cancel it first")
        self._forget(request.name)
        return empty_pb2.Empty()

    async def wait_operation(self, request: Proto) -> Message:
        """Answer WaitOperation: the operation once it is done or the timeout is over."""
        record = self._find(request.name)
        if record.task is not None:
            timeout = request.timeout.ToTimedelta().total_seconds() if request.HasField("timeout") else None
            await asyncio.wait([record.task], timeout=timeout)
        return record.operation

    async def _run(self, record: Record, work: Work, failed: Failed) -> None:
        self._enter(record.metadata, "RUNNING")
        record.operation.metadata.CopyFrom(packed(record.metadata))
        try:
            self.finish(record, response=await work())
        except (Exception, asyncio.CancelledError) as cause:  # the operation ends cancelled, not the task
            error = _as_api_error(cause, record.operation.name)
            failed(error)
            self.finish(record, error=error)

    def _enter(self, metadata: Proto, state: str, details: str = "") -> None:
        if metadata.DESCRIPTOR.name == "ClusterOperationMetadata":
            number = self._api.ClusterOperationStatus.State.Value(state)
            enter(metadata, number, self._clock.now(), inner_state=state, details=details)
        elif not metadata.HasField("start_time"):
            metadata.start_time.CopyFrom(stamp(self._clock.now()))

    def _find(self, name: str) -> Record:
        if name not in self._records:
            raise not_found("Operation", name)
        return self._records[name]

    def _forget(self, name: str) -> None:
        del self._records[name]
        self._shelf.remove(name)


def _as_api_error(cause: BaseException, name: str) -> ApiError:
    if isinstance(cause, ApiError):
        return cause
    if isinstance(cause, asyncio.CancelledError):
        return cancelled("The operation was cancelled")
    log.error("%s failed", name, exc_info=cause)
    return internal(f"{type(cause).__name__}: {cause}")
