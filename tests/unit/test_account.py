"""An account books what each cluster costs, once, whatever is heard of it, how often and in which order."""

from __future__ import annotations

import json
from dataclasses import replace

import pytest
from hypothesis import given
from hypothesis import strategies as st

from dask_dataproc.clusters.account import DAY, KEPT, TOO_NEW, Account, Reservation, Span, day_of

NOW = 1_790_000_000.0
LEASE = 1800.0
HERE = "p/us-central1"
LATER = st.floats(0, 40 * DAY)
RATES = st.floats(0, 500)
WORKLOADS = st.sampled_from(["etl", "ml_training", ""])


def wanted(key: str = "a", expires: float = NOW + LEASE, **fields) -> Reservation:
    return Reservation(key, f"dask-{key}", HERE, 2, 28 << 30, fields.pop("workload", "etl"), expires, **fields)


KEYS = st.sampled_from("abcdef")


@st.composite
def reservations(draw, keys=KEYS) -> Reservation:
    """Reservations with and without a cluster, which may have had many prices."""
    starts = sorted(draw(st.lists(st.floats(NOW - 30 * DAY, NOW), max_size=4)))
    spans = tuple(Span(start, draw(RATES)) for start in starts)
    expires = draw(st.floats(NOW - 20 * DAY, NOW + 14 * DAY))
    uuid = "u" if spans else ""
    return wanted(draw(keys), expires, uuid=uuid, spans=spans, workload=draw(WORKLOADS))


@st.composite
def accounts(draw) -> Account:
    account = Account("ana")
    for held in draw(st.lists(reservations(), max_size=5)):
        account = account.reserve(held)
    for key in draw(st.sets(st.sampled_from("abcdef"), max_size=2)):
        account = account.release(key, NOW)
    return account


def total(account: Account, now: float) -> float:
    return sum(sum(by.values()) for by in account.spending(now).values())


def near(value):
    return pytest.approx(value, rel=1e-9, abs=1e-9)


@given(reservations(), LATER, LATER)
def test_cost_is_additive_over_time(held, first, more):
    end = NOW + first + more
    whole, before = held.cost(end), held.cost(NOW + first)
    rest = replace(held, spans=tuple(Span(max(s.start, NOW + first), s.rate) for s in held.spans)).cost(end)
    assert before + rest == near(whole)
    assert 0 <= before <= whole + 1e-9


@given(reservations(), st.floats(0, 1), LATER)
def test_a_price_that_is_told_again_costs_nothing(held, share, more):
    account = Account("ana").reserve(held)
    again = account.change("none", NOW, workers=1, memory=1, rate=9)
    again = again.change(held.key, NOW + share * more, workers=9, memory=9, rate=held.rate)
    assert total(again, NOW + more) == total(account, NOW + more)


@given(reservations(), LATER)
def test_the_days_of_a_cluster_add_up_to_its_cost(held, more):
    spending = Account("ana").reserve(held).spending(NOW + more)
    assert sum(sum(by.values()) for by in spending.values()) == near(held.cost(NOW + more))
    assert all(amount >= 0 for by in spending.values() for amount in by.values())


def test_a_cluster_over_midnight_is_paid_for_on_both_days():
    midnight = (NOW // DAY + 1) * DAY
    held = wanted(expires=midnight + DAY, uuid="u", spans=(Span(midnight - 3600, 2.0), Span(midnight + 1800, 4.0)))
    spending = Account("ana").reserve(held).spending(midnight + 3600)
    assert spending == {day_of(midnight - 1): {"etl": 2.0}, day_of(midnight): {"etl": 3.0}}


@given(accounts(), LATER)
def test_a_release_books_just_what_the_cluster_has_cost(account, more):
    now = NOW + more
    for key in account.reservations:
        released = account.release(key, now)
        assert key not in released.reservations
        assert total(released, now) == near(total(account, now))
        assert released.release(key, now + DAY) == released


@given(accounts(), LATER)
def test_what_has_expired_is_settled_once_and_costs_nothing_more(account, more):
    settled = account.settled(NOW + more)
    assert settled.settled(NOW + more) == settled
    assert all(held.expires > NOW + more for held in settled.reservations.values())
    assert total(settled, NOW + more) == near(total(account, NOW + more))


OPERATIONS = st.sampled_from(["reserve", "begin", "change", "extend", "release"])


def done(account: Account, operation: str, key: str, rate: float) -> Account:
    match operation:
        case "reserve":
            return account.reserve(wanted(key))
        case "begin":
            return account.begin(key, f"u-{key}", NOW - 900, rate, NOW + LEASE)
        case "change":
            return account.change(key, NOW, workers=5, memory=5, rate=rate)
        case "extend":
            return account.extend(key, NOW + 2 * LEASE)
    return account.release(key, NOW)


@given(st.lists(OPERATIONS, max_size=6), st.lists(OPERATIONS, max_size=6), RATES, st.randoms())
def test_the_order_of_what_happens_to_two_clusters_does_not_matter(one, other, rate, random):
    ordered = mixed = Account("ana")
    for key, operations in {"a": one, "b": other}.items():
        for operation in operations:
            ordered = done(ordered, operation, key, rate)
    left = {"a": list(one), "b": list(other)}
    while keys := [key for key, operations in left.items() if operations]:
        key = random.choice(keys)
        mixed = done(mixed, left[key].pop(0), key, rate)
    assert mixed.reservations == ordered.reservations
    assert mixed.ended == ordered.ended
    assert total(mixed, NOW) == near(total(ordered, NOW))


@given(st.lists(OPERATIONS, max_size=8), RATES)
def test_an_operation_whose_answer_was_lost_may_be_made_again(operations, rate):
    account = Account("ana")
    for operation in operations:
        account = done(account, operation, "a", rate)
        assert done(account, operation, "a", rate) == account


def test_a_begin_that_is_made_again_late_undoes_no_resize():
    account = Account("ana").reserve(wanted()).begin("a", "u", NOW, 1.0, NOW + LEASE)
    resized = account.change("a", NOW + 60, workers=9, memory=9, rate=5.0).extend("a", NOW + 2 * LEASE)
    assert resized.begin("a", "u", NOW, 1.0, NOW + LEASE) == resized
    assert resized.extend("a", NOW + LEASE) == resized
    assert resized.reserve(wanted()).reservations["a"].spans == resized.reservations["a"].spans


@given(accounts(), st.lists(reservations(st.sampled_from("abcdxyz")), max_size=4), st.floats(0, DAY), st.floats(0, DAY))
def test_to_reconcile_twice_is_to_reconcile_once(account, living, seen, later):
    living = [
        replace(held, uuid="u", spans=held.spans or (Span(NOW - 60, 1.0),), expires=max(held.expires, NOW - DAY))
        for held in living
    ]
    once = account.reconciled(living, HERE, NOW + seen, NOW + seen + later)
    assert once.reconciled(living, HERE, NOW + seen, NOW + seen + later) == once
    assert {key for key, held in once.reservations.items() if held.uuid} <= set(account.reservations) | {
        held.key for held in living
    }
    assert total(once, NOW + seen + later) >= 0


def test_a_cluster_that_has_gone_is_spent_and_one_that_nobody_reserved_counts():
    begun = Account("ana").reserve(wanted()).begin("a", "u", NOW, 2.0, NOW + DAY)
    now = NOW + 3600
    found = wanted("x", now + LEASE, uuid="v", spans=(Span(NOW + 1800, 8.0),))
    account = begun.reconciled([found], HERE, now, now)
    assert account.reservations == {"x": replace(found, seen=now)}
    assert total(account, now) == near(4.0), "nobody has seen the other one since it began"


def test_a_cluster_that_somebody_deleted_is_paid_for_until_it_was_last_seen():
    begun = Account("ana").reserve(wanted()).begin("a", "u", NOW, 2.0, NOW + DAY)
    seen = begun.followed(replace(begun.reservations["a"], expires=NOW + DAY), NOW + 1800)
    renewed = seen.extend("a", NOW + DAY, NOW + 5400)
    assert total(renewed.reconciled([], HERE, NOW + 9 * 3600, NOW + 9 * 3600), NOW + DAY) == near(3.0)


def test_other_places_clusters_on_their_way_and_those_too_new_for_the_list_are_left():
    elsewhere = replace(wanted("e", uuid="u", spans=(Span(NOW - DAY, 1.0),)), place="p/europe-west1")
    new = wanted("n", uuid="v", spans=(Span(NOW - TOO_NEW / 2, 1.0),))
    account = Account("ana").reserve(elsewhere).reserve(wanted("w")).reserve(new)
    assert account.reconciled([], HERE, NOW, NOW) == account


def test_a_list_from_before_a_release_does_not_bring_the_cluster_back():
    begun = Account("ana").reserve(wanted()).begin("a", "u", NOW, 1.0, NOW + DAY)
    real = begun.reservations["a"]
    released = begun.release("a", NOW + 3600)
    assert released.reconciled([real], HERE, NOW + 3599, NOW + 3700) == released


def test_a_cluster_that_outlives_its_reservation_counts_again_and_is_paid_for_once():
    begun = Account("ana").reserve(wanted()).begin("a", "u", NOW, 1.0, NOW + LEASE)
    real = replace(begun.reservations["a"], expires=NOW + 3 * LEASE)
    expired = begun.settled(NOW + LEASE)
    assert total(expired, NOW + LEASE) == near(0.5)
    assert expired.costs["a"] == near(0.5)
    account = expired.reconciled([real], HERE, NOW + 2 * LEASE, NOW + 2 * LEASE)
    assert set(account.reservations) == {"a"}
    ended = account.release("a", NOW + 3 * LEASE)
    assert total(ended, NOW + 3 * LEASE) == near(1.5)
    assert ended.costs["a"] == near(1.5)


def test_an_account_of_an_earlier_version_is_read_and_knows_no_clusters_cost():
    said = Account("ana").reserve(wanted()).to_dict()
    del said["costs"]
    assert Account.from_dict(said).costs == {}


def test_spending_is_kept_for_more_than_a_year_and_endings_longer_than_a_cluster_lives():
    old = wanted("a", NOW + LEASE, uuid="u", spans=(Span(NOW - 3600, 1.0),))
    account = Account("ana").reserve(old).release("a", NOW)
    late = NOW + 14.9 * DAY
    assert account.reserve(wanted("b", late, uuid="v", spans=(Span(late - 60, 1.0),))).release("b", late).ended["a"]
    late = NOW + (KEPT + 1) * DAY
    kept = account.reserve(wanted("b", late, uuid="v", spans=(Span(late - 60, 1.0),))).release("b", late)
    assert set(kept.spent) == {day_of(late)}
    assert set(kept.ended) == set(kept.costs) == {"b"}


@given(accounts())
def test_json_tells_all_of_an_account(account):
    assert Account.from_dict(json.loads(json.dumps(account.to_dict()))) == account


BROKEN = {
    "no mapping": lambda said: [said],
    "a field that is missing": lambda said: {"user": "ana"},
    "a field of another version": lambda said: said | {"limits": {}},
    "a name that is none": lambda said: said | {"user": 7},
    "spending that is none": lambda said: said | {"spent": {"2026-11-25": {"etl": float("nan")}}},
    "an ending that is none": lambda said: said | {"ended": {"a": "yesterday"}},
    "reservations in a list": lambda said: said | {"reservations": list(said["reservations"].values())},
    "another's key": lambda said: said | {"reservations": {"b": said["reservations"]["a"]}},
    "negative workers": lambda said: said | {"reservations": {"a": said["reservations"]["a"] | {"workers": -1}}},
    "a price without cluster": lambda said: said | {"reservations": {"a": said["reservations"]["a"] | {"uuid": ""}}},
    "prices that are none": lambda said: said | {"reservations": {"a": said["reservations"]["a"] | {"spans": "free"}}},
}


@pytest.mark.parametrize("what", BROKEN)
def test_what_is_no_account_is_refused_in_one_line(what):
    said = Account("ana").reserve(wanted(uuid="u", spans=(Span(NOW, 1.0),))).to_dict()
    with pytest.raises(ValueError, match=r"\w") as error:
        Account.from_dict(BROKEN[what](said))
    assert "\n" not in str(error.value)
