"""ADR-003's rules are all there, named as there, and no call changes the next one's answer."""

import json

import pytest
from hypothesis import given
from hypothesis import strategies as st

from dask_dataproc.clusters.sizing_rules import TABLE, by_rule, rule_name
from dask_dataproc.clusters.spec import ClusterSpec

NAMES = ["small_etl", "medium_etl", "large_etl", "ml_training", "interactive"]


@pytest.mark.parametrize(
    ("name", "workers", "machine"),
    [
        ("small_etl", 2, "n2-standard-2"),
        ("medium_etl", 4, "n2-standard-4"),
        ("large_etl", 8, "n2-standard-4"),
        ("ml_training", 6, "n2-highmem-4"),
        ("interactive", 2, "n2-standard-4"),
    ],
)
def test_every_rule_of_adr_003_gives_its_workers_and_machine(name, workers, machine):
    rule = by_rule(name)
    assert (rule.name, rule.workers, rule.machine) == (name, workers, machine)
    assert rule.preemptible is (False if name == "interactive" else None)


def test_nothing_said_is_medium_etl_with_50_gb_and_32_gb_of_memory():
    assert by_rule() == by_rule("medium_etl", 50, 32) == by_rule("no such workload")


@pytest.mark.parametrize(("name", "workers"), [("small_etl", 4), ("large_etl", 15), ("ml_training", 12)])
def test_more_than_500_gb_doubles_the_workers_up_to_15(name, workers):
    assert by_rule(name, 500).workers == by_rule(name).workers
    assert by_rule(name, 501).workers == workers


def test_more_than_64_gb_of_memory_takes_the_large_machine():
    assert by_rule("small_etl", memory_gb=64).machine == "n2-standard-2"
    assert by_rule("small_etl", memory_gb=65).machine == "n2-highmem-8"


def test_a_large_job_does_not_make_the_next_small_one_large():
    """In ADR-003 it does: the adjustments are written into the table, and doubled again by every large job."""
    before = [by_rule(name) for name in NAMES]
    for name in NAMES:
        by_rule(name, 900, 500)
        by_rule(name, 900, 500)
    assert [by_rule(name) for name in NAMES] == before


@given(st.sampled_from([*NAMES, "other"]), st.floats(0, 1e6), st.floats(0, 1e6))
def test_a_rule_is_a_cluster_that_can_be_made_and_the_same_each_time(name, gigabytes, memory):
    rule = by_rule(name, gigabytes, memory)
    assert ClusterSpec(**rule.fields()).workers == rule.workers <= 15
    assert by_rule(name, gigabytes, memory) == rule


@pytest.mark.parametrize(
    ("workload", "gigabytes", "name"),
    [
        ("etl", 0.1, "small_etl"),
        ("etl", 10, "medium_etl"),
        ("etl", 100, "large_etl"),
        ("etl", 5000, "large_etl"),
        ("analytics", 50, "medium_etl"),
        ("ml", 5000, "ml_training"),
        ("interactive", 0.1, "interactive"),
    ],
)
def test_a_workload_of_ours_falls_under_a_rule(workload, gigabytes, name):
    assert rule_name(workload, gigabytes) == name


def test_the_table_says_where_it_is_from():
    assert json.loads(TABLE.read_text())["source"].startswith("ADR-003")
