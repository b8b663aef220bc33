"""A cluster's reservation in its owner's account: taken before anything is created, kept while it lives, settled last.

What the ledger cannot be told later on is logged, and the cluster goes on: a lease ends every reservation. Beside it
the audit trail has what is about to be done, and what came of that.
"""

from __future__ import annotations

import contextlib
import logging
from collections.abc import Awaitable, Iterable, Iterator
from typing import Any, TypeVar

from . import admission, permissions
from .account import Account
from .audit import FAILED, Event
from .clock import Clock
from .config import setting, user
from .errors import DaskDataprocError, QuotaExceeded
from .footprint import footprint, reservation_of
from .held import all_held, held_by, key_of, rate_of
from .history import Run
from .ledger import Ledger
from .quotas import Limits, limits_of, pool_of
from .quote import estimate, hours_of
from .record import ClusterRecord
from .runs import keep_run, read_runs, usual_hours
from .spec import ClusterSpec
from .spending import listed
from .standings import check_budgets, ledger_url
from .trail import note, trail_url

Result = TypeVar("Result")
log = logging.getLogger(__name__)


class Booking:
    """One cluster's reservation.

    Parameters
    ----------
    spec : ClusterSpec
    key : str
        Of the request that asks for the cluster, or has made it.
    clock : Clock
        The service's.
    owner : str, optional
        Whose account it is; the caller's by default.
    """

    def __init__(self, spec: ClusterSpec, key: str, clock: Clock, owner: str = ""):
        self.spec, self.key, self.owner = spec, key, owner or user()
        self._clock, self._ledger = clock, Ledger(ledger_url(spec.staging), clock)

    @classmethod
    def of(cls, record: ClusterRecord, clock: Clock) -> Booking:
        """Return the booking of a cluster that there is."""
        spec = record.spec()
        return cls(spec.replace(staging=record.staging or spec.staging), key_of(record), clock, record.owner)

    async def admit(self, life: float, living: Iterable[ClusterRecord], seen: float) -> str:
        """Reserve what the cluster takes for ``life`` seconds, and return in words what is worth knowing of that.

        Parameters
        ----------
        life : float
        living : iterable of ClusterRecord
            The owner's clusters: the account first learns what it does not know of them.
        seen : float
            When they were asked for, unix seconds.

        Raises
        ------
        PermissionDenied
            The role may not make clusters.
        QuotaExceeded
            A limit of the class, or the pool of all; ``fits`` is the largest cluster that would be admitted.
        BudgetExceeded
            The month's budget has no room for it, and is a hard stop.
        """
        spec, quotas = self.spec, setting("quotas")
        permissions.require(self.owner, permissions.CREATE, quotas)
        pool, now = pool_of(spec.project, quotas), self._clock.now()
        wanted = reservation_of(spec, self.key, now + life)
        known = await self._ledger.reconcile(self.owner, all_held(living), wanted.place, seen)
        usual = usual_hours(await read_runs(self._ledger.url, spec.workload))
        warning = await check_budgets(self._ledger, known, spec.project, rate_of(spec), hours_of(spec, usual), now)
        account = await self._ledger.reserve(
            self.owner,
            wanted,
            self._admitted,
            lambda everybody: admission.admit_pool(everybody.reservations.values(), pool),
        )
        return ", ".join(filter(None, [admission.in_use(account, self._limits), estimate(spec, usual), warning]))

    @property
    def _limits(self) -> Limits:
        return limits_of(self.owner, self.spec.project, setting("quotas"))

    def _admitted(self, account: Account) -> None:
        try:
            admission.admit(self.spec, account, self._limits)
        except QuotaExceeded as refused:
            refused.fits = admission.fitting(self.spec, account, self._limits)
            raise

    def check_most(self, workers: int) -> None:
        """Let a cluster adapt up to ``workers``, as far as that is known without the ledger.

        Raises
        ------
        QuotaExceeded
            Of its class no cluster may have so many.
        """
        admission.admit_resize(self.spec, workers, Account(self.owner), self._limits, self.key)

    async def grow(self, workers: int) -> None:
        """Reserve what the cluster takes with so many workers, before it has them.

        Raises
        ------
        QuotaExceeded
            It may not have so many.
        """
        takes = footprint(self.spec, workers)

        def admitted(account: Account) -> None:
            admission.admit_resize(self.spec, workers, account, self._limits, self.key)

        held = (await self._ledger.read(self.owner)).reservations.get(self.key)
        if held is not None:
            sized = {"workers": takes.workers, "memory": takes.memory or 0, "rate": held.rate}
            await self._ledger.change(self.owner, self.key, **sized, admit=admitted)

    async def begin(self, uuid: str, life: float) -> None:
        """Say that the reservation is cluster ``uuid``'s, which is paid for from now on and lives for ``life`` s."""
        now, rate = self._clock.now(), rate_of(self.spec)
        await self._told(self._ledger.begin(self.owner, self.key, uuid, now, rate, now + life))

    async def follow(self, record: ClusterRecord) -> Account | None:
        """Have the ledger say what ``record`` does of the cluster, and return the account; None if it was not told."""
        return await self._told(self._ledger.follow(self.owner, held_by(record)))

    async def account(self) -> Account | None:
        """Return the owner's account as it is now; None if the ledger cannot be read."""
        return await self._told(self._ledger.read(self.owner))

    async def extend(self, expires: float) -> None:
        """Let the reservation hold as long as the cluster's lease, until ``expires``."""
        await self._told(self._ledger.extend(self.owner, self.key, expires))

    async def release(self) -> float | None:
        """End the reservation and return what the cluster has cost, USD, which is spent now; None: not known."""
        account = await self._told(self._ledger.release(self.owner, self.key))
        return account.costs.get(self.key) if account else None

    async def keep(self, run: Run) -> None:
        """Have the next sizing of the workload know of ``run``."""
        await self._told(keep_run(self._ledger.url, run))

    def note(self, act: str, **said: Any) -> None:
        """Have the audit trail say ``act`` of the cluster, with what is ``said`` of the fields of `audit.Event`."""
        spec = self.spec
        machine, price = spec.worker_machine if spec.workers else spec.master_machine, listed(spec)
        known: dict[str, Any] = {"key": self.key, "workers": spec.total_workers, "machine": machine}
        known |= {"rate": price.total if price else None} | said
        place = f"{spec.project}/{spec.region}"
        event = Event(self._clock.now(), act, spec.name, place, self.owner, by=user(), through="", id="", **known)
        note(trail_url(spec.staging), event)

    @contextlib.contextmanager
    def noted(self, act: str, done: str, **said: Any) -> Iterator[dict[str, Any]]:
        """Have the trail say ``act`` before the block and ``done`` after it, with what it puts into what it gets.

        If it fails, the trail says that, and why.
        """
        self.note(act, **said)
        found: dict[str, Any] = {}
        try:
            yield found
        except BaseException as error:
            self.note_failure(act, error, **said)
            raise
        self.note(done, **said | found)

    def note_failure(self, act: str, error: BaseException, **said: Any) -> None:
        """Have the trail say that ``act`` failed, and why."""
        self.note(act + FAILED, **said | {"detail": f"{type(error).__name__}: {error}"})

    async def _told(self, telling: Awaitable[Result]) -> Result | None:
        try:
            return await telling
        except DaskDataprocError as error:
            log.warning("%s: the ledger could not be told: %s", self.spec.name, error)
            return None
