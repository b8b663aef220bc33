"""Plain objects with a coroutine per RPC become gRPC services; an `ApiError` they raise becomes a rich status."""

from __future__ import annotations

import logging
import re
import time
from collections.abc import Awaitable, Callable, Mapping
from typing import Any

import grpc
import grpc.aio
from google.longrunning import operations_pb2
from google.protobuf import message_factory

from .calls import Calls, Method
from .descriptors import PACKAGE, SERVICES, Api, Proto
from .errors import ApiError, internal

DETAILS = "grpc-status-details-bin"
CODES = {code.value[0]: code for code in grpc.StatusCode}
log = logging.getLogger(__name__)


class Activity:
    """How long nobody has called.

    Attributes
    ----------
    calls : int
        Calls being answered now.
    """

    def __init__(self) -> None:
        self.calls = 0
        self._last = time.monotonic()

    def __enter__(self) -> None:
        self.calls += 1

    def __exit__(self, *_: object) -> None:
        self.calls -= 1
        self._last = time.monotonic()

    def quiet(self) -> float:
        """Return the real seconds since the last call ended; 0 while there is one."""
        return 0.0 if self.calls else time.monotonic() - self._last


def handlers(
    api: Api, services: Mapping[str, object], activity: Activity, calls: Calls
) -> list[grpc.GenericRpcHandler]:
    """Return the gRPC handlers of ``services``, by the service's name.

    An object answers ``CreateCluster`` by its method ``create_cluster``; what it has no method for is UNIMPLEMENTED.
    """
    tables = {f"{PACKAGE}.{name}": (name, api.rpcs(name)) for name in SERVICES}
    tables["google.longrunning.Operations"] = ("Operations", _operations_rpcs())
    return [
        grpc.method_handlers_generic_handler(full_name, _methods(services[name], rpcs, activity, calls))
        for full_name, (name, rpcs) in tables.items()
    ]


def methods(api: Api) -> list[str]:
    """Return the names of the methods that answer calls of ``api``."""
    tables = [*(api.rpcs(name) for name in SERVICES), _operations_rpcs()]
    return [snake_case(rpc) for table in tables for rpc in table]


def _operations_rpcs() -> dict[str, Proto]:
    methods = operations_pb2.DESCRIPTOR.services_by_name["Operations"].methods
    return {method.name: message_factory.GetMessageClass(method.input_type) for method in methods}


def _methods(
    service: object, rpcs: Mapping[str, Proto], activity: Activity, calls: Calls
) -> dict[str, grpc.RpcMethodHandler]:
    found = {rpc: getattr(service, snake_case(rpc), None) for rpc in rpcs}
    return {
        rpc: grpc.unary_unary_rpc_method_handler(_guarded(method, activity, calls), rpcs[rpc].FromString, _serialized)
        for rpc, method in found.items()
        if method is not None
    }


def _serialized(message: Proto) -> bytes:
    return message.SerializeToString()


def snake_case(rpc: str) -> str:
    """Return the name of the method that answers ``rpc``."""
    return re.sub(r"(?<=[a-z])(?=[A-Z])", "_", rpc).lower()


def _guarded(method: Method, activity: Activity, calls: Calls) -> Callable[[Proto, Any], Awaitable[Proto]]:
    async def call(request: Proto, context: grpc.aio.ServicerContext) -> Proto:
        with activity:
            try:
                return await calls.answer(method, request)
            except ApiError as error:
                refusal = error
            except Exception as error:
                log.exception("%s failed", method.__name__)
                refusal = internal(f"{type(error).__name__}: {error}")
            rich = (DETAILS, refusal.status().SerializeToString())
            return await context.abort(CODES[refusal.code], refusal.message, (rich,))

    return call
