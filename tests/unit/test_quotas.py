"""The classes are ADR-002's, and the settings say who is in which; what is wrong in them is named in one line."""

from __future__ import annotations

from pathlib import Path

import pytest
import yaml

import dask_dataproc
from dask_dataproc.clusters.config import DEFAULTS, setting
from dask_dataproc.clusters.errors import ConfigError
from dask_dataproc.clusters.permissions import ROLES, may
from dask_dataproc.clusters.quotas import CLASSES, limits_of, pool_of

CLOUD, EMULATOR = "my-project", "local"


def figures(limits) -> tuple:
    return limits.jobs, limits.workers, limits.memory_gb, limits.duration, limits.disk_gb


@pytest.mark.parametrize(
    ("name", "jobs", "workers", "gb", "hours", "disk"),
    [("standard", 3, 3, 42, 4, 100), ("power", 5, 5, 70, 8, 200), ("batch", 1, 8, 112, 24, 500)],
)
def test_the_classes_are_the_table_of_adr_002(name, jobs, workers, gb, hours, disk):
    limits = limits_of("ana", CLOUD, {"class": name})
    assert figures(limits) == (jobs, workers, gb, hours * 3600, disk)
    assert limits.whose == f"{name} users"


def test_the_tables_of_the_documentation_are_those_of_the_code():
    text = (Path(dask_dataproc.__file__).parent / "docs" / "quotas.md").read_text()
    for name in ("standard", "power", "batch"):
        jobs, workers, gb, seconds, disk = figures(CLASSES[name])
        assert f"| `{name}` | {jobs} | {workers} | {gb} GB | {seconds // 3600} h | {disk} GB |" in text
    for role in ROLES:
        acts = ("composer_access", "job_submit", "dashboard", "cluster_create", "all_spending")
        assert f"| `{role}` | {' | '.join('✓' if may(role, act) else '' for act in acts)} |".replace("  ", " ") in text


def test_everybody_is_standard_in_the_cloud_and_unlimited_where_nothing_is_paid_for():
    assert limits_of("ana", CLOUD, {}) == limits_of("ana", CLOUD, None) == CLASSES["standard"]
    assert limits_of("ana", EMULATOR, {}) == CLASSES["unlimited"]
    assert limits_of("ana", EMULATOR, {"class": "batch"}) == CLASSES["batch"]
    assert (pool_of(CLOUD, {}), pool_of(EMULATOR, {}), pool_of(EMULATOR, {"pool": 4})) == (10, None, 4)
    assert pool_of(CLOUD, {"pool": "unlimited"}) is None


def test_the_shipped_settings_are_these_defaults():
    assert limits_of("ana", CLOUD, setting("quotas")) == CLASSES["standard"]
    assert limits_of("ana", EMULATOR, yaml.safe_load(DEFAULTS.read_text())["dataproc"]["quotas"]).jobs is None


SETTINGS = {
    "class": "standard",
    "users": {"ana": "power", "bo": {"class": "standard", "workers": 5, "memory-gb": 70}, "cy": {"jobs": "unlimited"}},
    "groups": {
        "risk": {"members": ["ana", "dee", "eve"], "class": "batch"},
        "night": {"members": ["eve", "cy"], "class": "power", "duration": "12h"},
    },
}


@pytest.mark.parametrize(
    ("user", "expected", "whose"),
    [
        ("zoe", (3, 3, 42, 4 * 3600, 100), "standard users"),
        ("ana", (5, 5, 70, 8 * 3600, 200), "power users"),
        ("bo", (3, 5, 70, 4 * 3600, 100), "bo"),
        ("dee", (1, 8, 112, 24 * 3600, 500), "batch users"),
        ("eve", (5, 8, 112, 24 * 3600, 500), "batch users and group night"),
        ("cy", (None, 5, 70, 12 * 3600, 200), "cy"),
    ],
)
def test_the_user_wins_over_the_group_and_the_group_over_the_default(user, expected, whose):
    limits = limits_of(user, CLOUD, SETTINGS)
    assert figures(limits) == expected
    assert limits.whose == whose


def test_no_bound_is_the_most_generous_one():
    groups = {"a": {"members": ["ana"], "jobs": "unlimited"}, "b": {"members": ["ana"], "jobs": 7}}
    assert limits_of("ana", CLOUD, {"groups": groups}).jobs is None


@pytest.mark.parametrize(
    ("settings", "said"),
    [
        ({"class": "pwer"}, "dataproc.quotas.class: 'pwer': no such class, the nearest is power"),
        ({"user": {}}, "dataproc.quotas: 'user': no such setting, the nearest is users"),
        ({"users": {"bo": "huge"}}, "dataproc.quotas.users.bo: 'huge': no such class"),
        (
            {"users": {"bo": {"worker": 3}}},
            "dataproc.quotas.users.bo: 'worker': no such setting, the nearest is workers",
        ),
        ({"users": {"bo": {"workers": -1}}}, "dataproc.quotas.users.bo.workers: -1 given, allowed is a whole number"),
        ({"users": {"bo": {"memory_gb": "x"}}}, "dataproc.quotas.users.bo.memory-gb: 'x' given"),
        ({"users": ["bo"]}, "dataproc.quotas.users: ['bo'] given, allowed is a mapping"),
        ({"groups": {"risk": {"members": "ana"}}}, "dataproc.quotas.groups.risk.members: 'ana' given"),
        ({"groups": {"risk": {"class": "x"}}}, "dataproc.quotas.groups.risk.class: 'x': no such class"),
        ({"groups": {"risk": "power"}}, "dataproc.quotas.groups.risk: 'power' given, allowed is a mapping"),
        ({"class": ["power"]}, "dataproc.quotas.class: \"['power']\": no such class"),
    ],
)
def test_a_wrong_setting_is_named_in_one_line_whoever_asks(settings, said):
    with pytest.raises(ConfigError) as refused:
        limits_of("ana", CLOUD, settings)
    assert refused.value.message.startswith(said)
    assert "\n" not in refused.value.message
    assert refused.value.hint


def test_a_pool_that_is_no_number_is_refused():
    with pytest.raises(ConfigError, match=r"dataproc\.quotas\.pool: 'ten' given"):
        pool_of(CLOUD, {"pool": "ten"})
