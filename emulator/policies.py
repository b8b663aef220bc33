"""The service AutoscalingPolicyService: policies with their documented bounds; one in use cannot be deleted."""

from __future__ import annotations

import re

from google.protobuf import empty_pb2, json_format
from google.protobuf.message import Message

from . import filters
from .descriptors import Api, Proto
from .errors import already_exists, failed_precondition, invalid, not_found
from .inventory import Inventory
from .state import Shelf
from .validation import DAY, MINUTE, Violations, check_labels

POLICY_ID = r"[A-Za-z0-9][A-Za-z0-9_-]{1,48}[A-Za-z0-9]"
PARENT = r"projects/[^/]+/(regions|locations)/[^/]+"
COOLDOWN = (2 * MINUTE, DAY)
FACTORS = ("scale_up_factor", "scale_down_factor", "scale_up_min_worker_fraction", "scale_down_min_worker_fraction")
LEAST_WORKERS = 2


class AutoscalingPolicies:
    """The RPCs on autoscaling policies.

    Parameters
    ----------
    api : Api
    shelf : Shelf
        What an earlier server left there is taken up again.
    inventory : Inventory
        Tells which policies are in use.
    """

    def __init__(self, api: Api, shelf: Shelf, inventory: Inventory) -> None:
        self._api = api
        self._shelf = shelf
        self._inventory = inventory
        self._policies = {name: json_format.ParseDict(kept, api.AutoscalingPolicy()) for name, kept in shelf}

    async def create_autoscaling_policy(self, request: Proto) -> Message:
        """Answer CreateAutoscalingPolicy."""
        check_policy(request.policy, request.parent)
        name = f"{request.parent}/autoscalingPolicies/{request.policy.id}"
        if name in self._policies:
            raise already_exists("AutoscalingPolicy", name)
        return self._keep(name, request.policy)

    async def update_autoscaling_policy(self, request: Proto) -> Message:
        """Answer UpdateAutoscalingPolicy: the whole policy is replaced."""
        name = request.policy.name
        self._find(name)
        parent, _, policy_id = name.partition("/autoscalingPolicies/")
        request.policy.id = policy_id
        check_policy(request.policy, parent)
        return self._keep(name, request.policy)

    async def get_autoscaling_policy(self, request: Proto) -> Message:
        """Answer GetAutoscalingPolicy."""
        return self._find(request.name)

    async def list_autoscaling_policies(self, request: Proto) -> Message:
        """Answer ListAutoscalingPolicies, in the order of names."""
        found = Violations()
        found.matches(PARENT, "parent", request.parent)
        found.done()
        here = {name: policy for name, policy in self._policies.items() if name.startswith(f"{request.parent}/")}
        shown, following = filters.page(here, request.page_size, request.page_token)
        return self._api.ListAutoscalingPoliciesResponse(policies=shown, next_page_token=following)

    async def delete_autoscaling_policy(self, request: Proto) -> Message:
        """Answer DeleteAutoscalingPolicy, unless a cluster uses it."""
        self._find(request.name)
        users = [
            e.name for e in self._inventory if _resource(e.cluster.config.autoscaling_config.policy_uri) == request.name
        ]
        if users:
            raise failed_precondition("POLICY_IN_USE", request.name, f"{request.name} is in use by {', '.join(users)}")
        del self._policies[request.name]
        self._shelf.remove(request.name)
        return empty_pb2.Empty()

    def check_usable(self, uri: str, project: str, region: str) -> None:
        """Raise unless a cluster in that place can use the policy ``uri``.

        Raises
        ------
        ApiError
            INVALID_ARGUMENT: it is of another place. NOT_FOUND: there is none.
        """
        name = _resource(uri)
        if not re.match(f"projects/{re.escape(project)}/(regions|locations)/{re.escape(region)}/", name):
            allowed = f"a policy of projects/{project}/regions/{region}"
            raise invalid([("cluster.config.autoscaling_config.policy_uri", f"'{uri}' given, allowed is {allowed}")])
        self._find(name)

    def named(self, uri: str) -> Proto | None:
        """Return the policy ``uri``, None where there is none."""
        return self._policies.get(_resource(uri))

    def _keep(self, name: str, given: Proto) -> Message:
        policy = self._policies[name] = self._api.AutoscalingPolicy()
        policy.CopyFrom(given)
        policy.name = name
        fill_policy(policy)
        self._shelf.put(name, json_format.MessageToDict(policy, preserving_proto_field_name=True))
        return policy

    def _find(self, name: str) -> Proto:
        if name not in self._policies:
            raise not_found("AutoscalingPolicy", name)
        return self._policies[name]


def check_policy(policy: Proto, parent: str) -> None:
    """Raise INVALID_ARGUMENT for a policy outside the documented bounds. Pure."""
    found = Violations()
    found.matches(PARENT, "parent", parent)
    found.matches(POLICY_ID, "policy.id", policy.id)
    check_labels(found, "policy.labels", policy.labels.items())
    _check_algorithm(found, policy.basic_algorithm)
    primary, secondary = policy.worker_config, policy.secondary_worker_config
    least = LEAST_WORKERS if policy.cluster_type != policy.ZERO_SCALE else 0
    low = primary.min_instances or least
    found.check(low >= least, "policy.worker_config.min_instances", f"{least} or more", primary.min_instances)
    found.check(
        primary.max_instances >= low, "policy.worker_config.max_instances", f"{low} or more", primary.max_instances
    )
    within = 0 <= secondary.min_instances <= secondary.max_instances
    bounds = f"0 to max_instances, {secondary.max_instances}"
    found.check(within, "policy.secondary_worker_config.min_instances", bounds, secondary.min_instances)
    found.done()


def _check_algorithm(found: Violations, algorithm: Proto) -> None:
    field = "policy.basic_algorithm"
    if algorithm.HasField("cooldown_period"):
        found.within(*COOLDOWN, f"{field}.cooldown_period", algorithm.cooldown_period.seconds, "s")
    found.check(algorithm.HasField("yarn_config"), f"{field}.yarn_config", "a YARN configuration", "")
    yarn = algorithm.yarn_config
    for factor in FACTORS:
        found.within(0, 1, f"{field}.yarn_config.{factor}", getattr(yarn, factor))
    timeout = yarn.graceful_decommission_timeout.seconds
    found.within(0, DAY, f"{field}.yarn_config.graceful_decommission_timeout", timeout, "s")


def fill_policy(policy: Proto) -> None:
    """Complete ``policy`` in place with the documented defaults."""
    if not policy.basic_algorithm.HasField("cooldown_period"):
        policy.basic_algorithm.cooldown_period.seconds = COOLDOWN[0]
    if policy.cluster_type != policy.ZERO_SCALE:
        policy.worker_config.min_instances = policy.worker_config.min_instances or LEAST_WORKERS


def _resource(uri: str) -> str:
    """Return a policy's resource name, also from a full URL of it."""
    return uri[uri.find("projects/") :] if "projects/" in uri else uri
