"""How people stand: their accounts in the ledger against the limits and budgets of the settings."""

from __future__ import annotations

import asyncio
from dataclasses import dataclass

from .account import Account, day_of
from .budget import Standing, budgets_of, check, standing
from .config import setting, staging_of, user
from .dataproc_config import MARK
from .held import all_held
from .labels import OWNER
from .ledger import Ledger
from .prices import cost
from .quotas import Limits, limits_of, pool_of
from .reservation import Reservation
from .service import Service
from .sync import run


@dataclass(frozen=True, slots=True)
class Standings:
    """One person's account, and what it is measured by.

    Attributes
    ----------
    account : Account
    limits : Limits
    pool : int or None
        Clusters of all users there may be.
    reserved : tuple of Reservation
        Those of all users that count there.
    budgets : tuple of Standing
        The person's, and the project's where it has one.
    now : float
        When that was so, unix seconds.
    """

    account: Account
    limits: Limits
    pool: int | None
    reserved: tuple[Reservation, ...]
    budgets: tuple[Standing, ...]
    now: float

    @property
    def pooled(self) -> int:
        """Clusters of all users there are."""
        return len(self.reserved)


def ledger_url(staging: str) -> str:
    """Return where the ledger is of clusters that are staged at ``staging``: ``dataproc.ledger``, else beside them."""
    return setting("ledger") or f"{staging.rstrip('/')}/ledger"


def standings(project: str, region: str) -> Standings:
    """Return how the caller stands, after the account has learnt of the clusters that there are.

    Raises
    ------
    ConfigError, WaitTimeout
        The settings are wrong, or the ledger cannot be read.
    """

    async def stand() -> Standings:
        async with Service(project, region) as service:
            ledger, account = await _reconciled(service)
            now, quotas = service.clock.now(), setting("quotas")
            pool, budgets = await asyncio.gather(ledger.pool(), budget_standings(ledger, account, project, now))
        limits, bound = limits_of(account.user, project, quotas), pool_of(project, quotas)
        return Standings(account, limits, bound, tuple(pool.reservations.values()), budgets, now)

    return run(stand())


def spending(project: str, region: str, *, everybody: bool = False) -> tuple[list[Account], float]:
    """Return the caller's account, or all of them, and the time, unix seconds, until which they are counted.

    Raises
    ------
    ConfigError, WaitTimeout
        The ledger cannot be read.
    """

    async def looked() -> tuple[list[Account], float]:
        async with Service(project, region) as service:
            ledger, account = await _reconciled(service)
            return await ledger.accounts() if everybody else [account], service.clock.now()

    return run(looked())


async def cost_of(service: Service, key: str) -> float | None:
    """Return USD that the caller's cluster with reservation ``key`` has cost, living or ended; None: nothing is known.

    Raises
    ------
    ConfigError, WaitTimeout
        The ledger cannot be read.
    """
    _, account = await _reconciled(service)
    held = account.reservations.get(key)
    if held is None:
        return account.costs.get(key)
    return account.costs.get(key, 0.0) + cost(held.intervals(service.clock.now()))


async def budget_standings(ledger: Ledger, account: Account, project: str, now: float) -> tuple[Standing, ...]:
    """Return how the budgets stand that hold for the account's user; the project's takes a look at all accounts."""
    budgets, month = budgets_of(account.user, setting("budgets")), day_of(now)[:7]
    own = standing(account.spent_in(month, now), account.rate, budgets.user, now, account.user)
    if budgets.project is None:
        return (own,)
    everybody = await ledger.accounts()
    spent, rate = sum(a.spent_in(month, now) for a in everybody), sum(a.rate for a in everybody)
    return own, standing(spent, rate, budgets.project, now, f"project {project}")


async def check_budgets(
    ledger: Ledger, account: Account, project: str, price_per_hour: float, hours: float, now: float
) -> str:
    """Return the warnings of the budgets that a cluster of that price would touch, '' where all is well.

    Raises
    ------
    BudgetExceeded
        One of them has no room for it, and is a hard stop.
    """
    hard = budgets_of(account.user, setting("budgets")).hard_stop
    stand = await budget_standings(ledger, account, project, now)
    return "; ".join(filter(None, [check(each, price_per_hour, hours, hard_stop=hard) for each in stand]))


async def _reconciled(service: Service) -> tuple[Ledger, Account]:
    """Return the ledger, and the caller's account as the clusters say that there are."""
    ledger, me = Ledger(ledger_url(staging_of(service.project)), service.clock), user()
    seen = service.clock.now()
    living = all_held(await service.list({MARK: "*", OWNER: me}))
    return ledger, await ledger.reconcile(me, living, f"{service.project}/{service.region}", seen)
