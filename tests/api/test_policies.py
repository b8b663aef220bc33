"""AutoscalingPolicyService, as the unmodified client sees it."""

from __future__ import annotations

import uuid
from typing import Any

import pytest
from google.api_core import exceptions
from google.rpc import error_details_pb2

PARENT = "projects/test-project/regions/us-central1"
YARN = {"graceful_decommission_timeout": {"seconds": 60}, "scale_up_factor": 0.5, "scale_down_factor": 1.0}


def policy(policy_id: str | None = None, algorithm: dict[str, Any] | None = None, **fields: Any) -> dict[str, Any]:
    return {
        "id": policy_id if policy_id is not None else f"p-{uuid.uuid4().hex[:8]}",
        "basic_algorithm": {"yarn_config": YARN, **(algorithm or {})},
        "worker_config": {"max_instances": 10},
        **fields,
    }


def test_a_policy_is_created_got_listed_updated_and_deleted(dataproc):
    created = dataproc.policies.create_autoscaling_policy(parent=PARENT, policy=policy())
    assert created.name == f"{PARENT}/autoscalingPolicies/{created.id}"
    assert created.worker_config.min_instances == 2
    assert created.basic_algorithm.cooldown_period.total_seconds() == 120
    assert dataproc.policies.get_autoscaling_policy(name=created.name) == created
    assert created.name in [each.name for each in dataproc.policies.list_autoscaling_policies(parent=PARENT)]
    created.worker_config.max_instances = 20
    assert dataproc.policies.update_autoscaling_policy(policy=created) == created
    assert dataproc.policies.get_autoscaling_policy(name=created.name).worker_config.max_instances == 20
    dataproc.policies.delete_autoscaling_policy(name=created.name)
    with pytest.raises(exceptions.NotFound):
        dataproc.policies.get_autoscaling_policy(name=created.name)


def test_an_id_taken_already_exists(dataproc):
    created = dataproc.policies.create_autoscaling_policy(parent=PARENT, policy=policy())
    with pytest.raises(exceptions.AlreadyExists):
        dataproc.policies.create_autoscaling_policy(parent=PARENT, policy=policy(created.id))


def test_a_policy_in_use_cannot_be_deleted(dataproc):
    created = dataproc.policies.create_autoscaling_policy(parent=PARENT, policy=policy())
    name = dataproc.create(dataproc.single(autoscaling_config={"policy_uri": created.name})).cluster_name
    with pytest.raises(exceptions.FailedPrecondition, match=name):
        dataproc.policies.delete_autoscaling_policy(name=created.name)
    dataproc.update(name, "config.autoscaling_config.policy_uri", {})
    dataproc.policies.delete_autoscaling_policy(name=created.name)


@pytest.mark.parametrize(
    ("wrong", "field"),
    [
        (policy("ab"), "policy.id"),
        (policy("a" * 51), "policy.id"),
        (policy("-abc"), "policy.id"),
        (policy("abc_"), "policy.id"),
        (policy(algorithm={"cooldown_period": {"seconds": 119}}), "policy.basic_algorithm.cooldown_period"),
        (policy(algorithm={"cooldown_period": {"seconds": 86_401}}), "policy.basic_algorithm.cooldown_period"),
        (
            policy(algorithm={"yarn_config": {**YARN, "scale_up_factor": 1.1}}),
            "policy.basic_algorithm.yarn_config.scale_up_factor",
        ),
        (
            policy(algorithm={"yarn_config": {**YARN, "scale_down_min_worker_fraction": -0.1}}),
            "policy.basic_algorithm.yarn_config.scale_down_min_worker_fraction",
        ),
        (policy(worker_config={"min_instances": 1, "max_instances": 10}), "policy.worker_config.min_instances"),
        (policy(worker_config={"min_instances": 5, "max_instances": 4}), "policy.worker_config.max_instances"),
        (
            policy(secondary_worker_config={"min_instances": 5, "max_instances": 4}),
            "policy.secondary_worker_config.min_instances",
        ),
    ],
)
def test_a_policy_outside_the_bounds_is_refused_by_field(dataproc, wrong, field):
    before = len(list(dataproc.policies.list_autoscaling_policies(parent=PARENT)))
    with pytest.raises(exceptions.InvalidArgument) as refused:
        dataproc.policies.create_autoscaling_policy(parent=PARENT, policy=wrong)
    (bad,) = refused.value.details
    assert isinstance(bad, error_details_pb2.BadRequest)
    assert [violation.field for violation in bad.field_violations] == [field]
    assert len(list(dataproc.policies.list_autoscaling_policies(parent=PARENT))) == before
