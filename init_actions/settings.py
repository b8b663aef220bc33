"""Dask's own configuration on every node. Figures: ADR-002 (worker memory fractions, timeouts, fault tolerance)."""

from __future__ import annotations

from typing import Any

from . import tolerance

DASK: dict[str, Any] = {
    "distributed.worker.memory.target": 0.85,
    "distributed.worker.memory.spill": 0.90,
    "distributed.worker.memory.pause": 0.95,
    "distributed.worker.memory.terminate": 0.98,
    "distributed.comm.timeouts.connect": "30s",
    "distributed.comm.timeouts.tcp": "30s",
    "distributed.comm.retry.count": 3,
    "distributed.comm.retry.delay.min": "1s",
    "distributed.comm.retry.delay.max": "20s",
    "distributed.worker.profile.interval": "10ms",
    "distributed.worker.profile.cycle": "1s",
    "distributed.scheduler.http.routes": [
        "distributed.http.scheduler.prometheus",
        "distributed.http.scheduler.info",
        "distributed.http.scheduler.json",
        "distributed.http.health",
        "distributed.http.statics",
    ],  # Dask's own list but its proxy to worker pages: they are not served, and its import costs half a second
    "distributed.worker.preload": [
        f"{__package__}.{module}" for module in ("task_timeouts", "high_water", "worker_metrics")
    ],
    **tolerance.DASK,
}
SCHEDULER_PORT, DASHBOARD_PORT = 8786, 8787
WORKER_PORT = 8788
"""Of the metrics of a machine's first worker, on loopback; of the next one 8789, and so on."""
HEAD_TIMEOUT = 600.0
"""Seconds a worker waits for the head: as long as an initialization action may take."""
