"""Writes samples to Cloud Monitoring as custom metrics, through Google's own client.

MONITORING_EMULATOR_HOST, ``host:port``, leads to another server, without TLS and without credentials: tests have one.
"""

from __future__ import annotations

import os
from collections.abc import Iterable
from typing import Any

from .metric_names import custom_type
from .samples import Sample

MOST = 200
"""Time series that one call may have. Source: Cloud Monitoring's quotas and limits."""
TIMEOUT = 10.0
"""Seconds for one call, its retries included."""


def write(project: str, samples: Iterable[Sample], at: float) -> None:
    """Write one point of each of ``samples``, as it was at ``at``.

    Every one is a gauge there, counters too: a cluster that has gone has no rate.

    Parameters
    ----------
    project : str
    samples : iterable of Sample
    at : float
        Unix seconds.

    Raises
    ------
    ImportError
        google-cloud-monitoring is not installed.
    google.api_core.exceptions.GoogleAPIError
        The call was refused, or not answered.
    """
    client, series = _client(), [_series(project, sample, at) for sample in samples]
    with client:
        for first in range(0, len(series), MOST):
            part = series[first : first + MOST]
            client.create_time_series(name=f"projects/{project}", time_series=part, timeout=TIMEOUT)


def _series(project: str, sample: Sample, at: float) -> dict[str, Any]:
    seconds, rest = divmod(at, 1)
    return {
        "metric": {"type": custom_type(sample.name), "labels": sample.labels},
        "resource": {"type": "global", "labels": {"project_id": project}},
        "metric_kind": "GAUGE",
        "value_type": "DOUBLE",
        "points": [
            {
                "interval": {"end_time": {"seconds": int(seconds), "nanos": int(rest * 1e9)}},
                "value": {"double_value": float(sample.value)},
            }
        ],
    }


def _client() -> Any:
    from google.cloud.monitoring_v3 import MetricServiceClient

    host = os.environ.get("MONITORING_EMULATOR_HOST", "")
    if not host:
        return MetricServiceClient()
    import grpc
    from google.cloud.monitoring_v3.services.metric_service.transports import MetricServiceGrpcTransport

    channel = grpc.insecure_channel(host, options=[("grpc.enable_http_proxy", 0)])
    return MetricServiceClient(transport=MetricServiceGrpcTransport(channel=channel))
