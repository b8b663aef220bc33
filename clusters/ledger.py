"""Who has reserved and spent what: an account for each person and a pool of all, changed by one swap each.

A person's account comes first and the pool after it, at the beginning and at the end. So a crash between the two leaves
a reservation that counts once too often, never one that does not count; it expires, or the next `reconcile` mends it.
"""

from __future__ import annotations

import asyncio
import contextlib
import json
import re
from collections.abc import Callable, Iterable
from dataclasses import replace
from functools import partial
from typing import TypeVar

from . import store
from .account import Account, Reservation
from .clock import REAL, Clock
from .errors import ConfigError, DaskDataprocError
from .paths import local_path

USER = re.compile(r"[a-z0-9][a-z0-9_-]{0,62}", re.ASCII)
POOL = "pool"
UNDO = 10.0
"""Seconds that a failed reservation may take to be undone; after that it is left to expire."""
Admit = Callable[[Account], None]
Change = Callable[[Account, float], Account]
Result = TypeVar("Result")


class Ledger:
    """The accounts of all who share a staging folder.

    Every method but `read` and `accounts` writes at most two small objects, and may be called again after a failure: a
    reservation counts once by its key, and what has been spent is booked once. If it is cancelled, what it had begun is
    done when it raises. Times are unix seconds of the ledger's clock.

    Parameters
    ----------
    url : str
        A folder, ``gs://…`` or of this machine: see `store`.
    clock : Clock
        The clusters' time.
    """

    def __init__(self, url: str, clock: Clock = REAL):
        self.url, self._clock = url.rstrip("/"), clock

    async def reserve(self, user: str, wanted: Reservation, admit: Admit, pool_admit: Admit | None = None) -> Account:
        """Reserve ``wanted`` if it is admitted, and return the account with it.

        Parameters
        ----------
        user : str
        wanted : Reservation
            Without a cluster yet.
        admit : callable
            Given the account without ``wanted``; raises to refuse. Called once for each try of the swap.
        pool_admit : callable, optional
            The same with the pool, where the reservations of all have no size.

        Raises
        ------
        Exception
            What ``admit`` or ``pool_admit`` raised; nothing is reserved then, unless the request has a cluster already.
        ConfigError, WaitTimeout
            As of `store.update`.
        """
        try:
            account = await self._change(user, partial(_reserved, wanted, admit))
            await self._change_pool(partial(_reserved, _pooled(user, wanted), pool_admit))
        except BaseException:
            with contextlib.suppress(DaskDataprocError):
                await self._forget(user, wanted.key)
            raise
        return account

    async def begin(self, user: str, key: str, uuid: str, start: float, rate: float, expires: float) -> Account:
        """Say that reservation ``key`` is cluster ``uuid``'s, paid for from ``start`` on at ``rate`` USD per hour.

        Without such a reservation, because it has expired or was released, nothing is changed: `reconcile` finds the
        cluster if it lives.
        """
        account = await self._change(user, lambda a, now: a.begin(key, uuid, start, rate, expires).settled(now))
        await self._extend_pool(user, account, key)
        return account

    async def change(
        self, user: str, key: str, *, workers: int, memory: int, rate: float, admit: Admit | None = None
    ) -> Account:
        """Give reservation ``key`` another size and price from now on.

        Parameters
        ----------
        user, key : str
        workers, memory, rate : int, int, float
            As of `Reservation`; USD per hour.
        admit : callable, optional
            Given the account without ``key``; raises to refuse, and nothing is changed then.
        """

        def changed(account: Account, now: float) -> Account:
            settled = account.settled(now)
            if admit is not None:
                admit(settled.without(key))
            return settled.change(key, now, workers=workers, memory=memory, rate=rate)

        return await self._change(user, changed)

    async def follow(self, user: str, real: Reservation) -> Account:
        """Have the account say of the cluster of ``real`` what that says; see `Account.followed`."""
        account = await self._change(user, lambda a, now: a.followed(real, now).settled(now))
        held = account.reservations.get(real.key)
        if held is not None:
            await self._change_pool(lambda pool, now: _in_pool(user, held, pool).settled(now))
        return account

    async def extend(self, user: str, key: str, expires: float) -> Account:
        """Let reservation ``key`` hold at least until ``expires``."""
        account = await self._change(user, lambda a, now: a.extend(key, expires, now).settled(now))
        await self._extend_pool(user, account, key)
        return account

    async def release(self, user: str, key: str) -> Account:
        """End reservation ``key``, whose cost until now is spent; one that is not there has been released already."""
        account = await self._change(user, lambda a, now: a.release(key, now).settled(now))
        await self._change_pool(lambda pool, now: pool.release(_pool_key(user, key), now).settled(now))
        return account

    async def read(self, user: str) -> Account:
        """Return the account of ``user`` as it is now; an empty one if there is none."""
        return (await self._read(user)).settled(self._clock.now())

    async def accounts(self) -> list[Account]:
        """Return the accounts of all, by their users' names."""
        names = await asyncio.to_thread(store.names, f"{self.url}/users")
        users = [name.removesuffix(".json") for name in names if name.endswith(".json")]
        return await asyncio.gather(*map(self.read, users))

    async def pool(self) -> Account:
        """Return the pool: the reservations of all, as ``USER/KEY`` and without size."""
        return (await self._read(None)).settled(self._clock.now())

    async def reconcile(self, user: str, living: Iterable[Reservation], place: str, seen: float) -> Account:
        """Make the account agree with the clusters that there are, and return it.

        Parameters
        ----------
        user : str
        living : iterable of Reservation
            Those of the clusters of ``user`` in ``place`` that live; see `Account.reconciled`.
        place : str
            ``PROJECT/REGION``.
        seen : float
            When the list of clusters was asked for.
        """
        there = tuple(living)
        pool = await self._read(None)  # first: what is in it then and not in the account afterwards has ended
        account = await self._change(user, lambda a, now: a.reconciled(there, place, seen, now))
        await self._change_pool(partial(_mended, user, account, pool))
        return account

    async def _forget(self, user: str, key: str) -> None:
        """End reservation ``key`` unless it has a cluster."""

        def without(account: Account, now: float) -> Account:
            held = account.reservations.get(key)
            return account if held is None or held.uuid else account.release(key, now)

        account = await self._change(user, without, UNDO)
        if key not in account.reservations:
            await self._change_pool(lambda pool, now: pool.release(_pool_key(user, key), now), UNDO)

    async def _extend_pool(self, user: str, account: Account, key: str) -> None:
        held = account.reservations.get(key)
        if held is not None:
            pooled = _pool_key(user, key)
            await self._change_pool(lambda pool, now: pool.extend(pooled, held.expires).settled(now))

    async def _read(self, user: str | None) -> Account:
        url, name = self._place(user)
        found, _ = await asyncio.to_thread(store.read, url)
        return _account(url, name, found)

    async def _change_pool(self, change: Change, limit: float = store.LIMIT) -> None:
        await self._change(None, change, limit)

    async def _change(self, user: str | None, change: Change, limit: float = store.LIMIT) -> Account:
        url, name = self._place(user)
        now = self._clock.now()

        def made(found: bytes | None) -> bytes | None:
            before = _account(url, name, found)
            after = change(before, now)
            return found if after == before else _bytes(after)

        return _account(url, name, await _done(partial(store.update, url, made, limit)))

    def _place(self, user: str | None) -> tuple[str, str]:
        """Return the URL of an account and whose it is; without a user the pool's."""
        if user is None:
            return f"{self.url}/{POOL}.json", POOL
        if not USER.fullmatch(user):
            allowed = "a to z, 0 to 9, - and _, at most 63, not beginning with - or _"
            raise ConfigError(f"user: {user!r} given, allowed is {allowed}")
        return f"{self.url}/users/{user}.json", user


async def _done(work: Callable[[], Result]) -> Result:
    """Return what ``work`` returns in a thread; if it is cancelled, raise when the thread has ended, not before."""
    running = asyncio.ensure_future(asyncio.to_thread(work))
    try:
        return await asyncio.shield(running)
    except asyncio.CancelledError:
        await asyncio.wait([running])
        raise


def _reserved(wanted: Reservation, admit: Admit | None, account: Account, now: float) -> Account:
    settled = account.settled(now)
    if admit is not None:
        admit(settled.without(wanted.key))
    return settled.reserve(wanted)


def _pool_key(user: str, key: str) -> str:
    return f"{user}/{key}"


def _pooled(user: str, held: Reservation) -> Reservation:
    """Return what the pool has of ``held``: that it is there, and until when."""
    return replace(held, key=_pool_key(user, held.key), workers=0, memory=0, uuid="", spans=())


def _mended(user: str, account: Account, seen: Account, pool: Account, now: float) -> Account:
    """Return ``pool`` with the clusters of ``account``, and without what was ``seen`` in it before and has ended."""
    for key, held in seen.reservations.items():
        owner, _, own = key.partition("/")
        if owner == user and own not in account.reservations and pool.reservations.get(key) == held:
            pool = pool.release(key, now)
    for held in account.reservations.values():
        if held.uuid:
            pool = _in_pool(user, held, pool)
    return pool.settled(now)


def _in_pool(user: str, held: Reservation, pool: Account) -> Account:
    return pool.reserve(_pooled(user, held))


def _account(url: str, name: str, found: bytes | None) -> Account:
    if found is None:
        return Account(name)
    try:
        account = Account.from_dict(json.loads(found))
        if account.user != name:
            raise ValueError(f"it is {account.user!r}'s")
    except ValueError as error:
        move = "gcloud storage mv" if local_path(url) is None else "mv"
        raise ConfigError(f"{url} is no account of ours: {error}", f"{move} {url} {url}.broken") from None
    return account


def _bytes(account: Account) -> bytes:
    return json.dumps(account.to_dict(), separators=(",", ":")).encode()
