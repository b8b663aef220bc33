"""The autoscaling policy of a spec: made when it is missing, shared by equal specs, never edited."""

from __future__ import annotations

import asyncio

import pytest

from dask_dataproc import ClusterSpec, DataprocCluster
from dask_dataproc.clusters.autoscaling import ensure_policy, policy_of, policy_uri
from dask_dataproc.clusters.errors import ServiceError
from dask_dataproc.clusters.service import Service
from dask_dataproc.clusters.sync import run


def test_a_cluster_has_the_policy_of_its_spec_with_the_figures_of_the_report(laptop):
    with DataprocCluster(n_workers=2, autoscaling=True) as cluster:
        spec = cluster.spec

        async def ask():
            async with Service("local", spec.region) as service:
                found = await service._client.get_cluster({**service._place, "cluster_name": cluster.name})
                name = found.config.autoscaling_config.policy_uri
                return await service._policies().get_autoscaling_policy(name=name)

        policy = run(ask())
    assert policy.name == policy_uri(spec, "local", spec.region)
    primary, secondary = policy.worker_config, policy.secondary_worker_config
    assert (primary.min_instances, primary.max_instances) == (2, 10)
    assert (secondary.min_instances, secondary.max_instances) == (0, 5)
    yarn = policy.basic_algorithm.yarn_config
    assert (yarn.scale_up_factor, yarn.scale_down_factor) == (1.0, 0.5)
    assert (yarn.scale_up_min_worker_fraction, yarn.scale_down_min_worker_fraction) == (0.8, 0.2)
    assert yarn.graceful_decommission_timeout.total_seconds() == 120
    assert policy.basic_algorithm.cooldown_period.total_seconds() == 120


def test_many_who_need_a_policy_at_once_make_one(laptop):
    spec = ClusterSpec(project="local", autoscaling=True, max_workers=37)

    async def ask() -> list[str]:
        async with Service("local", spec.region) as service:
            await asyncio.gather(*(ensure_policy(spec, service) for _ in range(8)))
            parent = f"projects/local/regions/{spec.region}"
            found = await service._policies().list_autoscaling_policies(parent=parent)
            return [policy.id async for policy in found if "37" in policy.id]

    assert run(ask()) == [policy_of(spec)["id"]]


def test_a_policy_that_somebody_has_edited_is_neither_used_nor_put_right(laptop):
    spec = ClusterSpec(project="local", autoscaling=True, max_workers=38)
    name = policy_uri(spec, "local", spec.region)

    async def edit() -> None:
        async with Service("local", spec.region) as service:
            await ensure_policy(spec, service)
            policy = await service._policies().get_autoscaling_policy(name=name)
            policy.worker_config.max_instances = 99
            await service._policies().update_autoscaling_policy(policy=policy)

    run(edit())
    with pytest.raises(ServiceError, match=r"dask-2-38-5-\w+ in local/us-central1 has been edited") as refused:
        DataprocCluster(name="edited", autoscaling=True, max_workers=38)
    assert policy_of(spec)["id"] in refused.value.hint
    assert "edited" not in laptop.clusters()
