"""What clusters cost, added up and drawn."""

from __future__ import annotations

import pytest
from hypothesis import given
from hypothesis import strategies as st

from dask_dataproc.clusters.account import Account, day_of
from dask_dataproc.clusters.reservation import Reservation, Span
from dask_dataproc.magics.bars import Bars
from dask_dataproc.magics.money_verbs import KINDS, added

NOW = 1_790_000_000.0
RUNS = Reservation("k", "c", "p/r", 2, 28 << 30, "ml", NOW + 600, "u", (Span(NOW - 3600, 0.5),))
ANA = Account("ana", {"k": RUNS}, {"2026-09-01": {"etl": 2.0, "ml": 1.0}, "2026-08-02": {"etl": 8.0}})
BO = Account("bo", {}, {"2026-09-02": {"etl": 4.0}})


@pytest.mark.parametrize(
    ("by", "sums"),
    [
        ("user", [("bo", 4.0), ("ana", 3.5)]),
        ("workload", [("etl", 6.0), ("ml", 1.5)]),
        ("day", [("2026-09-01", 3.0), ("2026-09-02", 4.0), (day_of(NOW), 0.5)]),
        ("month", [("2026-09", 7.5)]),
    ],
)
def test_what_ended_and_what_runs_is_added_up_from_a_day_on(by, sums):
    assert added([ANA, BO], by, NOW, "2026-08-02") == [(name, pytest.approx(usd)) for name, usd in sums]


def test_however_it_is_added_up_it_comes_to_the_same():
    totals = [sum(usd for _, usd in added([ANA, BO], by, NOW, "")) for by in KINDS]
    assert totals == pytest.approx([15.5] * len(KINDS))


@given(st.lists(st.tuples(st.text(max_size=9), st.floats(0, 1e9), st.just("$")), max_size=9))
def test_bars_have_a_row_for_each_and_none_longer_than_the_most(rows):
    bars = Bars(rows, ("user", "USD"), "nothing")
    longest = max((line.count("█") for line in bars.text().splitlines()), default=0)
    assert longest <= 24
    assert bars.html().count("<rect") == len(rows)


def test_a_bar_is_as_long_as_its_share_and_a_name_cannot_inject():
    bars = Bars([("<b>", 8.0, "$8"), ("x", 4.0, "$4"), ("y", 0.0, "$0")], ("user", "USD"))
    assert [line.count("█") for line in bars.text().splitlines()[1:]] == [24, 12, 0]
    assert "<b>" not in bars.html()
    assert Bars([], ("user", "USD"), "nothing").text() == "nothing"
