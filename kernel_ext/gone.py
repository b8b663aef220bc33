"""What is said of a notebook's cluster that is there no more: that it has gone, and what it cost."""

from __future__ import annotations

from ..clusters.errors import DaskDataprocError
from .notebook_record import Own


def gone(own: Own) -> str:
    """Return in one line that a notebook's cluster is there no more, and what it cost if that is known."""
    cost = _cost(own)
    spent = "" if cost is None else f"; it cost ${cost:.2f} at list prices"
    return f"{own.name} is gone: its lease has ended, or it was deleted{spent}; %dask_cluster up makes another"


def _cost(own: Own) -> float | None:
    """Return USD that the cluster of ``own`` cost as the ledger has it, None if it does not know."""
    from ..clusters.service import Service
    from ..clusters.standings import cost_of
    from ..clusters.sync import run

    async def asked() -> float | None:
        async with Service(own.project, own.region) as service:
            return await cost_of(service, own.key)

    try:
        return run(asked())
    except DaskDataprocError:
        return None
