"""Whose a Dask worker is, how many machines of which group there are, and between which sizes a cluster adapts."""

import pytest
from hypothesis import given
from hypothesis import strategies as st

from dask_dataproc.clusters.errors import SpecError
from dask_dataproc.clusters.sizes import adaptable, machines_of, resized
from dask_dataproc.clusters.spec import ClusterSpec


@pytest.mark.parametrize(
    ("workers", "machines"),
    [
        (["c-w-0", "c-w-1"], {"c-w-0", "c-w-1"}),
        (["c-w-0-0", "c-w-0-1", "c-w-1-0"], {"c-w-0", "c-w-1"}),
        (["c-sw-x7k2-0", "c-sw-x7k2-1", "c-sw-0"], {"c-sw-x7k2", "c-sw-0"}),
        (["c-m-0", "c-m-1"], {"c-m"}),
        (["w-1-w-0", "w-1-w-1"], {"w-1-w-0", "w-1-w-1"}),
        ([0, 1], {"0", "1"}),
        (["c-m-shelter", "c-w-0"], {"c-w-0"}),
    ],
)
def test_several_workers_of_one_machine_are_one_machine(workers, machines):
    assert machines_of(workers) == machines


@pytest.mark.parametrize(("runtime", "least"), [("standalone", 2), ("yarn", 1)])
def test_containers_adapt_down_to_one_machines_to_the_two_that_dataproc_keeps(runtime, least):
    spec = ClusterSpec(name="c", runtime=runtime, max_workers=6)
    assert adaptable(spec, least, None) == (least, 6)
    assert adaptable(spec, None, 4) == (2, 4)
    with pytest.raises(SpecError, match=rf"adapt: {least - 1} to 4 given, allowed is a whole number, {least} to 6"):
        adaptable(spec, least - 1, 4)


def test_a_single_node_does_not_adapt():
    with pytest.raises(SpecError, match="adapt: 2 to 4 given, c is a single-node cluster"):
        adaptable(ClusterSpec(name="c", workers=0), 2, 4)


@pytest.mark.parametrize(
    ("n", "workers", "groups"),
    [(2, 2, (2, 0)), (6, 2, (2, 4)), (7, 2, (2, 5)), (9, 2, (4, 5)), (10, 2, (5, 5)), (8, 5, (5, 3)), (3, 5, (3, 0))],
)
def test_growing_adds_secondary_workers_as_far_as_adr_002_lets_it_then_primary_ones(n, workers, groups):
    assert resized(n, ClusterSpec(), workers) == groups


@given(st.integers(0, 30), st.integers(2, 30), st.integers(2, 60))
def test_a_resize_gives_what_was_asked_and_keeps_the_bounds(most, workers, n):
    primary, secondary = resized(n, ClusterSpec(max_secondary=most, max_workers=60), workers)
    assert primary + secondary == n
    assert primary >= 2
    assert 0 <= secondary <= most
    assert primary == workers or secondary in (0, most), "a primary worker is added or removed only where it must be"
