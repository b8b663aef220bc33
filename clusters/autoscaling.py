"""The autoscaling policy of a cluster: its figures, the name they make, and its creation where it is not there yet.

A policy's name is made of its figures, so that clusters of the same bounds share one, and none is ever edited.
"""

from __future__ import annotations

import hashlib
import json
from typing import TYPE_CHECKING, Any

from .errors import ClusterExists, ClusterNotFound, ServiceError, SpecError
from .sizes import LEAST, most_secondary
from .spec import LOCAL, ClusterSpec

if TYPE_CHECKING:
    from .service import Service

UP, DOWN = 1.0, 0.5
"""Share of what YARN has pending that workers are added for, and of what is idle that they are removed for."""
UP_LEAST, DOWN_LEAST = 0.8, 0.2
"""Share of the cluster below which nothing is changed. Source of these and of the next: report A02."""
GRACE = 120
"""Seconds that a leaving worker has to move its data."""
COOLDOWN = 120
"""Seconds between two changes. Source: ADR-002, primary workers' scale up; one policy has but one."""
WEIGHT = 1
"""Of either group: as many secondary workers are added as primary ones, within the bounds."""


def check_autoscaling(spec: ClusterSpec) -> None:
    """Refuse a policy where it would do harm.

    Raises
    ------
    SpecError
        Dataproc's autoscaler looks at YARN's memory alone: it would take standalone workers for idle.
    """
    if spec.autoscaling and spec.runtime == "standalone" and spec.project != LOCAL:
        allowed = "with runtime=yarn: Dataproc takes the workers of a standalone cluster for idle"
        raise SpecError(f"autoscaling: true given, allowed is {allowed}", "runtime=yarn, or %dask_cluster adapt 2 10")
    if spec.autoscaling and not spec.workers:
        raise SpecError("autoscaling: true given, allowed is false on a single node (workers=0)", "workers=2")


def policy_of(spec: ClusterSpec) -> dict[str, Any]:
    """Return the policy of ``spec``, an AutoscalingPolicy of the v1 API in plain values: ADR-002's, with its bounds.

    Primary workers from ``min_workers`` to ``max_workers``, besides up to ``max_secondary`` secondary ones: Dataproc
    has no bound for both together.
    """
    low = max(LEAST, spec.min_workers)
    figures = {
        "worker_config": {"min_instances": low, "max_instances": max(low, spec.max_workers), "weight": WEIGHT},
        "secondary_worker_config": {"min_instances": 0, "max_instances": most_secondary(spec), "weight": WEIGHT},
        "basic_algorithm": {
            "cooldown_period": {"seconds": COOLDOWN},
            "yarn_config": {
                "scale_up_factor": UP,
                "scale_down_factor": DOWN,
                "scale_up_min_worker_fraction": UP_LEAST,
                "scale_down_min_worker_fraction": DOWN_LEAST,
                "graceful_decommission_timeout": {"seconds": GRACE},
            },
        },
    }
    key = hashlib.sha256(json.dumps(figures, sort_keys=True).encode()).hexdigest()[:8]
    return {"id": f"dask-{low}-{max(low, spec.max_workers)}-{most_secondary(spec)}-{key}"} | figures


def policy_uri(spec: ClusterSpec, project: str, region: str) -> str:
    """Return the resource name of the policy of ``spec`` in that place."""
    return f"projects/{project}/regions/{region}/autoscalingPolicies/{policy_of(spec)['id']}"


async def ensure_policy(spec: ClusterSpec, service: Service) -> None:
    """See to it that the policy of ``spec`` is there, if it wants one; whoever else makes it makes the same.

    Raises
    ------
    ServiceError
        Somebody has changed the policy of that name.
    """
    if not spec.autoscaling:
        return
    wanted = policy_of(spec)
    name = policy_uri(spec, spec.project, spec.region)
    try:
        same = await service.policy_is(name, wanted)
    except ClusterNotFound:
        try:
            await service.create_policy(wanted)
            return
        except ClusterExists:  # another has just made it
            same = await service.policy_is(name, wanted)
    if not same:
        place = f"{spec.project}/{spec.region}"
        raise ServiceError(
            f"autoscaling policy {wanted['id']} in {place} has been edited: its figures are not those of its name",
            f"gcloud dataproc autoscaling-policies delete {wanted['id']} --region={spec.region}",
        )
