"""A living cluster in our hands: its record, size, price and lease, and the calls that change them."""

from __future__ import annotations

import asyncio
import contextlib
import math
from collections.abc import AsyncIterator, Awaitable, Callable, Mapping
from dataclasses import replace
from functools import partial
from typing import Any

from .account import Account
from .alternatives import not_grown
from .attempts import growths
from .audit import DELETE, DELETED, EXTEND, HANDED_BACK, RESIZE, RESIZED, STOP, STOPPED
from .autoscaling import GRACE
from .booking import Booking
from .config import duration
from .connection import forget
from .errors import DaskDataprocError, QuotaExceeded, Stockout, WaitTimeout
from .history import Run
from .lease import EXPIRY, Lease, living_until
from .phases import Phases
from .provision import living, sooner, unless_given_up
from .record import ClusterRecord, made_with
from .reservation import Reservation
from .runs import run_of
from .service import Operation, Service
from .sizes import ADAPT, resized
from .spec import ClusterSpec
from .spending import Spending
from .updates import Updates
from .warm import STOPPED_LEASE

MOMENT = 600.0
"""Seconds in which a job's cluster has been deleted when its notebook is done."""
Registered = Callable[[int], Awaitable[None]]
TellHead = Callable[[int], Awaitable[bool]]


async def _unasked(_: int) -> None: ...


async def _untold(_: int) -> bool:
    return False


class Tenure:
    """A cluster from the moment it runs until it is given back.

    Parameters
    ----------
    spec : ClusterSpec
    record : ClusterRecord
        As it is now.
    service : Service
        Entered.
    phases : Phases
    booking : Booking
        Its reservation.
    """

    def __init__(self, spec: ClusterSpec, record: ClusterRecord, service: Service, phases: Phases, booking: Booking):
        self.spec, self.record, self.booking = spec, record, booking
        self._service, self._phases = service, phases
        self._spending = Spending(spec, record.created)
        self._updates = Updates(record.name, service, booking)
        self._resize: asyncio.Task[None] | None = None
        self._ended: float | None = None

    @property
    def lease(self) -> Lease:
        """Until when it lives, and what moves that."""
        return self._updates.lease

    @property
    def price_per_hour(self) -> float | None:
        """List price at the present size, USD per hour; None where the list has none."""
        return self._spending.price.total if self._spending.price else None

    @property
    def cost(self) -> float | None:
        """What the cluster has cost at list prices until now or until we let go of it, USD; None: no price is known."""
        return self._spending.total(self._ended or self._service.clock.now())

    async def count(self) -> None:
        """Count the cost as the ledger does, which knows of earlier sizes, and have it know of this one."""
        account = await self.booking.follow(self.record)
        if account is not None:
            self._count_as(account)

    async def catch_up(self, account: Account) -> None:
        """Count as the owner's ``account`` does where that has another price an hour: somebody else has resized it."""
        held = self._held(account)
        busy = self._updates.alone.locked()
        if held is not None and held.spans and not busy and held.rate != (self.price_per_hour or 0.0):
            await self.refresh()
            self._count_as(account)

    def _count_as(self, account: Account) -> None:
        held = self._held(account)
        if held is not None and held.spans:
            *past, last = held.intervals(self._service.clock.now())
            self._spending = Spending(self.record.spec(), last.start, past, account.costs.get(held.key, 0.0))

    def _held(self, account: Account | None) -> Reservation | None:
        return account.reservations.get(self.booking.key) if account is not None else None

    async def refresh(self) -> ClusterRecord:
        """Ask Dataproc for the record and return it."""
        self.record = await self._service.get(self.record.name)
        return self.record

    def take_lease(self, length: float, ends: float) -> None:
        """Know the lease: ``length`` seconds a renewal, to ``ends`` (unix seconds) unless it is beyond already."""
        expires = math.inf if self.record.lease_expires is None else self.record.lease_expires
        self._updates.lease = Lease(length, max(ends, expires), expires, self._service.clock)

    async def hold(self, idle_seconds: Callable[[], Awaitable[float]]) -> None:
        """Renew the lease from now on, while the cluster has been idle for less than its spec's ``idle_time``."""

        async def wanted() -> bool:
            return await idle_seconds() * self._service.clock.scale < self.spec.idle_time

        await self._updates.keep_renewing(wanted)

    async def resize(self, n: int, registered: Registered = _unasked, tell_head: TellHead = _untold) -> None:
        """Come to ``n`` workers in all and wait until so many have ``registered``; leaving ones move their data first.

        The head is told as well, and says whether it starts workers: where they are YARN's containers, it asks for
        more, or closes some before their machines go.

        Raises
        ------
        SpecError
            ``n`` is out of the spec's bounds; nothing was changed.
        ClusterFailed
            The cluster is in ERROR, or on its way out; or it was closed meanwhile.
        Stockout, QuotaExceeded
            It could not grow, and is as it was.
        """
        resized(n, self.spec, self.record.workers)  # what is out of bounds is refused before any call
        async with self._updates.alone:
            self._resize = asyncio.ensure_future(self._to_admitted_size(n, registered, tell_head))
            await unless_given_up(self._resize, f"scale {self.record.name} to {n} workers: the cluster was closed")

    async def _to_admitted_size(self, n: int, registered: Registered, tell_head: TellHead) -> None:
        now = living(await self.refresh())
        said = {"workers": n, "rate": None, "detail": f"from {now.total_workers}"}
        changes = n != now.total_workers
        with self._noted(RESIZE, RESIZED, **said) if changes else contextlib.nullcontext({}) as found:
            if n > now.total_workers:
                await self.booking.grow(n)
            try:
                await self._to_size(n, now, registered, tell_head)
            finally:
                await self.booking.follow(self.record)
            found["rate"] = self.price_per_hour

    async def _to_size(self, n: int, now: ClusterRecord, registered: Registered, tell_head: TellHead) -> None:
        sizes = growths(n, self.spec, now.workers, now.secondary_workers)
        if not sizes and await tell_head(n):  # there may be fewer containers than machines
            async with self._in_time(n):
                await registered(n)
        for number, size in enumerate(sizes, 1):
            detail = f"{now.total_workers} to {n} workers" + (f", {size[0]} of them primary" if number > 1 else "")
            try:
                with self._phases.phase("scale", detail):
                    await self._change(now, size, registered, tell_head)
                return
            except (Stockout, QuotaExceeded) as error:
                await self._put_back(now, tell_head)
                if number == len(sizes) or isinstance(error, QuotaExceeded):
                    raise not_grown(error, n, self.spec, (now.workers, now.secondary_workers)) from error

    async def _change(
        self, now: ClusterRecord, size: tuple[int, int], registered: Registered, tell_head: TellHead
    ) -> None:
        n, shrinks = sum(size), sum(size) < now.total_workers
        changes, mask = _size_change(now, *size)
        if shrinks:
            await tell_head(n)
        operation = await self._updates.begin(changes, mask, grace=GRACE if shrinks else 0)
        if not shrinks:
            await tell_head(n)
        self._spending.resize(*size, self._service.clock.now())
        await self._resized(operation, n, registered)

    async def _put_back(self, before: ClusterRecord, tell_head: TellHead) -> None:
        """Make the cluster what it was ``before`` a growth that failed, however far that had come."""
        now = await self.refresh()
        changes, mask = _size_change(now, before.workers, before.secondary_workers)
        if mask and now.alive:
            operation = await self._updates.begin(changes, mask, grace=GRACE)
            await self._service.finish(operation, f"undo the growth of {now.name}", duration("timeouts.scale"))
            now = await self.refresh()
        await tell_head(before.total_workers)
        self._spending.resize(now.workers, now.secondary_workers, self._service.clock.now())

    async def end(self, how: str, *, keep: bool) -> None:
        """Give the cluster up: ``delete`` or ``stop`` it, ``leave`` it to its lease, ``hand back`` what is a job's."""
        leave = partial(self.leave, keep=keep)
        await {"delete": self.delete, "stop": self.stop, "leave": leave, "hand back": self.hand_back}[how]()

    def run(self, used: Mapping[str, Any]) -> Run | None:
        """Return what the cluster has done so far, as its head counted it, as a run of its workload."""
        return run_of(self.spec, self.record, used, self.cost, self._service.clock.now())

    async def note(self, label: str, value: str) -> None:
        """Have the cluster's ``label`` say ``value``, where whoever attaches finds it; '' takes it away."""
        if self.record.labels.get(label, "") == value:
            return
        async with self._updates.alone:
            others = {name: said for name, said in (await self.refresh()).labels.items() if name != label}
            labels = others | ({label: value} if value else {})
            operation = await self._updates.begin({}, ["labels"], labels=labels)
            await self._service.finish(operation, f"update {self.record.name}", duration("timeouts.scale"))
            await self.refresh()

    def note_act(self, act: str, **said: Any) -> None:
        """Have the audit trail say ``act`` of the cluster as it is now."""
        self.booking.note(act, **self._as_it_is | said)

    def _noted(self, act: str, done: str, **said: Any) -> contextlib.AbstractContextManager[dict[str, Any]]:
        return self.booking.noted(act, done, **self._as_it_is | said)

    @property
    def _as_it_is(self) -> dict[str, Any]:
        sized = {"uuid": self.record.uuid, "workers": self.record.total_workers, "rate": self.price_per_hour}
        return sized | {"until": self.lease.expires if math.isfinite(self.lease.expires) else None}

    async def delete(self) -> None:
        """Delete the cluster and wait until it has gone."""
        await self._let_go()
        with self._phases.phase("down", self.record.name), self._noted(DELETE, DELETED, until=None) as found:
            await self._service.remove(self.record)
            found["usd"] = await self.booking.release()
        self._ended = self._service.clock.now()

    async def stop(self) -> None:
        """Stop the cluster at the size it was made with: it can be started until the lease of a stopped one ends.

        Dataproc changes running clusters alone and stops none with secondary workers: so one update comes first. If
        the cluster cannot be stopped, it runs on to the end of the lease that it had.

        Raises
        ------
        ServiceError, WaitTimeout
            It was not stopped.
        """
        await self._let_go()
        name, limit = self.record.name, duration("timeouts.delete")
        with self._phases.phase("stop", name), self._noted(STOP, STOPPED) as found:
            await self.note(ADAPT, "")
            before = await self.refresh()
            changes, mask = _size_change(before, made_with(before), 0)
            until = self._service.clock.now() + duration("stopped-lease", STOPPED_LEASE)
            try:
                update = await self._updates.begin(changes | living_until(until), [*mask, EXPIRY])
                await self._service.finish(update, f"update {name}", limit)
                await self._service.finish(await self._service.stop(before), f"stop {name}", limit)
            except DaskDataprocError:
                await self._updates.back_to(before.lease_expires)
                raise
            self.lease.expires = until
            await forget(before.staging, before.uuid)  # the keys: who starts it again waits for new ones
            held = self._held(await self.booking.follow(await self.refresh()))
            found |= {"until": until, "usd": self.cost, "rate": held.rate if held else None}
        self._ended = self._service.clock.now()

    async def leave(self, *, keep: bool) -> None:
        """Let the cluster go on without us: to the end of its lease, or with ``keep`` of its lifetime."""
        await self._let_go()
        if keep and self.lease.may_move(self.lease.ends):
            await self._updates.extend(self.lease.ends)
            self.note_act(EXTEND, usd=self.cost)
        await self._seen(self.lease.expires)  # whoever ends it later: it was there until now
        self._ended = self._service.clock.now()

    async def hand_back(self) -> None:
        """Let go of a cluster that is deleted in a moment, and have the ledger count on that."""
        await self._let_go()
        self._ended = self._service.clock.now()
        self.note_act(HANDED_BACK, usd=self.cost)
        await self._seen(self._ended + MOMENT)

    async def _seen(self, expires: float) -> None:
        await self.booking.follow(replace(self.record, lease_expires=expires if math.isfinite(expires) else None))

    async def _let_go(self) -> None:
        """Renew no more, and give up a resize that is under way."""
        self._updates.renew_no_more()
        if self._resize is not None and not self._resize.done():
            self._resize.cancel()
            await asyncio.wait([self._resize])

    async def _resized(self, operation: Operation, n: int, registered: Registered) -> None:
        what = f"scale {self.record.name} to {n} workers"
        following = asyncio.ensure_future(self._service.finish(operation, what, duration("timeouts.scale")))
        try:
            async with self._in_time(n):
                await sooner(registered(n), following)
                await following
        finally:
            following.cancel()
            await self.refresh()

    @contextlib.asynccontextmanager
    async def _in_time(self, n: int) -> AsyncIterator[None]:
        limit = duration("timeouts.scale")
        try:
            async with asyncio.timeout(limit):
                yield
        except TimeoutError:
            said = f"scale {self.record.name} to {n} workers: not all have registered after {limit} s"
            raise WaitTimeout(said, "%dask_cluster logs") from None


def _size_change(now: ClusterRecord, primary: int, secondary: int) -> tuple[dict[str, Any], list[str]]:
    """Return what an update says, and its mask, to come to that many workers of each group."""
    wanted = {
        "worker_config": (now.workers, primary),
        "secondary_worker_config": (now.secondary_workers, secondary),
    }
    changed = {group: after for group, (before, after) in wanted.items() if before != after}
    config = {group: {"num_instances": after} for group, after in changed.items()}
    return config, [f"config.{group}.num_instances" for group in changed]
