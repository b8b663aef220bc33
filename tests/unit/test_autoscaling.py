"""The policy that a spec asks for, and where that is refused."""

from __future__ import annotations

import pytest
from google.cloud import dataproc_v1
from hypothesis import given
from hypothesis import strategies as st

from dask_dataproc.clusters.autoscaling import policy_of, policy_uri
from dask_dataproc.clusters.errors import SpecError
from dask_dataproc.clusters.spec import ClusterSpec
from dask_dataproc.emulator.policies import check_policy

CLOUD = {"name": "a", "project": "p", "staging": "gs://bucket/dask"}
specs = st.builds(
    ClusterSpec, max_workers=st.integers(20, 1000), min_workers=st.integers(0, 20), max_secondary=st.integers(0, 1000)
)


@given(specs, specs)
def test_policies_have_one_name_just_if_they_have_the_same_figures(one, other):
    first, second = policy_of(one), policy_of(other)
    assert (first["id"] == second["id"]) == (first == second)


@given(specs)
def test_every_policy_is_within_dataprocs_bounds(spec):
    check_policy(
        dataproc_v1.AutoscalingPolicy.pb(dataproc_v1.AutoscalingPolicy(policy_of(spec))), "projects/p/regions/r"
    )


def test_what_has_no_part_in_the_figures_shares_the_policy():
    assert policy_of(ClusterSpec(name="a", workers=3)) == policy_of(
        ClusterSpec(name="b", worker_machine="n2-standard-8")
    )


def test_a_cluster_of_yarn_names_its_policy():
    spec = ClusterSpec(**CLOUD, runtime="yarn", autoscaling=True)
    uri = spec.to_dataproc()["config"]["autoscaling_config"]["policy_uri"]
    assert uri == policy_uri(spec, "p", "us-central1")
    assert "autoscaling_config" not in ClusterSpec(**CLOUD, runtime="yarn").to_dataproc()["config"]


@pytest.mark.parametrize("wrong", [{}, {"runtime": "yarn", "workers": 0}])
def test_a_policy_that_would_do_harm_is_refused(wrong):
    with pytest.raises(SpecError, match="autoscaling: true given, allowed is"):
        ClusterSpec(**CLOUD, autoscaling=True, **wrong).to_dataproc()
