"""Cloud Monitoring on loopback: so much of its MetricService that Google's own client writes time series."""

from __future__ import annotations

import threading
from collections.abc import Iterator
from concurrent.futures import ThreadPoolExecutor
from contextlib import contextmanager
from typing import Any, NamedTuple

import grpc
from google.api import metric_pb2
from google.cloud.monitoring_v3 import types
from google.protobuf import empty_pb2

SERVICE = "google.monitoring.v3.MetricService"
PREFIX = "custom.googleapis.com/dask_dataproc/"


class Point(NamedTuple):
    """One point of a time series that was written, as the API's messages have it."""

    type: str
    labels: dict[str, str]
    value: float
    at: float
    project: str


class Loopback:
    """What was written, in order, and ``refuses``: the status with which the next writes are answered instead."""

    def __init__(self) -> None:
        self.points: list[Point] = []
        self.refuses: grpc.StatusCode | None = None
        self._lock = threading.Lock()

    def of(self, name: str, **labels: str) -> list[Point]:
        """The points of a metric of ours that have at least these labels."""
        with self._lock:
            written = list(self.points)
        return [p for p in written if p.type == PREFIX + name and labels.items() <= p.labels.items()]

    def create_time_series(self, request: Any, context: grpc.ServicerContext) -> Any:
        if self.refuses is not None:
            context.abort(self.refuses, "Permission monitoring.timeSeries.create denied (or it may not exist).")
        if not 0 < len(request.time_series) <= 200:
            context.abort(grpc.StatusCode.INVALID_ARGUMENT, "Field timeSeries must have 1 to 200 elements.")
        for series in request.time_series:
            (point,) = series.points
            if series.resource.type != "global" or series.metric_kind != metric_pb2.MetricDescriptor.GAUGE:
                context.abort(grpc.StatusCode.INVALID_ARGUMENT, "Field timeSeries[0] has an unexpected value.")
            made = Point(
                series.metric.type,
                dict(series.metric.labels),
                point.value.double_value,
                point.interval.end_time.seconds + point.interval.end_time.nanos / 1e9,
                request.name.removeprefix("projects/"),
            )
            with self._lock:
                self.points.append(made)
        return empty_pb2.Empty()


@contextmanager
def monitoring() -> Iterator[tuple[Loopback, str]]:
    """Serve a Cloud Monitoring of one's own, and give it and its address, as MONITORING_EMULATOR_HOST wants it."""
    state = Loopback()
    server = grpc.server(ThreadPoolExecutor(4))
    handler = grpc.unary_unary_rpc_method_handler(
        state.create_time_series,
        request_deserializer=types.CreateTimeSeriesRequest.pb().FromString,
        response_serializer=lambda message: message.SerializeToString(),
    )
    server.add_generic_rpc_handlers((grpc.method_handlers_generic_handler(SERVICE, {"CreateTimeSeries": handler}),))
    port = server.add_insecure_port("127.0.0.1:0")
    server.start()
    try:
        yield state, f"127.0.0.1:{port}"
    finally:
        server.stop(0).wait(5)
