"""What an autoscaling policy decides."""

from __future__ import annotations

from dataclasses import replace

import pytest
from hypothesis import given
from hypothesis import strategies as st

from dask_dataproc.emulator.autoscaler import Group, Rules, decide

A02 = Rules(Group(2, 10, 1), Group(0, 5, 1), 1.0, 0.5, 0.8, 0.2, 120, 120)
PLAIN = replace(A02, up_least=0.0, down_least=0.0)
fractions = st.floats(0, 1)
missing = st.floats(-100, 100)


@st.composite
def groups(draw, least: int = 0) -> Group:
    low = draw(st.integers(least, 20))
    return Group(low, low + draw(st.integers(0, 20)), draw(st.integers(1, 5)))


@st.composite
def policies(draw) -> Rules:
    return Rules(draw(groups(least=2)), draw(groups()), *(draw(fractions) for _ in range(4)), 120, 120)


sizes = st.tuples(st.integers(0, 50), st.integers(0, 50))


@given(policies(), sizes, missing)
def test_no_decision_leaves_the_bounds_of_a_group(rules, size, missing):
    primary, secondary = decide(rules, *size, missing)
    assert rules.primary.low <= primary <= rules.primary.high
    assert rules.secondary.low <= secondary <= rules.secondary.high


@given(policies(), sizes, missing, missing)
def test_more_pending_never_makes_a_smaller_cluster(rules, size, one, other):
    less, more = sorted((one, other))
    assert sum(decide(rules, *size, less)) <= sum(decide(rules, *size, more))


@given(policies(), st.data(), st.floats(-100, 0))
def test_without_anything_pending_nothing_is_added(rules, data, missing):
    primary = data.draw(st.integers(rules.primary.low, rules.primary.high))
    secondary = data.draw(st.integers(rules.secondary.low, rules.secondary.high))
    after = decide(rules, primary, secondary, missing)
    assert after[0] <= primary
    assert after[1] <= secondary


@given(policies(), st.data(), st.floats(0, 100))
def test_with_nothing_idle_nothing_is_removed(rules, data, missing):
    primary = data.draw(st.integers(rules.primary.low, rules.primary.high))
    secondary = data.draw(st.integers(rules.secondary.low, rules.secondary.high))
    after = decide(rules, primary, secondary, missing)
    assert after[0] >= primary
    assert after[1] >= secondary


@pytest.mark.parametrize(
    ("rules", "size", "missing", "after"),
    [
        (replace(PLAIN, up=0.5), (5, 0), 5.0, (5, 3)),  # 2.5 is rounded up
        (replace(PLAIN, up=0.5), (5, 0), 0.8, (5, 1)),
        (PLAIN, (5, 5), -5.0, (4, 4)),  # 2.5 is rounded down
        (PLAIN, (5, 5), -1.5, (5, 5)),
        (A02, (2, 0), 1.0, (2, 0)),  # 1 is less than 0.8 of 2
        (A02, (2, 0), 2.0, (2, 2)),
        (A02, (10, 0), -3.0, (10, 0)),  # 1.5 becomes 1, less than 0.2 of 10
        (A02, (2, 0), 100.0, (10, 5)),
        (replace(PLAIN, secondary=Group(0, 5, 0)), (2, 0), 4.0, (6, 0)),  # of weight 0, unless there is no room else
        (replace(PLAIN, secondary=Group(0, 0, 1)), (2, 0), 4.0, (6, 0)),
    ],
)
def test_examples_worked_by_hand(rules, size, missing, after):
    assert decide(rules, *size, missing) == after
