"""The API's messages and its table of RPCs, read off the installed client once and then loaded without it.

The client package ships no service descriptors, and importing it costs a second. So its own transports are shown a
channel that only writes down what they would call; the result, messages and services in one ``FileDescriptorSet``, is
kept in a file named by the client's version. A server that finds that file starts without importing the client.
"""

from __future__ import annotations

import os
import re
from collections.abc import Iterator
from importlib.util import find_spec
from pathlib import Path
from types import SimpleNamespace
from typing import Any, TypeAlias

from google.protobuf import descriptor_pb2, descriptor_pool, message_factory
from google.protobuf.descriptor import FileDescriptor

PACKAGE = "google.cloud.dataproc.v1"
CLIENT = "google.cloud.dataproc_v1"
SERVICES = {
    "ClusterController": "ClusterControllerGrpcTransport",
    "JobController": "JobControllerGrpcTransport",
    "AutoscalingPolicyService": "AutoscalingPolicyServiceGrpcTransport",
}
"""The services served, and the client's transport that knows each one's RPCs."""
SYNTHETIC = "dask_dataproc/emulator/services.proto"

Proto: TypeAlias = Any
"""A plain protobuf message of the API: its fields are known at run time only."""


class Api:
    """The messages of the API by name (``api.Cluster``) and the input type of each RPC.

    Parameters
    ----------
    pool : DescriptorPool
        Holds the files that `build` made.
    """

    def __init__(self, pool: descriptor_pool.DescriptorPool) -> None:
        self._pool = pool

    def __getattr__(self, name: str) -> Proto:
        """Return the class of the message ``name``; its enums' values are its attributes."""
        if name.startswith("_"):
            raise AttributeError(name)
        kind = message_factory.GetMessageClass(self._pool.FindMessageTypeByName(f"{PACKAGE}.{name}"))
        setattr(self, name, kind)
        return kind

    def rpcs(self, service: str) -> dict[str, Proto]:
        """Return the request class of each RPC of ``service``, by the RPC's name."""
        methods = self._pool.FindServiceByName(f"{PACKAGE}.{service}").methods
        return {method.name: message_factory.GetMessageClass(method.input_type) for method in methods}


def load(folder: Path) -> Api:
    """Return the API of the installed client, from its file in ``folder`` or else from the client itself."""
    path = folder / f"descriptors-{client_version()}.binpb"
    try:
        files = descriptor_pb2.FileDescriptorSet.FromString(path.read_bytes())
    except FileNotFoundError:
        files = build()
        spare = path.with_suffix(f".{os.getpid()}")
        spare.write_bytes(files.SerializeToString())
        spare.replace(path)
    pool = descriptor_pool.Default()
    for file in files.file:
        pool.AddSerializedFile(file.SerializeToString())
    return Api(pool)


def client_version() -> str:
    """Return the version of the installed client, without importing it."""
    spec = find_spec(CLIENT)
    if spec is None or spec.origin is None:
        raise ModuleNotFoundError(f"{CLIENT}: not installed; pip install google-cloud-dataproc")
    text = Path(spec.origin).with_name("gapic_version.py").read_text()
    return re.findall(r'__version__ = "([^"]+)"', text)[0]


def build() -> descriptor_pb2.FileDescriptorSet:
    """Import the client and return its messages, with services made from what its transports call."""
    from google.cloud import dataproc_v1

    services = descriptor_pb2.FileDescriptorProto(name=SYNTHETIC, package=PACKAGE, syntax="proto3")
    files: dict[str, FileDescriptor] = {}
    for service, transport in SERVICES.items():
        entry = services.service.add(name=service)
        for rpc, request in recorded_rpcs(_transport(service, transport)).items():
            entry.method.add(name=rpc, input_type=f".{request.full_name}", output_type=".google.protobuf.Empty")
            _collect(request.file, files)
    _collect(dataproc_v1.ClusterOperationMetadata.pb().DESCRIPTOR.file, files)
    _collect(descriptor_pool.Default().FindFileByName("google/protobuf/empty.proto"), files)
    services.dependency.extend(files)
    messages = [descriptor_pb2.FileDescriptorProto.FromString(file.serialized_pb) for file in files.values()]
    return descriptor_pb2.FileDescriptorSet(file=[*messages, services])


def recorded_rpcs(transport: type) -> dict[str, Any]:
    """Return the request descriptor of each RPC a ``*GrpcTransport`` has, by the RPC's name.

    Every property of such a class makes a stub on ``_logged_channel``; here that is a channel that only writes down the
    path and the message. These names are private to the client: a contract test counts what comes out.
    """
    seen: dict[str, Any] = {}

    def record(path: str, request_serializer: Any, **_: Any) -> None:
        message = getattr(request_serializer, "__self__", None)
        # The mixed-in services, longrunning and IAM, have no proto-plus messages.
        if message is not None and hasattr(message, "pb"):
            seen[path.rpartition("/")[2]] = message.pb().DESCRIPTOR

    instance = object.__new__(transport)
    vars(instance).update(_stubs={}, _logged_channel=SimpleNamespace(unary_unary=record))
    for stub in _stub_properties(transport):
        stub(instance)
    return seen


def _stub_properties(transport: type) -> Iterator[Any]:
    for name, value in vars(transport).items():
        if isinstance(value, property) and name not in ("grpc_channel", "operations_client", "kind"):
            yield value.fget


def _transport(service: str, name: str) -> type:
    from importlib import import_module

    snake = re.sub(r"(?<=[a-z])(?=[A-Z])", "_", service).lower()
    return getattr(import_module(f"{CLIENT}.services.{snake}.transports.grpc"), name)


def _collect(file: FileDescriptor, into: dict[str, FileDescriptor]) -> None:
    """Add ``file`` after all it depends on: a pool takes files in that order only."""
    if file.name not in into:
        for needed in file.dependencies:
            _collect(needed, into)
        into[file.name] = file
