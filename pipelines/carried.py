"""Has a cluster's scheduler and workers import what a job brings along."""

from __future__ import annotations

import asyncio
from collections.abc import Iterable
from typing import Any

from distributed.diagnostics.plugin import WorkerPlugin

from .bundles import Bundle, arrive, offer


def share(client: Any, bundles: Iterable[Bundle], staging: str) -> None:
    """Have the scheduler of ``client`` and its workers, also those to come, import what is in ``bundles``.

    Parameters
    ----------
    client : Client
    bundles : iterable of Bundle
    staging : str
        The cluster's; empty where all its processes are on this machine.
    """
    offered = [offer(bundle, staging) if staging else bundle for bundle in bundles]
    if offered:
        client.run_on_scheduler(arrive, offered)
        client.register_plugin(Carried(offered))


class Carried(WorkerPlugin):
    """Makes a worker import bundles; the ones of the job before go."""

    name = "dask-dataproc-carried"

    def __init__(self, bundles: list[Bundle]):
        self.bundles = bundles

    async def setup(self, worker: Any) -> None:  # pyright: ignore[reportIncompatibleMethodOverride]  # Dask awaits it
        """Fetch them and put them on the import path."""
        await asyncio.to_thread(arrive, self.bundles)
