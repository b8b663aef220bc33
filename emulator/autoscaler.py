"""Autoscaling policies at work: what a cluster misses or can spare, averaged over a cooldown, moves its two groups.

The decision is pure and follows Dataproc's guide on autoscaling; what that leaves open (how a share is rounded) is the
nearest whole number.
"""

from __future__ import annotations

import asyncio
import logging
import math
from dataclasses import dataclass, field
from statistics import fmean

from ..clusters.clock import Clock
from .descriptors import Api, Proto
from .inventory import Entry, Inventory
from .lifecycle import Lifecycle
from .policies import AutoscalingPolicies
from .validation import RESIZES
from .vms import Machines

LOOK = 0.5
"""Real seconds between two looks at every cluster that has a policy."""
EXACT = 6
"""Decimals of a number of workers that count: 0.1 × 30 is 3, not 3.0000000000000004 and so 4."""
log = logging.getLogger(__name__)


@dataclass(frozen=True, slots=True)
class Group:
    """What a policy says of a group of workers: fewest and most of them, and its weight against the other group."""

    low: int
    high: int
    weight: int


@dataclass(frozen=True, slots=True)
class Rules:
    """A policy in plain values.

    Attributes
    ----------
    primary, secondary : Group
    up, down : float
        Share of the workers that are missing, or idle, which are added or removed.
    up_least, down_least : float
        Share of the cluster's workers below which nothing is changed.
    cooldown : float
        Seconds over which the demand is averaged, and which two changes are apart at least.
    grace : int
        Seconds that leaving workers have.
    """

    primary: Group
    secondary: Group
    up: float
    down: float
    up_least: float
    down_least: float
    cooldown: float
    grace: int


def rules_of(policy: Proto) -> Rules:
    """Return a policy's rules; without any weight both groups have the same."""
    primary, secondary = policy.worker_config, policy.secondary_worker_config
    weights = (primary.weight, secondary.weight) if primary.weight or secondary.weight else (1, 1)
    yarn = policy.basic_algorithm.yarn_config
    return Rules(
        Group(primary.min_instances, primary.max_instances, weights[0]),
        Group(secondary.min_instances, secondary.max_instances, weights[1]),
        yarn.scale_up_factor,
        yarn.scale_down_factor,
        yarn.scale_up_min_worker_fraction,
        yarn.scale_down_min_worker_fraction,
        policy.basic_algorithm.cooldown_period.seconds,
        yarn.graceful_decommission_timeout.seconds,
    )


def decide(rules: Rules, primary: int, secondary: int, missing: float) -> tuple[int, int]:
    """Return how many primary and secondary workers there should be.

    Parameters
    ----------
    rules : Rules
    primary, secondary : int
        Workers of each group now.
    missing : float
        Pending less available memory, in workers: above 0 so many are missing, below 0 so many are idle.
    """
    first, second = _within(primary, rules.primary), _within(secondary, rules.secondary)
    total = first + second + _change(rules, primary + secondary, missing)
    total = min(max(total, rules.primary.low + rules.secondary.low), rules.primary.high + rules.secondary.high)
    least = max(rules.primary.low, total - rules.secondary.high)
    most = min(rules.primary.high, total - rules.secondary.low)
    if total >= first + second:  # nobody leaves where workers are added, nobody comes where some are removed
        least, most = max(least, first), min(most, total - second)
    else:
        least, most = max(least, total - second), min(most, first)
    share = round(total * rules.primary.weight / (rules.primary.weight + rules.secondary.weight))
    chosen = min(max(share, least), most)
    return chosen, total - chosen


def _change(rules: Rules, workers: int, missing: float) -> int:
    """Return by how many workers the cluster should grow, or shrink: rounded up, and down."""
    factor, least = (rules.up, rules.up_least) if missing > 0 else (rules.down, rules.down_least)
    exact = round(missing * factor, EXACT)
    change = math.ceil(exact)  # -1.5 becomes -1: what is removed is rounded towards none
    return change if abs(change) >= round(least * workers, EXACT) else 0


def _within(n: int, group: Group) -> int:
    return min(max(n, group.low), group.high)


@dataclass(slots=True)
class Window:
    """What was seen of a cluster since the last decision or change of its size.

    Attributes
    ----------
    since : float
        Unix seconds.
    workers : tuple of int
        Its size in that time.
    missing : list of float
    """

    since: float
    workers: tuple[int, int]
    missing: list[float] = field(default_factory=list)


class Autoscaler:
    """Resizes the running clusters that have a policy.

    Parameters
    ----------
    api : Api
    inventory : Inventory
    lifecycle : Lifecycle
    policies : AutoscalingPolicies
    machines : Machines
        Ask a master what its cluster misses.
    clock : Clock
    """

    def __init__(
        self,
        api: Api,
        inventory: Inventory,
        lifecycle: Lifecycle,
        policies: AutoscalingPolicies,
        machines: Machines,
        clock: Clock,
    ) -> None:
        self._api = api
        self._inventory = inventory
        self._lifecycle = lifecycle
        self._policies = policies
        self._machines = machines
        self._clock = clock
        self._windows: dict[str, Window] = {}

    async def follow(self) -> None:
        """Look at the clusters again and again."""
        while True:
            looks = [self._look(entry) for entry in self._inventory if _scales(entry)]
            for error in await asyncio.gather(*looks, return_exceptions=True):
                if isinstance(error, Exception):
                    log.error("autoscaling failed", exc_info=error)
            await asyncio.sleep(LOOK)

    async def _look(self, entry: Entry) -> None:
        policy = self._policies.named(entry.cluster.config.autoscaling_config.policy_uri)
        missing = await self._machines.missing(entry.fleet.vms[entry.master], _workers(entry))
        if policy is None or missing is None or not _scales(entry):
            return
        rules, now, size = rules_of(policy), self._clock.now(), _sizes(entry)
        window = self._windows.get(entry.cluster.cluster_uuid)
        if window is None or window.workers != size:
            self._windows[entry.cluster.cluster_uuid] = Window(now, size, [missing])
            return
        window.missing.append(missing)
        if now - window.since < rules.cooldown:
            return
        del self._windows[entry.cluster.cluster_uuid]
        wanted = decide(rules, *size, fmean(window.missing))
        if wanted != size:
            log.info("%s: %.1f workers missing, %s to %s", entry.name, fmean(window.missing), size, wanted)
            self._lifecycle.begin("UPDATE", self._resize(entry, wanted, rules.grace), entry)

    def _resize(self, entry: Entry, wanted: tuple[int, int], grace: int) -> Proto:
        request = self._api.UpdateClusterRequest(
            project_id=entry.cluster.project_id, region=entry.region, cluster_name=entry.cluster.cluster_name
        )
        config = request.cluster.config
        config.worker_config.num_instances, config.secondary_worker_config.num_instances = wanted
        changed = zip(RESIZES, _sizes(entry), wanted, strict=True)
        request.update_mask.paths.extend(path for path, before, after in changed if before != after)
        request.graceful_decommission_timeout.seconds = grace
        return request


def _scales(entry: Entry) -> bool:
    """Return whether a policy can act on the cluster as it is now; a single node has nothing to resize."""
    policy = entry.cluster.config.autoscaling_config.policy_uri
    return bool(policy) and entry.state() == "RUNNING" and entry.head_lives() and _sizes(entry)[0] > 0


def _sizes(entry: Entry) -> tuple[int, int]:
    config = entry.cluster.config
    return config.worker_config.num_instances, config.secondary_worker_config.num_instances


def _workers(entry: Entry) -> int:
    return sum(_sizes(entry))
