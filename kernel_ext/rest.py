"""What JupyterLab asks of us: the clusters there are, at ``{base_url}dask-dataproc/clusters``."""

from __future__ import annotations

import json
from typing import TYPE_CHECKING, Any

from jupyter_server.base.handlers import APIHandler
from tornado import web

from ..clusters.errors import DaskDataprocError
from .server import SETTING, Side, dashboard_path

if TYPE_CHECKING:
    from ..clusters.record import ClusterRecord

ROUTE = "dask-dataproc/clusters"


class ClustersHandler(APIHandler):
    """The clusters that this user may see."""

    @web.authenticated
    async def get(self) -> None:
        """Answer with a list of `told`."""
        side: Side = self.settings[SETTING]
        try:
            records = await side.known.records()
        except DaskDataprocError as error:
            raise web.HTTPError(502, error.message) from error
        self.finish(json.dumps([told(record, self.base_url) for record in records]))


def told(record: ClusterRecord, base_url: str) -> dict[str, Any]:
    """Return what a front end is told of a cluster: no metadata and no keys, and its dashboard under ``base_url``.

    Prices are USD per hour, null where the list has none; times are unix seconds.
    """
    return {
        "name": record.name,
        "status": record.status,
        "project": record.project,
        "region": record.region,
        "workers": record.total_workers,
        "owner": record.owner,
        "created": record.created,
        "lease_expires": record.lease_expires,
        "price_per_hour": price_of(record),
        "dashboard": dashboard_path(base_url, record.name) if record.alive else None,
        "gateway": record.gateway,
    }


def price_of(record: ClusterRecord) -> float | None:
    """Return what the cluster costs as it is, USD per hour at list prices; None where nobody can say."""
    from ..clusters.spending import listed

    try:
        price = listed(record.spec(), stopped=record.status == "STOPPED")
    except DaskDataprocError:  # made by something else, or by a later version of this
        return None
    return price.total if price else None
