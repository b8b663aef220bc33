"""Prices are the list's, add up, never fall when more is asked for, and say so when they are not known."""

import datetime
from dataclasses import replace

import pytest
from hypothesis import given
from hypothesis import strategies as st

from dask_dataproc.clusters.errors import PriceUnknown
from dask_dataproc.clusters.machines import FAMILIES, PREDEFINED
from dask_dataproc.clusters.price_table import shipped
from dask_dataproc.clusters.prices import (
    Interval,
    MachineGroup,
    as_of,
    cost,
    groups_of,
    is_stale,
    price,
    price_per_hour,
    rates_in,
    stopped_price_per_hour,
)
from dask_dataproc.clusters.spec import ClusterSpec

GROUPS = st.builds(
    MachineGroup,
    machine=st.sampled_from(sorted(PREDEFINED)),
    count=st.integers(0, 50),
    disk_type=st.sampled_from(["pd-standard", "pd-balanced", "pd-ssd"]),
    disk_gb=st.integers(30, 2000),
    local_ssds=st.integers(0, 8),
    spot=st.booleans(),
)
REGIONS = st.sampled_from(["us-central1", "europe-west1", "asia-east1", "southamerica-east1", "mars-north1"])
ONE = MachineGroup("n2-standard-4", 1, "pd-balanced", 100)


LISTED = [
    ("n1-standard-4", "us-central1", 0.189999, 0.063825),
    ("n1-highcpu-96", "europe-west4", 3.7439616, 1.9783296),
    ("n2-standard-4", "us-central1", 0.194236, 0.083752),
    ("n2-standard-4", "europe-west1", 0.213668, 0.0426),
    ("n2-highmem-128", "asia-northeast1", 9.88112, 2.593952),
    ("n2d-standard-224", "us-west2", 11.366208, 4.759104),
    ("e2-highcpu-32", "africa-south1", 0.87070272, 0.25728),
    ("c2-standard-60", "us-central1", 3.13212, 1.35948),
    ("c2-standard-8", "europe-west3", 0.538024, 0.129024),
    ("c2d-highmem-56", "southamerica-east1", 5.44488, 0.76664),
    ("c3-standard-176", "me-central2", 14.1932032, 2.22992),
    ("c3d-highcpu-360", "northamerica-south1", 14.65576068, 3.501948),
    ("c3d-standard-16", "asia-south1", 0.75543936, 0.271232),
]
"""Machine, region, USD per hour on demand and as spot, as the table's source has them for whole machines."""


@pytest.mark.parametrize(("machine", "region", "hourly", "spot"), LISTED)
def test_a_machine_costs_what_the_source_lists_for_it(machine, region, hourly, spot):
    group = replace(ONE, machine=machine)
    listed = price_per_hour([group], region, table=shipped())
    cheaper = price_per_hour([replace(group, spot=True)], region, table=shipped())
    assert (listed.machines, cheaper.machines) == (pytest.approx(hourly, rel=1e-4), pytest.approx(spot, rel=1e-4))
    assert not listed.approximate
    assert not cheaper.approximate


def test_google_s_own_example_of_a_dataproc_bill_comes_out():
    """A master and five workers of n1-standard-4 for two hours: 24 vCPUs, 48 cents of fee (Dataproc's pricing page)."""
    cluster = ClusterSpec(name="a", workers=5, master_machine="n1-standard-4", worker_machine="n1-standard-4")
    hourly = price(cluster, table=shipped())
    assert cost([Interval(0, 7200, hourly.fee)]) == pytest.approx(0.48)
    assert cost([Interval(0, 7200, hourly.machines)]) == pytest.approx(6 * 2 * 0.189999, abs=1e-4)


def test_a_cluster_in_belgium_with_spot_workers_costs_what_one_works_out_by_hand():
    spec = ClusterSpec(
        name="a",
        region="europe-west1",
        workers=4,
        secondary_workers=10,
        max_workers=14,
        secondary_type="spot",
        master_machine="n2-standard-4",
        worker_machine="n2-standard-4",
        disk_type="pd-balanced",
        master_disk_gb=100,
        worker_disk_gb=100,
    )
    hourly = price(spec, table=shipped())
    assert hourly.machines == pytest.approx(5 * 0.213668 + 10 * 0.0426, abs=1e-4)
    assert hourly.disks == pytest.approx(15 * 100 * 0.10 / 730, abs=1e-4)
    assert hourly.fee == pytest.approx(15 * 4 * 0.01)
    assert hourly.notes == ()


def test_disks_cost_their_list_price():
    group = replace(ONE, disk_type="pd-ssd", disk_gb=500, local_ssds=2)
    disks = price_per_hour([group], "us-central1", table=shipped()).disks
    assert disks * 730 == pytest.approx(500 * 0.17 + 2 * 375 * 0.08)
    spot = price_per_hour([replace(group, spot=True)], "us-central1", table=shipped()).disks
    assert spot * 730 == pytest.approx(500 * 0.17 + 2 * 375 * 0.0389)


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


@given(GROUPS, st.sampled_from(sorted(shipped()["disks"]["pd-standard"])))
def test_spot_never_costs_more_and_its_fee_is_the_same(group, region):
    spot = price_per_hour([replace(group, spot=True)], region, table=shipped())
    standard = price_per_hour([replace(group, spot=False)], region, table=shipped())
    assert spot.machines <= standard.machines
    assert spot.disks <= standard.disks
    assert spot.fee == standard.fee


@given(GROUPS, REGIONS)
def test_a_stopped_cluster_costs_its_disks_and_nothing_else(group, region):
    running = price_per_hour([group], region)
    assert stopped_price_per_hour([group], region).total == running.disks


@given(st.integers(2, 300), st.integers(0, 300), REGIONS)
def test_a_larger_cluster_never_costs_less(workers, secondary, region):
    spec = ClusterSpec(name="a", workers=workers, region=region, max_workers=1000, secondary_type="spot")
    here = price(spec, secondary=secondary).total
    assert price(spec, workers=workers + 1, secondary=secondary).total > here
    assert price(spec, secondary=secondary + 1).total > here


def test_an_unknown_region_has_the_home_regions_price_and_says_so():
    found = price_per_hour([ONE], "mars-north1")
    assert found.total == price_per_hour([ONE], "us-central1").total
    assert found.notes[0] == "n2 has no price in mars-north1, us-central1's is used"


def without(section: str, kind: str, *rates: str) -> dict:
    """Return the shipped table without some rates of one kind."""
    regions = shipped()[section][kind].items()
    kept = {region: {rate: usd for rate, usd in row.items() if rate not in rates} for region, row in regions}
    return dict(shipped()) | {section: shipped()[section] | {kind: kept}}


def test_spot_without_a_price_has_the_on_demand_one_and_says_so():
    table = without("machines", "n2", "spot_vcpu_hour")
    spot = price_per_hour([replace(ONE, spot=True)], "us-central1", table=table)
    assert spot.total == price_per_hour([ONE], "us-central1", table=table).total
    assert spot.notes == ("n2 in us-central1 has no spot price, the on-demand one is used; spot is cheaper",)


def test_a_custom_type_costs_the_premium_and_says_so():
    found = price_per_hour([replace(ONE, machine="n2-custom-4-16384")], "us-central1", table=shipped())
    assert found.machines == pytest.approx(1.05 * (4 * 0.031611 + 16 * 0.004237))
    assert found.notes == ("n2-custom-4-16384 at the predefined types' rate and 5%",)


def test_a_custom_type_that_is_listed_costs_its_own_rate():
    custom = {"n2-custom": {"us-central1": {"vcpu_hour": 0.033, "gb_hour": 0.0044}}}
    table = dict(shipped()) | {"machines": shipped()["machines"] | custom}
    found = price_per_hour([replace(ONE, machine="n2-custom-4-16384")], "us-central1", table=table)
    assert found.machines == pytest.approx(4 * 0.033 + 16 * 0.0044)
    assert found.notes == ()


@pytest.mark.parametrize(
    "unpriced",
    [
        {"machine": "n2-custom-2-65536-ext"},
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


def test_a_price_of_an_old_table_says_so():
    day = datetime.date.fromisoformat(as_of())
    assert not is_stale(day + datetime.timedelta(days=90), 90)
    assert is_stale(day + datetime.timedelta(days=91), 90)
    spec = ClusterSpec(name="a")
    assert price(spec).notes == ()
    assert price(spec, stale=True).notes == (f"prices are of {as_of()} and may have changed",)
    assert price(spec, stale=True).total == price(spec).total


def test_the_rates_of_a_region_are_those_a_price_is_made_of():
    rates = rates_in("europe-north2", shipped())
    assert set(rates["machines"]) == {"e2", "c2", "c3d"}
    assert set(rates["disks"]) == {"pd-standard", "pd-balanced", "pd-ssd", "local-ssd"}
    with pytest.raises(PriceUnknown, match="region europe-west11") as refused:
        rates_in("europe-west11")
    assert refused.value.hint == "--region europe-west1"


def test_the_table_has_every_family_and_is_consistent():
    table = shipped()
    assert datetime.date.fromisoformat(table["as_of"]) >= datetime.date(2026, 7, 16)
    assert any("Cyclenerd/google-cloud-pricing-cost-calculator (Apache-2.0)" in source for source in table["source"])
    assert set(table["machines"]) == set(FAMILIES)
    assert len({region for regions in table["machines"].values() for region in regions}) == 42
    for kind, regions in (table["machines"] | table["disks"]).items():
        assert table["home"] in regions, kind
        for region, rates in regions.items():
            on_demand = {rate: usd for rate, usd in rates.items() if not rate.startswith("spot_")}
            assert sum(on_demand.values()) > 0, (kind, region)
            assert all(0 <= rates[f"spot_{rate}"] <= usd for rate, usd in on_demand.items() if f"spot_{rate}" in rates)


def test_a_price_is_within_reason_of_the_home_regions():
    """A slip of a digit in one region of the table would show: Google's dearest region is not twice its home."""
    for regions in shipped()["machines"].values():
        home = regions["us-central1"]["vcpu_hour"]
        assert all(0.4 * home < rates["vcpu_hour"] < 2 * home for rates in regions.values())
