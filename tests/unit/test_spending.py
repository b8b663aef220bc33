"""What a cluster has cost is each size times its time, never falls, and is None where no price is known."""

import pytest
from hypothesis import given
from hypothesis import strategies as st

from dask_dataproc.clusters.prices import groups_of, price_per_hour
from dask_dataproc.clusters.spec import ClusterSpec
from dask_dataproc.clusters.spending import Spending

BORN = 1_790_000_000.0
SPEC = ClusterSpec(workers=2, secondary_workers=1, secondary_type="spot", max_workers=1000)
TIMES = st.floats(0, 14 * 86400)
LIFE = st.lists(st.tuples(TIMES, st.integers(2, 400), st.integers(0, 400)), max_size=6)


def rate(workers: int, secondary: int) -> float:
    return price_per_hour(groups_of(SPEC, workers=workers, secondary=secondary), SPEC.region).total


def lived(life: list[tuple[float, int, int]]) -> tuple[Spending, float]:
    """Return what a cluster spent that had each size after a while, and when it got the last one."""
    spending, now = Spending(SPEC, BORN), BORN
    for after, workers, secondary in life:
        now += after
        spending.resize(workers, secondary, now)
    return spending, now


@given(LIFE, TIMES)
def test_the_total_is_each_size_for_its_time(life, last):
    spending, now = lived(life)
    sizes = [(2, 1), *((workers, secondary) for _, workers, secondary in life)]
    spans = [*(after for after, _, _ in life), last]
    expected = sum(rate(*size) * span / 3600 for size, span in zip(sizes, spans, strict=True))
    assert spending.total(now + last) == pytest.approx(expected, rel=1e-6, abs=1e-6)


@given(LIFE, TIMES, TIMES)
def test_the_total_never_falls(life, first, more):
    spending, now = lived(life)
    before = spending.total(now + first)
    assert 0 <= before <= spending.total(now + first + more)
    spending.resize(2, 0, now + first)
    assert before <= spending.total(now + first + more) + 1e-6


@given(LIFE, TIMES, st.floats(0, 1))
def test_a_resize_to_the_same_size_changes_nothing(life, last, share):
    one, now = lived(life)
    other, _ = lived(life)
    _, workers, secondary = life[-1] if life else (0, 2, 1)
    other.resize(workers, secondary, now + share * last)
    assert other.total(now + last) == pytest.approx(one.total(now + last), rel=1e-6, abs=1e-6)


def test_before_its_birth_a_cluster_has_cost_nothing():
    assert Spending(SPEC, BORN).total(BORN - 60) == 0


@pytest.mark.parametrize("changes", [{"worker_machine": "n4-standard-8"}, {"accelerators": {"nvidia-l4": "1"}}])
def test_without_a_price_there_is_no_total(changes):
    spending = Spending(SPEC.replace(**changes), BORN)
    spending.resize(4, 0, BORN + 60)
    assert spending.price is None
    assert spending.total(BORN + 3600) is None
