"""The head's part in that no cluster is invisible, however short it lived: it leaves its metrics in staging."""

from __future__ import annotations

import asyncio
import contextlib
import logging
import time
from collections.abc import Mapping

from . import connection
from .figures import Figures
from .histogram import Histogram
from .samples import Sample, snapshot, snapshot_url

EVERY = 300.0
"""Seconds until a snapshot is written though nobody has told the head anything."""
LAST = 20.0
"""Seconds that the last one may take: the machine's power goes soon."""
log = logging.getLogger("distributed.snapshots")


class Snapshots:
    """Those of one head.

    Parameters
    ----------
    figures : Figures
    histograms : mapping of str to Histogram
    metadata : dict
        Of the head's node.
    """

    def __init__(self, figures: Figures, histograms: Mapping[str, Histogram], metadata: dict[str, str]):
        self._figures, self._histograms = figures, histograms
        self._url = snapshot_url(metadata["dask-staging"], figures.cluster, metadata["dataproc-cluster-uuid"])
        self._monitoring = metadata.get("dask-monitoring", "")
        self._due, self._writing = asyncio.Event(), asyncio.Lock()

    async def keep(self) -> None:
        """Write one now, whenever one is `due`, and now and then, until cancelled: what has no end has these."""
        while True:
            self._due.clear()
            await self._written(ended=False)
            with contextlib.suppress(TimeoutError):
                async with asyncio.timeout(EVERY):
                    await self._due.wait()

    def due(self) -> None:
        """Have one written soon: there is something new to say."""
        self._due.set()

    async def last(self) -> None:
        """Write the last one, and where that is configured have Cloud Monitoring know it; whatever fails is logged."""
        with contextlib.suppress(TimeoutError):
            async with asyncio.timeout(LAST):
                await asyncio.gather(self._written(ended=True), self._pushed(list(self._figures.samples())))

    async def _written(self, *, ended: bool) -> None:
        tasks = {name: {"buckets": each.buckets(), "sum": each.total} for name, each in self._histograms.items()}
        about, used = (self._figures.cluster, self._figures.owner), self._figures.head.usage()
        said = snapshot(*about, self._figures.samples(), time.time(), ended=ended, used=used, tasks=tasks)
        try:
            async with self._writing:
                await asyncio.to_thread(connection.publish, self._url, said)
        except Exception:  # each file system has its own errors
            log.exception("the metrics could not be written to %s", self._url)

    async def _pushed(self, samples: list[Sample]) -> None:
        if not self._monitoring:
            return
        from . import cloud_monitoring

        try:
            await asyncio.to_thread(cloud_monitoring.write, self._monitoring, samples, time.time())
        except Exception:  # without the package, without the role, without an answer
            log.exception("the last metrics could not be written to Cloud Monitoring")
