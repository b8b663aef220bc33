"""Prices are the list's, add up, never fall when more is asked for, and say so when they are not known."""

import json
from dataclasses import replace

import pytest
from hypothesis import given
from hypothesis import strategies as st

from dask_dataproc.clusters.errors import PriceUnknown
from dask_dataproc.clusters.machines import PREDEFINED
from dask_dataproc.clusters.prices import TABLE, Interval, MachineGroup, as_of, cost, groups_of, price_per_hour
from dask_dataproc.clusters.spec import ClusterSpec

UNPRICED = {"c2d", "c3", "c3d"}
GROUPS = st.builds(
    MachineGroup,
    machine=st.sampled_from(sorted(name for name, kind in PREDEFINED.items() if kind.family not in UNPRICED)),
    count=st.integers(0, 50),
    disk_type=st.sampled_from(["pd-standard", "pd-balanced", "pd-ssd"]),
    disk_gb=st.integers(30, 2000),
    local_ssds=st.integers(0, 8),
    spot=st.booleans(),
)
REGIONS = st.sampled_from(["us-central1", "europe-west1", "asia-east1", "southamerica-east1", "mars-north1"])
ONE = MachineGroup("n2-standard-4", 1, "pd-balanced", 100)


@pytest.mark.parametrize(
    ("machine", "hourly"),
    [
        ("n1-standard-4", 4 * 0.031611 + 15 * 0.004237),
        ("n2-highmem-8", 8 * 0.031611 + 64 * 0.004237),
        ("n2d-highcpu-16", 16 * 0.027502 + 16 * 0.003686),
        ("e2-standard-4", 4 * 0.02181159 + 16 * 0.00292353),
        ("c2-standard-60", 60 * 0.03398 + 240 * 0.00455),
    ],
)
def test_a_machine_costs_its_vcpus_and_its_memory(machine, hourly):
    price = price_per_hour([replace(ONE, machine=machine)], "us-central1")
    assert price.machines == pytest.approx(hourly, abs=1e-6)
    assert not price.approximate


def test_disks_cost_their_list_price():
    price = price_per_hour([replace(ONE, disk_type="pd-ssd", disk_gb=500, local_ssds=2)], "us-central1")
    assert price.disks * 730 == pytest.approx(500 * 0.17 + 2 * 375 * 0.08)


def test_the_fee_is_a_cent_for_each_vcpu_and_hour():
    cluster = MachineGroup("n1-standard-4", 6, "pd-standard", 500)
    assert price_per_hour([cluster], "us-central1").fee == pytest.approx(0.24)


@given(GROUPS, GROUPS, REGIONS)
def test_the_price_of_two_groups_is_the_sum_of_theirs(one, other, region):
    apart = price_per_hour([one], region) + price_per_hour([other], region)
    assert price_per_hour([one, other], region).total == pytest.approx(apart.total)


@given(GROUPS, REGIONS)
def test_more_machines_and_larger_disks_never_cost_less(group, region):
    price = price_per_hour([group], region).total
    for more in ({"count": group.count + 1}, {"disk_gb": group.disk_gb + 100}, {"local_ssds": group.local_ssds + 1}):
        assert price_per_hour([replace(group, **more)], region).total >= price


@given(GROUPS.filter(lambda group: group.count))
def test_spot_has_the_on_demand_price_and_says_that_it_is_cheaper(group):
    spot = price_per_hour([replace(group, spot=True)], "us-central1")
    standard = price_per_hour([replace(group, spot=False)], "us-central1")
    assert spot.total == standard.total
    assert spot.notes == ("spot machines at the on-demand price; they are cheaper",)
    assert not standard.approximate


def test_an_unknown_region_has_the_home_regions_price_and_says_so():
    price = price_per_hour([ONE], "mars-north1")
    assert price.total == price_per_hour([ONE], "us-central1").total
    assert price.notes[0] == "n2 has no price in mars-north1, us-central1's is used"


def test_a_custom_type_costs_the_premium_and_says_so():
    price = price_per_hour([replace(ONE, machine="n2-custom-4-16384")], "us-central1")
    assert price.machines == pytest.approx(1.05 * (4 * 0.031611 + 16 * 0.004237))
    assert price.notes == ("n2-custom-4-16384 at the predefined types' rate and 5%",)


@pytest.mark.parametrize(
    "unpriced",
    [
        {"machine": "n2-custom-2-65536-ext"},
        {"machine": "c2d-standard-4"},
        {"machine": "c3-standard-4"},
        {"machine": "c3d-standard-4"},
        {"machine": "n4-standard-4"},
        {"disk_type": "hyperdisk-balanced"},
    ],
)
def test_what_is_not_in_the_table_has_no_price(unpriced):
    with pytest.raises(PriceUnknown, match="no list price"):
        price_per_hour([replace(ONE, **unpriced)], "us-central1")


def test_accelerators_have_no_price():
    with pytest.raises(PriceUnknown, match="nvidia-tesla-t4"):
        groups_of(ClusterSpec(name="a", accelerators={"nvidia-tesla-t4": "1"}))


def test_a_specs_machines_are_its_master_and_both_kinds_of_workers():
    spec = ClusterSpec(name="a", workers=3, secondary_workers=2, secondary_type="spot", local_ssds=1)
    master, primary, secondary = groups_of(spec)
    assert (master.count, primary.count, secondary.count) == (1, 3, 2)
    assert (master.local_ssds, primary.local_ssds, secondary.local_ssds) == (0, 1, 0)
    assert [group.spot for group in (master, primary, secondary)] == [False, False, True]
    assert [group.count for group in groups_of(spec, workers=7, secondary=0)] == [1, 7, 0]


@given(st.floats(0, 1e6), st.floats(0, 1e6), st.floats(0, 1), st.floats(0, 1000))
def test_splitting_an_interval_changes_nothing(start, length, share, rate):
    middle, end = start + share * length, start + length
    apart = cost([Interval(start, middle, rate), Interval(middle, end, rate)])
    assert apart == pytest.approx(cost([Interval(start, end, rate)]), abs=1e-6)


def test_a_cluster_that_grew_costs_each_size_for_its_time():
    assert cost([Interval(0, 1800, 1.0), Interval(1800, 5400, 2.0)]) == pytest.approx(0.5 + 2.0)


def test_the_table_says_where_its_figures_are_from_and_how_old_they_may_be():
    table = json.loads(TABLE.read_text())
    assert table["as_of"] == as_of() == "written down 2026-11-22, not refreshed from the catalogue yet"
    assert all(page.startswith("https://cloud.google.com/") and page.endswith("pricing") for page in table["source"])
    assert {kind.family for kind in PREDEFINED.values()} == set(table["machines"]) | UNPRICED
    assert all(set(regions) == {table["home"]} for part in ("machines", "disks") for regions in table[part].values())
