"""The updates of a living cluster at Dataproc, one at a time; each moves the lease on, as renewals in between do."""

from __future__ import annotations

import asyncio
import contextlib
from collections.abc import Awaitable, Callable
from typing import Any

from .booking import Booking
from .config import duration
from .errors import ClusterBusy, DaskDataprocError, WaitTimeout
from .lease import EXPIRY, NEAREST, RENEWALS, Lease, keep_renewing, living_until
from .service import Operation, Service

RETRY = 0.2
"""Seconds between two tries of an update while another one runs."""


class Updates:
    """Those of one cluster, and its lease.

    Parameters
    ----------
    name : str
    service : Service
        Entered.
    booking : Booking
        Of the cluster: a longer lease is told to the ledger.

    Attributes
    ----------
    lease : Lease
        Set before anything else is asked.
    alone : asyncio.Lock
        Held by whoever makes several updates that belong together: no renewal comes between, each brings one with it.
    """

    lease: Lease

    def __init__(self, name: str, service: Service, booking: Booking):
        self.alone = asyncio.Lock()
        self._name, self._service, self._booking = name, service, booking
        self._renewing: asyncio.Task[None] | None = None

    async def keep_renewing(self, wanted: Callable[[], Awaitable[bool]]) -> None:
        """Renew the lease from now on, as often as it is ``wanted``."""
        if self.lease.next() - self.lease.expires > self.lease.length / RENEWALS:
            with contextlib.suppress(ClusterBusy):  # the first renewal then comes while there is still time
                await self._renew()
        self._renewing = asyncio.ensure_future(keep_renewing(self.lease, self._renew, wanted))

    def renew_no_more(self) -> None:
        """Leave the lease as it is from now on."""
        if self._renewing is not None:
            self._renewing.cancel()
            self._renewing = None

    async def begin(
        self, config: dict[str, Any], mask: list[str], *, grace: int = 0, labels: dict[str, str] | None = None
    ) -> Operation:
        """Begin an update, with the lease's renewal folded in; wait for another one to end first.

        Raises
        ------
        WaitTimeout
            The other one does not end.
        """
        until = self.lease.next()
        renews = self._renewing is not None and self.lease.may_move(until)
        if renews:
            config, mask = config | living_until(until), [*mask, EXPIRY]
        operation = await self._when_free({"config": config, "labels": labels or {}}, mask, grace)
        if renews:
            self.lease.expires = until
        return operation

    async def extend(self, until: float) -> None:
        """Have the cluster live until ``until``, unix seconds."""
        await self._when_free({"config": living_until(until), "labels": {}}, [EXPIRY], 0)
        await self._leased(until)

    async def back_to(self, expires: float | None) -> None:
        """Have the cluster end at ``expires`` again, or as soon after it as may be; whatever fails is left as it is."""
        soonest = self.lease.clock.now() + 1.1 * NEAREST
        with contextlib.suppress(DaskDataprocError):
            life = {"config": living_until(max(expires or 0.0, soonest))}
            await self._service.update(self._name, life, [EXPIRY])

    async def _when_free(self, changes: dict[str, Any], mask: list[str], grace: int) -> Operation:
        limit = duration("timeouts.scale")
        try:
            async with asyncio.timeout(limit):
                while True:
                    with contextlib.suppress(ClusterBusy):
                        return await self._service.update(self._name, changes, mask, grace=grace)
                    await asyncio.sleep(RETRY)
        except TimeoutError:
            raise WaitTimeout(f"update {self._name}: another change of it is not done after {limit} s") from None

    async def _renew(self) -> None:
        """Move the lease on; who has the cluster alone does so with each update, and must not wait for us."""
        until = self.lease.next()
        if self.alone.locked() or not self.lease.may_move(until):
            return
        await self._service.update(self._name, {"config": living_until(until)}, [EXPIRY])
        await self._leased(until)

    async def _leased(self, until: float) -> None:
        self.lease.expires = until
        await self._booking.extend(until)
