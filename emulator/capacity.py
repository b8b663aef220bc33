"""What a project may have and what a zone holds: Compute Engine's quotas and stock, counted over clusters. Pure."""

from __future__ import annotations

from collections import Counter
from collections.abc import Collection, Iterator, Mapping
from dataclasses import dataclass, field
from typing import NamedTuple

from ..clusters.machines import FAMILIES, machine_type
from .descriptors import Proto

GROUPS = ("master_config", "worker_config", "secondary_worker_config")
SHARED = ("N1", "E2")
"""Machine families that have no quota of their own: their vCPUs are in CPUS alone."""
OWN = tuple(family.upper() for family in FAMILIES if family.upper() not in SHARED)
METRICS = (
    "CPUS",
    *(f"{family}_CPUS" for family in OWN),
    "INSTANCES",
    "IN_USE_ADDRESSES",
    "DISKS_TOTAL_GB",
    "SSD_TOTAL_GB",
    "LOCAL_SSD_TOTAL_GB",
)
"""The regional quotas that are counted. Source: Compute Engine, "Allocation quotas"."""
DISKS = ("DISKS_TOTAL_GB", "SSD_TOTAL_GB")
"""What a stopped cluster still takes."""
SSD = ("pd-ssd", "pd-balanced")
LOCAL_SSD_GB = 375
ZONES = {"us-central1": "bcfa", "us-east1": "bcd", "europe-west1": "bcd"}
"""The letters of a region's zones where they are not `LETTERS`. Source: Compute Engine, "Regions and zones"."""
LETTERS = "bca"
"""In the order in which auto-placement tries them; nearly every region has a b."""


@dataclass(frozen=True, slots=True)
class Limits:
    """What there is to be had.

    Attributes
    ----------
    quotas : dict
        Of each of `METRICS` named, what a project may have in a region.
    zones : dict
        How many VMs each zone named has room for.
    """

    quotas: Mapping[str, int] = field(default_factory=dict)
    zones: Mapping[str, int] = field(default_factory=dict)


class Batch(NamedTuple):
    """VMs that are alike: a machine type, whether they are spot or preemptible, and how many."""

    machine: str
    spot: bool
    number: int


class Shortfall(NamedTuple):
    """A quota, how much of it a request takes, and how much of it is left."""

    metric: str
    asked: float
    left: float


def demand(config: Proto, names: Collection[str] | None = None) -> Counter[str]:
    """Return how much of each of `METRICS` a cluster takes; with ``names``, those of its VMs alone."""
    total: Counter[str] = Counter()
    for field_name in GROUPS:
        group = getattr(config, field_name)
        count = group.num_instances if names is None else sum(name in names for name in group.instance_names)
        if count:
            addresses = not config.gce_cluster_config.internal_ip_only
            total.update({metric: count * each for metric, each in _each(group, addresses).items()})
    return total


def batches(config: Proto, names: Collection[str]) -> Iterator[Batch]:
    """Yield those of a cluster's VMs that are among ``names``, by group."""
    for field_name in GROUPS:
        group = getattr(config, field_name)
        if count := sum(name in names for name in group.instance_names):
            spot = group.preemptibility != group.NON_PREEMPTIBLE
            yield Batch(group.machine_type_uri.rpartition("/")[2], spot, count)


def zones_of(region: str) -> list[str]:
    """Return the zones of ``region`` in the order in which auto-placement tries them."""
    place = region if region != "global" else "us-central1"
    return [f"{place}-{letter}" for letter in ZONES.get(place, LETTERS)]


def _each(group: Proto, addresses: bool) -> dict[str, int]:
    """Return what one VM of ``group`` takes."""
    kind = machine_type(group.machine_type_uri.rpartition("/")[2])
    disk = group.disk_config
    family = kind.family.upper()
    takes = {
        "CPUS": kind.vcpus,
        "INSTANCES": 1,
        "IN_USE_ADDRESSES": int(addresses),
        "SSD_TOTAL_GB" if disk.boot_disk_type in SSD else "DISKS_TOTAL_GB": disk.boot_disk_size_gb,
        "LOCAL_SSD_TOTAL_GB": disk.num_local_ssds * LOCAL_SSD_GB,
    }
    return takes | ({f"{family}_CPUS": kind.vcpus} if family in OWN else {})
