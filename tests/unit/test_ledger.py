"""A ledger in a folder: who is refused holds nothing, what is broken is named, and a crash blocks nobody for long."""

from __future__ import annotations

import asyncio
import json
import threading
from dataclasses import replace
from pathlib import Path

import pytest

from dask_dataproc import ConfigError, QuotaExceeded
from dask_dataproc.clusters import ledger as ledgers
from dask_dataproc.clusters import store
from dask_dataproc.clusters.account import Account, Reservation, Span
from dask_dataproc.clusters.clock import Clock
from dask_dataproc.clusters.ledger import Ledger
from dask_dataproc.clusters.store_folder import FolderObjects

NOW = 1_790_000_000.0
LEASE, DAY = 1800.0, 86400.0
HERE = "p/us-central1"


@pytest.fixture
def url(tmp_path: Path) -> str:
    return f"file://{tmp_path}/ledger"


def at(url: str, after: float = 0.0) -> Ledger:
    """Return the ledger as it is ``after`` seconds."""
    return Ledger(url, Clock(NOW + after, scale=0))


def wanted(key: str = "a", workers: int = 2) -> Reservation:
    return Reservation(key, f"dask-{key}", HERE, workers, 28 << 30, "etl", NOW + LEASE)


def up_to(workers: int, more: int = 2):
    """Admit ``more`` workers unless there are too many then."""

    def admit(account: Account) -> None:
        if sum(held.workers for held in account.reservations.values()) + more > workers:
            raise QuotaExceeded(f"{more} workers asked, {workers} allowed")

    return admit


def clusters_up_to(limit: int):
    def admit(pool: Account) -> None:
        if len(pool.reservations) >= limit:
            raise QuotaExceeded(f"{limit} clusters allowed")

    return admit


async def live(ledger: Ledger, user: str, key: str, rate: float = 1.0) -> Account:
    await ledger.reserve(user, wanted(key), up_to(3), clusters_up_to(10))
    return await ledger.begin(user, key, f"uuid-{key}", NOW, rate, NOW + LEASE)


async def held(ledger: Ledger, user: str) -> tuple[set[str], set[str]]:
    """Return the keys that a person holds, in the account and in the pool."""
    pooled = {key.partition("/")[2] for key in (await ledger.pool()).reservations if key.startswith(f"{user}/")}
    return set((await ledger.read(user)).reservations), pooled


def test_a_cluster_from_its_reservation_to_its_bill(url):
    async def life():
        await live(at(url), "ana", "a", rate=2.0)
        await at(url, 900).change("ana", "a", workers=3, memory=1, rate=4.0)
        await at(url, 900).extend("ana", "a", NOW + 2 * LEASE)
        assert (await at(url, 1800).read("ana")).rate == 4.0
        return await at(url, 1800).release("ana", "a"), await held(at(url), "ana")

    account, left = asyncio.run(life())
    assert account.spent_in("2026-09", NOW + DAY) == pytest.approx(1.5)
    assert left == (set(), set())


def test_who_is_refused_holds_nothing_and_changes_nothing(url):
    async def refused():
        await live(at(url), "ana", "a")
        with pytest.raises(QuotaExceeded, match="2 workers asked, 3 allowed"):
            await at(url).reserve("ana", wanted("b"), up_to(3), clusters_up_to(10))
        with pytest.raises(QuotaExceeded, match="1 clusters allowed"):
            await at(url).reserve("ben", wanted("b"), up_to(3), clusters_up_to(1))
        with pytest.raises(QuotaExceeded, match="3 workers asked"):
            await at(url).change("ana", "a", workers=9, memory=1, rate=9.0, admit=up_to(2, more=3))
        return [await held(at(url), user) for user in ("ana", "ben")], await at(url).read("ana")

    holding, account = asyncio.run(refused())
    assert holding == [({"a"}, {"a"}), (set(), set())]
    assert account.rate == 1.0


def test_the_same_request_counts_once_and_does_not_stand_in_its_own_way(url):
    async def twice():
        await live(at(url), "ana", "a")
        await live(at(url), "ana", "a")
        return await held(at(url), "ana"), await at(url).release("ana", "a"), await at(url).release("ana", "a")

    holding, first, second = asyncio.run(twice())
    assert holding == ({"a"}, {"a"})
    assert first == second


def test_a_request_that_is_refused_later_keeps_its_cluster(url):
    async def again():
        await live(at(url), "ana", "a")
        with pytest.raises(QuotaExceeded):
            await at(url).reserve("ana", wanted("a", 9), up_to(3, more=9), clusters_up_to(10))
        return await held(at(url), "ana")

    assert asyncio.run(again()) == ({"a"}, {"a"})


def test_what_nobody_extends_is_gone_after_its_lease_and_was_paid_for(url):
    async def lost():
        await live(at(url), "ana", "a", rate=2.0)
        await at(url, LEASE).reserve("ana", replace(wanted("b"), expires=NOW + 2 * LEASE), up_to(3), clusters_up_to(1))
        return await held(at(url, LEASE), "ana"), await at(url, LEASE).read("ana")

    holding, account = asyncio.run(lost())
    assert holding == ({"b"}, {"b"})
    assert account.spent_in("2026-09", NOW + LEASE) == pytest.approx(1.0)


def test_reconcile_mends_what_a_crash_between_account_and_pool_left(url):
    async def crashed():
        await live(at(url), "ana", "a")
        await live(at(url), "ben", "b")
        for user, key in (("ana", "a"), ("ben", "b")):  # released in the account, the process ended before the pool
            path = f"{url}/users/{user}.json"
            store.update(path, lambda found, user=user, key=key: released(found, key))
        await at(url, 600).reconcile("ana", [], HERE, NOW + 600)
        return [await held(at(url, 600), user) for user in ("ana", "ben")]

    assert asyncio.run(crashed()) == [(set(), set()), (set(), {"b"})]


def released(found: bytes | None, key: str) -> bytes:
    return json.dumps(Account.from_dict(json.loads(found or b"")).release(key, NOW).to_dict()).encode()


def test_reconcile_counts_a_cluster_whose_maker_was_killed_before_it_could_say_so(url):
    real = replace(wanted("a"), uuid="uuid-a", spans=(Span(NOW, 2.0),), expires=NOW + 2 * LEASE)

    async def found():
        await at(url).reserve("ana", wanted("a"), up_to(3), clusters_up_to(10))
        late = at(url, LEASE + 60)  # the reservation has expired, the cluster lives
        assert await held(late, "ana") == (set(), set())
        await late.reconcile("ana", [real], HERE, NOW + LEASE + 60)
        with pytest.raises(QuotaExceeded):
            await late.reserve("ana", wanted("b"), up_to(3))
        return await held(late, "ana"), (await late.read("ana")).spent_in("2026-09", NOW + LEASE + 1800)

    holding, spent = asyncio.run(found())
    assert holding == ({"a"}, {"a"})
    assert spent == pytest.approx(2.0)


@pytest.mark.parametrize("key", ["a", "b"])
def test_reconcile_does_not_take_what_another_process_reserves_meanwhile(url, monkeypatch, key):
    """Between the account and the pool: another request, or anew the one that a crash had left in the pool."""

    async def meanwhile():
        await live(at(url), "ana", "a")
        store.update(f"{url}/users/ana.json", lambda found: released(found, "a"))
        change, calls = Ledger._change, []

        async def with_another(self, user, made, *limit):
            account = await change(self, user, made, *limit)
            if not calls:
                calls.append(user)
                again = replace(wanted(key), expires=NOW + 2 * LEASE)
                await self.reserve("ana", again, up_to(3), clusters_up_to(10))
            return account

        monkeypatch.setattr(Ledger, "_change", with_another)
        await at(url).reconcile("ana", [], HERE, NOW)
        return await held(at(url), "ana")

    assert asyncio.run(meanwhile()) == ({key}, {key})


def test_a_cancelled_reservation_is_over_when_it_raises(url, monkeypatch):
    """It is cancelled in the middle of its first write, which goes on only when it has been."""

    async def cancelled():
        loop, writing, go_on = asyncio.get_running_loop(), asyncio.Event(), threading.Event()
        attempt = FolderObjects.attempt

        def held_up(self, *given):
            loop.call_soon_threadsafe(writing.set)
            assert go_on.wait(10)
            return attempt(self, *given)

        monkeypatch.setattr(FolderObjects, "attempt", held_up)
        asking = asyncio.create_task(at(url).reserve("ana", wanted("a"), up_to(3), clusters_up_to(10)))
        await writing.wait()
        asking.cancel()
        over, _ = await asyncio.wait([asking], timeout=0.1)
        go_on.set()
        with pytest.raises(asyncio.CancelledError):
            await asking
        return bool(over), await held(at(url), "ana")

    assert asyncio.run(cancelled()) == (False, (set(), set()))


BROKEN = [b"", b"{", b"[]", b'{"user": "ana"}', b"\xff", json.dumps(Account("ben").to_dict()).encode()]


@pytest.mark.parametrize("broken", BROKEN)
def test_a_broken_account_is_named_with_a_way_out_and_is_not_overwritten(url, tmp_path, broken):
    path = tmp_path / "ledger" / "users" / "ana.json"
    path.parent.mkdir(parents=True)
    path.write_bytes(broken)
    for act in (at(url).read("ana"), at(url).accounts(), live(at(url), "ana", "a"), at(url).release("ana", "a")):
        with pytest.raises(ConfigError, match=r"users/ana\.json is no account of ours: ") as error:
            asyncio.run(act)
        assert error.value.hint == f"mv {url}/users/ana.json {url}/users/ana.json.broken"
        assert "\n" not in error.value.message
    assert path.read_bytes() == broken


def test_all_accounts_are_listed_without_what_lies_beside_them(url, tmp_path):
    async def two():
        await live(at(url), "ben", "b")
        await live(at(url), "ana", "a")
        (tmp_path / "ledger" / "users" / "ana.json.broken").write_text("{")
        return await at(url).accounts()

    assert [account.user for account in asyncio.run(two())] == ["ana", "ben"]


@pytest.mark.parametrize("user", ["", "Ana", "../pool", "a/b", "-a", "a" * 64, "ana\n"])
def test_a_name_that_could_lead_elsewhere_is_refused(url, user):
    with pytest.raises(ConfigError, match=r"user: .* given, allowed is a to z"):
        asyncio.run(at(url).read(user))


def test_a_store_that_fails_says_so_and_not_that_it_could_not_undo(url, monkeypatch):
    def broken(*given):
        raise ConfigError("no room")

    monkeypatch.setattr(ledgers.store, "update", broken)
    with pytest.raises(ConfigError, match="no room"):
        asyncio.run(at(url).reserve("ana", wanted(), up_to(3)))
