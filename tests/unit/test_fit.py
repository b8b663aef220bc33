"""The largest cluster that fits into what is left of a quota."""

from __future__ import annotations

from itertools import product

import pytest
from hypothesis import given
from hypothesis import strategies as st

from dask_dataproc import ClusterSpec
from dask_dataproc.clusters.fit import Shortfall, largest, largest_scale, usage

SIX = ClusterSpec(name="c", workers=6)
"""A master and six workers of 4 vCPUs: 28."""


def size(spec: ClusterSpec | None) -> tuple[int, int, str] | None:
    return spec and (spec.workers, spec.secondary_workers, spec.worker_machine)


@pytest.mark.parametrize(
    ("left", "fits"),
    [
        (27, (5, 0, "n2-standard-4")),
        (24, (5, 0, "n2-standard-4")),
        (23, (4, 0, "n2-standard-4")),
        (12, (2, 0, "n2-standard-4")),
        (11, (4, 0, "n2-standard-2")),
        (6, (2, 0, "n2-standard-2")),
        (5, (0, 0, "n2-standard-4")),
        (3, (0, 0, "n2-standard-2")),
        (1, None),
    ],
)
def test_fewer_workers_then_smaller_ones_then_a_single_node(left, fits):
    assert size(largest(SIX, [Shortfall("CPUS", 28, left)])) == fits


def test_the_master_is_no_larger_than_smaller_workers():
    assert largest(SIX, [Shortfall("CPUS", 28, 6)]).master_machine == "n2-standard-2"


def test_every_quota_that_is_short_is_kept():
    short = [Shortfall("CPUS", 28, 24), Shortfall("SSD_TOTAL_GB", 700, 400)]
    assert size(largest(SIX, short)) == (3, 0, "n2-standard-4")


def test_spot_workers_go_where_their_quota_is_short():
    spec = SIX.replace(workers=4, secondary_workers=4, secondary_type="spot")
    assert size(largest(spec, [Shortfall("PREEMPTIBLE_CPUS", 16, 9)])) == (4, 2, "n2-standard-4")


def test_a_quota_that_nobody_here_knows_is_taken_to_be_by_the_machine():
    assert size(largest(SIX, [Shortfall("MOON_ROCKS", 7, 5)])) == (4, 0, "n2-standard-4")


@pytest.mark.parametrize(("left", "fits"), [(8, 4), (15, 5), (4, 3), (3, 2), (0, 2)])
def test_how_far_a_cluster_can_grow(left, fits):
    spec = SIX.replace(workers=2)
    assert largest_scale(6, spec, (2, 0), [Shortfall("CPUS", 16, left)]) == fits


def test_what_is_counted_of_a_cluster():
    spec = SIX.replace(secondary_workers=2, secondary_type="spot", local_ssds=1, internal_ip_only=False)
    metrics = ("CPUS", "N2_CPUS", "N1_CPUS", "PREEMPTIBLE_CPUS", "IN_USE_ADDRESSES", "SSD_TOTAL_GB", "DISKS_TOTAL_GB")
    assert [usage(spec, metric) for metric in metrics] == [36, 36, 0, 8, 9, 900, 0]
    assert usage(spec, "LOCAL_SSD_TOTAL_GB") == 6 * 375


@given(
    workers=st.integers(2, 6),
    secondary=st.integers(0, 4),
    spot=st.sampled_from(["spot", "non-preemptible"]),
    left=st.tuples(st.integers(12, 60), st.integers(0, 60)),
)
def test_there_is_no_larger_one_that_fits(workers, secondary, spot, left):
    spec = SIX.replace(workers=workers, secondary_workers=secondary, secondary_type=spot)
    short = [
        Shortfall(metric, asked, at_most)
        for metric, at_most in zip(("CPUS", "PREEMPTIBLE_CPUS"), left, strict=True)
        if (asked := usage(spec, metric)) > at_most
    ]
    found = largest(spec, short)
    fitting = [
        (n, m)
        for n, m in product(range(2, workers + 1), range(secondary + 1))
        if all(usage(spec.replace(workers=n, secondary_workers=m), metric) <= at_most for metric, _, at_most in short)
    ]
    assert found.total_workers == max(n + m for n, m in fitting)
    assert all(usage(found, metric) <= at_most for metric, _, at_most in short)
