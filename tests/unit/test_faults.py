"""The registry of faults: when one strikes, how often, and what is refused."""

from __future__ import annotations

import asyncio

import pytest

from dask_dataproc.clusters import faults as domain
from dask_dataproc.emulator.faults import EVENTS, KINDS, Faults

METHODS = ("create_cluster", "get_operation")


def ask(faults: Faults, kind: str, times: int = 1, **settings: object) -> list[str]:
    return asyncio.run(faults.ask(kind, times, settings))


@pytest.fixture
def faults() -> Faults:
    return Faults(METHODS)


def test_a_fault_strikes_as_often_as_was_asked_for(faults):
    ask(faults, "throttle", times=2)
    assert [fault is not None for fault in (faults.take("throttle") for _ in range(3))] == [True, True, False]
    assert faults.listed() == []


def test_a_fault_strikes_only_where_its_settings_say(faults):
    ask(faults, "stockout", zones="us-central1-b,us-central1-c", spot=True)
    here = {"cluster": "ana", "zones": "us-central1-c", "machine": "n2-standard-4"}
    assert not faults.waiting("stockout", **here, spot="false")
    assert not faults.waiting("stockout", **here | {"zones": "us-central1-f"}, spot="true")
    (fault,) = faults.waiting("stockout", **here, spot="true")
    assert faults.spend(fault).settings["zonesAvailable"] is None


def test_the_first_that_was_asked_for_strikes_first(faults):
    ask(faults, "slow-create", seconds=3)
    ask(faults, "slow-create", cluster=["ana", "bob"], seconds=5)
    taken = [faults.take("slow-create", cluster="ana"), faults.take("slow-create", cluster="ana")]
    assert [fault.settings["seconds"] for fault in taken] == [3, 5]


def test_what_waits_is_listed_as_it_was_given_and_can_be_cleared(faults):
    ask(faults, "quota", times=3, metric="N2_CPUS", available=8)
    assert faults.listed() == [{"kind": "quota", "times": 3, "settings": {"metric": "N2_CPUS", "available": "8"}}]
    faults.clear()
    assert faults.listed() == []


def test_settings_that_are_not_given_have_defaults(faults):
    ask(faults, "init-action")
    assert faults.take("init-action").settings["exit"] == 1


@pytest.mark.parametrize(
    ("kind", "times", "settings", "said"),
    [
        ("stokout", 1, {}, "fault: 'stokout' given, allowed is one of quota, stockout, init-action"),
        ("quota", 0, {}, "quota, times: 0 given, allowed is 1 to 1000000"),
        ("quota", True, {}, "quota, times: True given, allowed is 1 to 1000000"),
        ("preempt", 2, {}, "preempt, times: 2 given, allowed is 1: it happens at once"),
        ("quota", 1, {"zone": "b"}, "quota: setting 'zone' given, allowed is cluster, metric, available"),
        ("quota", 1, {"metric": "CPU"}, "quota, metric: 'CPU' given, allowed is some of CPUS, "),
        ("quota", 1, {"available": "few"}, "quota, available: 'few' given, allowed is 0 to 1000000"),
        ("slow-create", 1, {"seconds": -1}, "slow-create, seconds: '-1' given, allowed is 0 to 86400"),
        ("slow-create", 1, {"seconds": "nan"}, "slow-create, seconds: 'nan' given, allowed is 0 to 86400"),
        ("clock-jump", 1, {"seconds": 1e9}, "clock-jump, seconds: '1000000000.0' given, allowed is -86400 to 86400"),
        ("stockout", 1, {"spot": "yes"}, "stockout, spot: 'yes' given, allowed is true or false"),
        ("init-action", 1, {"exit": 0}, "init-action, exit: '0' given, allowed is 1 to 255; 124 is a timeout"),
        ("cut", 1, {"method": "CreateCluster"}, "cut, method: 'CreateCluster' given, allowed is create_cluster, get_"),
        ("cut", 1, {"cluster": "a b"}, "cut, cluster: 'a b' given, allowed is names of clusters, A,B"),
    ],
)
def test_what_cannot_be_asked_for_is_one_line_with_what_can(faults, kind, times, settings, said):
    with pytest.raises(ValueError, match="given, allowed is") as refused:
        ask(faults, kind, times, **settings)
    assert str(refused.value).startswith(said)
    assert "\n" not in str(refused.value)
    assert faults.listed() == []


def test_the_command_knows_the_kinds_that_the_emulator_knows():
    assert tuple(KINDS) == domain.KINDS
    assert tuple(EVENTS) == domain.AT_ONCE
