"""A month's budget: its levels, where the month will end, and what is refused or warned of when it does not fit."""

from __future__ import annotations

import datetime

import pytest
from hypothesis import given
from hypothesis import strategies as st

from dask_dataproc import BudgetExceeded, ClusterSpec
from dask_dataproc.clusters.account import Account
from dask_dataproc.clusters.budget import Budgets, budgets_of, check, standing
from dask_dataproc.clusters.config import setting
from dask_dataproc.clusters.errors import ConfigError
from dask_dataproc.clusters.fields import seconds
from dask_dataproc.clusters.footprint import reservation_of

LEVELS = ["", "warning", "alert", "critical", "over"]


def at(day: int, hour: float = 0, month: int = 11) -> float:
    return datetime.datetime(2026, month, day, tzinfo=datetime.UTC).timestamp() + hour * 3600


@pytest.mark.parametrize(
    ("spent", "level"),
    [
        (0, ""),
        (80, ""),
        (80.01, "warning"),
        (90, "warning"),
        (90.01, "alert"),
        (95, "alert"),
        (95.01, "critical"),
        (100, "critical"),
        (100.01, "over"),
    ],
)
def test_the_levels_are_those_of_adr_003(spent, level):
    assert standing(spent, 0, 100, at(15)).level == level


def test_half_a_month_at_an_even_pace_is_half_of_the_forecast():
    now = standing(60, 0, 200, at(16))
    assert now.forecast == pytest.approx(120)
    assert (now.share, now.left, now.month, now.hours_left) == (0.3, 140, "2026-11", None)


def test_running_clusters_count_for_a_day_where_they_cost_more_than_the_month_did():
    assert standing(60, 10, 200, at(16)).forecast == pytest.approx(60 + 60 / 15 * 14 + 10 * 24)
    assert standing(60, 10, 200, at(30, 18)).forecast == pytest.approx(60 + 10 * 6)
    assert standing(60, 10, 200, at(16)).hours_left == 14


def test_the_first_cluster_of_a_month_is_no_trend():
    assert standing(2, 0, 200, at(1, 1)).forecast == pytest.approx(2 + 2 / 24 * (30 * 24 - 1))


def test_what_running_clusters_have_cost_is_spent():
    account = Account("ana", spent={"2026-10-31": {"etl": 50.0}, "2026-11-02": {"etl": 30.0}})
    held = account.reserve(reservation_of(ClusterSpec(name="c"), "k", at(17))).begin("k", "u", at(16), 5.0, at(17))
    now = at(16, 10)
    assert standing(held.spent_in("2026-11", now), held.rate, 100, now).spent == pytest.approx(30 + 50)


def test_what_fits_is_silent_and_from_a_level_on_a_line_warns():
    assert check(standing(10, 0, 100, at(16)), 1.0, 4) == ""
    assert check(standing(10, 0, None, at(16)), 1e6, 4, hard_stop=True) == ""
    assert check(standing(85, 0, 100, at(16), "ana"), 1.0, 4, hard_stop=True) == (
        "budget of ana: 85% of 100.00 USD spent in 2026-11 (warning), 170.00 USD expected by the month's end"
    )


def test_a_hard_stop_refuses_what_does_not_fit_and_says_what_lifetime_does():
    now = standing(85, 1.0, 100, at(16), "ana")
    with pytest.raises(BudgetExceeded) as refused:
        check(now, 4.0, 8, hard_stop=True)
    assert refused.value.lines() == (
        "BudgetExceeded: budget of ana: 32.00 USD expected for this cluster beside 8.00 USD for the clusters that run, "
        "15.00 USD left of 100.00 USD for 2026-11\n"
        "  Try:  %dask_cluster up --lifetime 3h"
    )
    assert check(now, 4.0, 3, hard_stop=True).startswith("budget of ana: 85%")
    assert check(now, 4.0, 8) == refused.value.message


def test_what_runs_already_has_to_be_paid_for_too():
    assert check(standing(85, 0.5, 100, at(16)), 1.0, 8, hard_stop=True).startswith("budget of you: 85%")
    with pytest.raises(BudgetExceeded, match=r"8\.00 USD expected for this cluster beside 8\.00 USD"):
        check(standing(85, 1.0, 100, at(16)), 1.0, 8, hard_stop=True)


def test_where_nothing_is_left_no_lifetime_is_proposed():
    with pytest.raises(BudgetExceeded) as refused:
        check(standing(120, 2.5, 100, at(16), "project p"), 4.0, 8, hard_stop=True)
    assert refused.value.hint.startswith("%dask_cluster list   (what runs costs 2.50 USD per hour")
    with pytest.raises(BudgetExceeded, match=r"budget of you: 0\.00 USD expected .* 0\.00 USD left of 0\.00 USD"):
        check(standing(0, 0, 0, at(16)), None, 8, hard_stop=True)


def test_a_cluster_is_paid_for_by_this_month_until_the_month_ends():
    assert check(standing(0, 0, 100, at(30, 23)), 20.0, 8, hard_stop=True) == ""


def test_budgets_come_from_the_settings_and_a_users_own_wins():
    assert budgets_of("ana", setting("budgets")) == budgets_of("ana", None) == Budgets(None, None, False)
    settings = {"user": 100, "users": {"ana": "300", "bo": None}, "project": 2000.5, "hard-stop": True}
    assert budgets_of("ana", settings) == Budgets(300, 2000.5, True)
    assert budgets_of("bo", settings) == Budgets(None, 2000.5, True)
    assert budgets_of("cy", settings) == Budgets(100, 2000.5, True)


@pytest.mark.parametrize(
    ("settings", "said"),
    [
        ({"user": "much"}, "dataproc.budgets.user: 'much' given, allowed is USD a month"),
        ({"project": -1}, "dataproc.budgets.project: -1 given"),
        ({"project": True}, "dataproc.budgets.project: True given"),
        ({"users": {"bo": [1]}}, "dataproc.budgets.users.bo: [1] given"),
        ({"users": {"bo": float("nan")}}, "dataproc.budgets.users.bo: nan given"),
        ({"hard-stop": "maybe"}, "dataproc.budgets.hard-stop: 'maybe' given, allowed is true or false"),
        ({"hardstop": True}, "dataproc.budgets: 'hardstop': no such setting, the nearest is hard-stop"),
    ],
)
def test_a_wrong_budget_is_named_in_one_line(settings, said):
    with pytest.raises(ConfigError) as refused:
        budgets_of("ana", settings)
    assert refused.value.message.startswith(said)


USD = st.floats(0, 1e6)
TIME = st.floats(at(1, month=1), at(1, month=12))


@given(USD, USD, USD, st.none() | USD, TIME)
def test_levels_and_forecasts_only_rise_with_what_is_spent(spent, more, rate, budget, now):
    before, after = standing(spent, rate, budget, now), standing(spent + more, rate, budget, now)
    assert LEVELS.index(before.level) <= LEVELS.index(after.level)
    assert before.forecast <= after.forecast * (1 + 1e-9)
    assert before.forecast >= spent
    assert 0 < before.remaining <= 31 * 24
    if budget is not None:
        assert before.left >= after.left >= 0


@given(USD, st.floats(0, 100), st.floats(0, 1e4), TIME, st.floats(0, 100), st.floats(0.2, 48), st.floats(0, 1))
def test_less_money_is_refused_only_where_more_is(spent, rate, budget, now, price, hours, part):
    present = standing(spent, rate, budget, now)
    try:
        check(present, price, hours, hard_stop=True)
    except BudgetExceeded:
        with pytest.raises(BudgetExceeded):
            check(present, price * (1 + part), hours, hard_stop=True)
    else:
        check(present, price * part, hours * part, hard_stop=True)
        assert present.left > 0


@given(st.floats(0, 99), st.floats(0, 10), TIME, st.floats(0.1, 100), st.floats(0.2, 200))
def test_the_lifetime_that_is_proposed_fits(spent, rate, now, price, hours):
    present = standing(spent, rate, 100.0, now)
    try:
        check(present, price, hours, hard_stop=True)
    except BudgetExceeded as error:
        proposed = error.hint.partition("--lifetime ")[2]
        if proposed:
            assert 600 <= seconds(proposed) < hours * 3600
            check(present, price, seconds(proposed) / 3600, hard_stop=True)
