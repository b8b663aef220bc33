"""What only the client knows of a cluster: told to its head, or left in staging where no head came up."""

from __future__ import annotations

import asyncio
import importlib.util
import json
import logging
import math
import time
from collections.abc import Iterable
from functools import partial
from typing import TYPE_CHECKING, Any

from ..init_actions import cloud_monitoring
from ..init_actions.samples import Sample, snapshot, snapshot_url
from . import store
from .account import Account, day_of
from .budget import Budgets, budgets_of
from .config import setting
from .errors import ConfigError, DaskDataprocError
from .labels import OWNER
from .phases import Phase
from .spec import ClusterSpec

if TYPE_CHECKING:
    from .tenure import Tenure

EVERY = 60.0
"""Seconds between two words to a head: leases run out and costs grow there by themselves meanwhile."""
LIMIT = 10.0
"""Seconds that a failure may take to be reported; it is worth no more."""
log = logging.getLogger(__name__)


def monitoring_metadata(project: str) -> dict[str, str]:
    """Return what nodes have to be told so that they write to Cloud Monitoring; nothing where they are not to.

    Raises
    ------
    ConfigError
        They are to, and would lack the package for it: they get the kernel's packages.
    """
    if not (project and setting("monitoring")):
        return {}
    if importlib.util.find_spec("google.cloud.monitoring_v3") is None:
        said = "dataproc.monitoring: true given, and google-cloud-monitoring is not installed here"
        raise ConfigError(said, "pip install 'dask-dataproc[monitoring]'")
    return {"dask-monitoring": project}


def up_seconds(phases: Iterable[Phase]) -> dict[str, float]:
    """Return how long the phases took that have ended, by name; those of several attempts together."""
    found: dict[str, float] = {}
    for phase in phases:
        found[phase.name] = found.get(phase.name, 0.0) + (phase.seconds or 0.0)
    return found


async def word(tenure: Tenure, phases: Iterable[Phase], scale: float, *, holds: bool) -> dict[str, Any]:
    """Return what a head is told: see `init_actions.told.Told.take`.

    Parameters
    ----------
    tenure : Tenure
    phases : iterable of Phase
        Of its way up; none if somebody else has made the cluster.
    scale : float
        Seconds of the service's clock in a real one.
    holds : bool
        Whether who tells it renews the lease; others ask Dataproc how it stands.
    """
    account = await tenure.booking.account()
    if account is not None:
        await tenure.catch_up(account)
    said: dict[str, Any] = {"scale": scale, "rate": tenure.price_per_hour, "cost": tenure.cost}
    expires = tenure.lease.expires if holds else (await tenure.refresh()).lease_expires
    left = math.inf if expires is None else max(0.0, expires - tenure.lease.clock.now())
    said["lease"] = left if math.isfinite(left) else None
    if took := up_seconds(phases):
        said["phases"] = took
    if account is not None:
        said |= of_owner(account, budgets_of(account.user, setting("budgets")), tenure.lease.clock.now())
    return said


def of_owner(account: Account, budgets: Budgets, now: float) -> dict[str, Any]:
    """Return what an owner spends, and may: the sum of the clusters there are in USD per hour, and this month's USD."""
    spending = {"hourly": account.rate, "monthly": account.spent_in(day_of(now)[:7], now)}
    budget = {"hourly": budgets.hourly, "monthly": budgets.user}
    given = {period: usd for period, usd in budget.items() if usd is not None}
    return {"user": account.user, "spending": spending, "budget": given}


def failure_samples(spec: ClusterSpec, reason: str, phases: Iterable[Phase]) -> list[Sample]:
    """Return what is said of a cluster that did not come up."""
    labels = {"cluster": spec.name, "owner": spec.labels.get(OWNER, "")}
    took = [
        Sample("dask_dataproc_up_seconds", labels | {"phase": name}, seconds)
        for name, seconds in up_seconds(phases).items()
    ]
    return [Sample("dask_dataproc_creation_failures_total", labels | {"reason": reason}, 1), *took]


async def report_failure(spec: ClusterSpec, request: str, error: BaseException, phases: Iterable[Phase]) -> None:
    """Leave in staging that a cluster did not come up, and tell Cloud Monitoring where that is configured.

    It never raises: what a person is to read is ``error``, which says more.

    Parameters
    ----------
    spec : ClusterSpec
    request : str
        The request's id.
    error : BaseException
        Its class is the reason.
    phases : iterable of Phase
        Those that have ended.
    """
    try:
        async with asyncio.timeout(LIMIT):
            await asyncio.to_thread(partial(_report, spec, request, _reason(error), list(phases)))
    except Exception as unreported:  # of a file system, of Cloud Monitoring
        log.warning("%s: that it did not come up could not be reported: %s", spec.name, unreported)


def _report(spec: ClusterSpec, request: str, reason: str, phases: list[Phase]) -> None:
    now, samples = time.time(), failure_samples(spec, reason, phases)
    said = json.dumps(snapshot(spec.name, spec.labels.get(OWNER, ""), samples, now, ended=True)).encode()
    store.update(snapshot_url(spec.staging, spec.name, request), lambda _: said, LIMIT)
    if monitoring_metadata(spec.project):
        cloud_monitoring.write(spec.project, samples, now)


def _reason(error: BaseException) -> str:
    return type(error).__name__ if isinstance(error, DaskDataprocError) else "WaitTimeout"
