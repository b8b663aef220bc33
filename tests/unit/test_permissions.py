"""Who may do what is report A02's matrix; a refusal says who may and whom to ask."""

from __future__ import annotations

import pytest

from dask_dataproc.clusters.config import setting
from dask_dataproc.clusters.errors import ConfigError, PermissionDenied
from dask_dataproc.clusters.permissions import ROLES, may, require, role_of

A02 = ("composer_access", "job_submit", "dashboard", "cluster_create")


@pytest.mark.parametrize(
    ("role", "marks"),
    [("data_scientist", "✓✓✓✗"), ("data_engineer", "✓✓✓✓"), ("ml_engineer", "✓✓✓✗"), ("platform_admin", "✓✓✓✓")],
)
def test_the_roles_are_the_matrix_of_report_a02(role, marks):
    assert "".join("✓" if may(role, act) else "✗" for act in A02) == marks


def test_everybody_sees_the_clusters_and_only_platform_admins_what_others_have_spent():
    assert all(may(role, "cluster_list") and may(role, "own_spending") for role in ROLES)
    assert [role for role in ROLES if may(role, "all_spending")] == ["platform_admin"]


def test_whoever_is_not_named_is_a_data_engineer_and_may_make_clusters():
    for settings in (None, {}, setting("quotas")):
        assert role_of("ana", settings) == "data_engineer"
        require("ana", "cluster_create", settings)


def test_a_data_scientist_is_told_who_may_and_whom_to_ask():
    settings = {"roles": {"default": "data_scientist", "users": {"bo": "data_engineer", "cy": "platform_admin"}}}
    require("bo", "cluster_create", settings)
    with pytest.raises(PermissionDenied) as refused:
        require("ana", "cluster_create", settings)
    assert refused.value.lines() == (
        "PermissionDenied: making clusters: ana is a data_scientist, allowed for data_engineer, platform_admin\n"
        "  Try:  %dask_cluster attach NAME   (a cluster that is there), or ask cy (platform_admin) for "
        "dataproc.quotas.roles.users.ana: data_engineer"
    )


def test_the_spending_of_others_needs_a_platform_admin():
    with pytest.raises(PermissionDenied, match="the spending of others: ana is a data_engineer, allowed for platform_"):
        require("ana", "all_spending", {})


@pytest.mark.parametrize(
    ("roles", "said"),
    [
        ({"default": "boss"}, "dataproc.quotas.roles.default: 'boss': no such role"),
        (
            {"users": {"bo": "data_enginer"}},
            "dataproc.quotas.roles.users.bo: 'data_enginer': no such role, the nearest",
        ),
        ({"people": {}}, "dataproc.quotas.roles: 'people': no such setting"),
        ("data_engineer", "dataproc.quotas.roles: 'data_engineer' given, allowed is a mapping"),
    ],
)
def test_a_wrong_setting_is_named_in_one_line(roles, said):
    with pytest.raises(ConfigError) as refused:
        role_of("ana", {"roles": roles})
    assert refused.value.message.startswith(said)
