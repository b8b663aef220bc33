"""A machine that takes little, so that one computer can be a cluster of a hundred: its worker without a nanny.

It is one process still, that can be powered off, or die. What takes time though nothing is done is left out or made
rare: the profile, looks at memory and load, the ticks that measure a busy loop. A worker that ends takes its machine
with it.
"""

from __future__ import annotations

from typing import Any

import dask.config
from distributed import Worker

from ..init_actions import worker

QUIET: dict[str, Any] = {
    "distributed.worker.profile.enabled": False,
    "distributed.worker.memory.monitor-interval": "5s",
    "distributed.admin.tick.interval": "2s",
    "distributed.admin.tick.limit": "10s",
    "distributed.admin.system-monitor.interval": "10s",
}


async def main(metadata: dict[str, str]) -> None:
    """Be the worker, as of `worker.main`."""
    dask.config.set(QUIET)
    await worker.main(metadata, Worker)
