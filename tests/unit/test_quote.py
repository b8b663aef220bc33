"""What a quote says before anything is asked for: the price, what is left then, and never a figure below nothing."""

from __future__ import annotations

import pytest
from hypothesis import given
from hypothesis import strategies as st

from dask_dataproc.clusters.account import Account
from dask_dataproc.clusters.budget import standing
from dask_dataproc.clusters.errors import BudgetExceeded, PermissionDenied, QuotaExceeded
from dask_dataproc.clusters.footprint import reservation_of
from dask_dataproc.clusters.prices import price
from dask_dataproc.clusters.quotas import CLASSES, Limits
from dask_dataproc.clusters.quote import estimate, quote
from dask_dataproc.clusters.spec import ClusterSpec
from dask_dataproc.clusters.standings import Standings

NOW = 1.8e9
SPEC = ClusterSpec(name="new", project="p", workers=2, lifetime=3600)


def standings(*held: ClusterSpec, limits: Limits = CLASSES["standard"], budget=None, spent=0.0, pool=10) -> Standings:
    reserved = tuple(reservation_of(spec, spec.name, NOW + 3600, uuid=spec.name) for spec in held)
    account = Account("ana", {each.key: each for each in reserved})
    return Standings(account, limits, pool, reserved, (standing(spent, 0.0, budget, NOW, "ana"),), NOW)


def test_the_price_for_the_job_is_at_most_that_of_the_lifetime_until_runs_say_how_long_it_takes():
    rate = price(SPEC).total
    assert quote(SPEC, None, None).cost == pytest.approx(rate)
    assert quote(SPEC, None, 0.5).cost == pytest.approx(rate / 2)
    assert (quote(SPEC, None, None).usual, quote(SPEC, None, 0.5).usual) == (False, True)
    assert estimate(SPEC, 0.5) == f"about ${rate / 2:.2f} if it takes 30m as interactive did"


def test_a_machine_without_a_price_is_quoted_without_one_and_is_not_refused():
    found = quote(SPEC.replace(accelerators={"nvidia-l4": "1"}), standings(limits=Limits("all")), None)
    assert (found.price_per_hour, found.cost, found.refusal) == (None, None, None)
    assert "the list has no price for it" in found.warnings


def test_what_is_left_is_said_with_the_cluster_counted_in():
    found = quote(SPEC, standings(SPEC.replace(name="old"), budget=100.0, spent=20.0), None)
    assert found.refusal is not None  # two clusters of two workers have more than 42 GB
    assert found.quota == (("1", "of 3 clusters"), ("0", "of 42 GB"), ("8", "of all users' 10 clusters"))
    left = 80 - price(SPEC).total
    assert found.budget == ((f"${left:.2f}", "of $100.00 for ana in 2027-01"),)


def test_each_rule_refuses_with_its_own_error():
    large, scientist = SPEC.replace(workers=5), {"roles": {"default": "data_scientist"}}
    assert isinstance(quote(large, standings(), None).refusal, QuotaExceeded)
    assert isinstance(quote(SPEC, standings(pool=0), None).refusal, QuotaExceeded)
    assert isinstance(quote(SPEC, standings(), None, quotas=scientist).refusal, PermissionDenied)
    poor = standings(budget=0.1)
    assert isinstance(quote(SPEC, poor, None, budgets={"user": 0.1, "hard-stop": True}).refusal, BudgetExceeded)
    warned = quote(SPEC, poor, None, budgets={"user": 0.1})
    assert warned.refusal is None
    assert warned.warnings[0].startswith("budget of ana: ")


def test_a_name_that_is_there_is_attached_to_and_asks_for_no_room():
    found = quote(SPEC, standings(SPEC, pool=1), None)
    assert found.refusal is None
    assert found.warnings == ("new is there already: it is attached to",)


@given(
    st.integers(2, 10),
    st.integers(0, 3),
    st.none() | st.floats(0.01, 100),
    st.none() | st.floats(0, 50),
    st.floats(0, 50),
)
def test_no_figure_is_below_nothing_and_the_job_never_outlives_the_cluster(workers, others, usual, budget, spent):
    held = [SPEC.replace(name=f"o{number}") for number in range(others)]
    found = quote(SPEC.replace(workers=workers), standings(*held, budget=budget, spent=spent), usual)
    assert 0 < found.hours <= 1
    assert found.cost == pytest.approx(found.price_per_hour * found.hours)
    assert not any("-" in left for left, _ in (*found.quota, *found.budget))
