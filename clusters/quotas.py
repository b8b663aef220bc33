"""How much one person may have: the classes standard, power and batch, and who is in which. Pure: settings are given.

How the classes' figures are read:

- ``jobs`` are the person's clusters that there are at a time: an ephemeral cluster is a job's.
- ``workers`` are those of one cluster; of one that adapts, the most that it may come to.
- ``memory_gb`` is that of the Dask workers of all the person's clusters together, which is what a machine has but for
  the 2 GB of its system: the 42 GB of a standard user are three workers of n2-standard-4.
- ``duration`` bounds a cluster's lifetime.
- ``disk_gb`` is the boot disk of each machine. Local SSDs are not counted.

A GB is 2**30 bytes, as Compute Engine counts memory.
"""

from __future__ import annotations

import dataclasses
from collections.abc import Iterable, Iterator, Mapping
from dataclasses import dataclass
from typing import Any

from .errors import ConfigError
from .fields import Field
from .sections import entries, one_of, parsed, section
from .spec import LOCAL

HOUR = 3600
QUOTAS = "dataproc.quotas"
POOL = 10
"""Clusters of all users at a time. Source: report A02, the Airflow pool's slots."""
UNLIMITED = "unlimited"
"""The class without bounds."""
STANDARD = "standard"


@dataclass(frozen=True, slots=True)
class Limits:
    """What one person may have; None is no bound.

    Attributes
    ----------
    whose : str
        Of whom the limits are, in words: ``standard users``, ``group risk``, ``ana``.
    jobs, workers, memory_gb, duration, disk_gb : int or None
        As the module says; ``duration`` in seconds.
    """

    whose: str
    jobs: int | None = None
    workers: int | None = None
    memory_gb: int | None = None
    duration: int | None = None
    disk_gb: int | None = None


CLASSES: Mapping[str, Limits] = {
    STANDARD: Limits("standard users", 3, 3, 42, 4 * HOUR, 100),
    "power": Limits("power users", 5, 5, 70, 8 * HOUR, 200),
    "batch": Limits("batch users", 1, 8, 112, 24 * HOUR, 500),
    UNLIMITED: Limits("unlimited users"),
}
"""Source: ADR-002, "Per-User Resource Quotas"; ADR-001's 3 workers and 42 GB are standard's."""

FIELDS: Mapping[str, Field] = {
    field.name: field
    for field in (
        Field("jobs", int, 3, "clusters at a time", low=0, high=1000),
        Field("workers", int, 3, "workers of one cluster", low=0, high=1000),
        Field("memory_gb", int, 42, "memory of all workers together", unit="GB", low=0),
        Field("duration", int, 4 * HOUR, "lifetime of a cluster", unit="duration", low=600, high=14 * 86400),
        Field("disk_gb", int, 100, "boot disk of each machine", unit="GB", low=30, high=65536),
    )
}
"""Of `Limits`, as settings give them."""
POOL_FIELD = Field("pool", int, POOL, "clusters of all users at a time", low=0)
NO_BOUND = "unlimited"
"""What takes a bound of the class away: null is what the class says."""


def limits_of(user: str, project: str, settings: Any) -> Limits:
    """Return what ``user`` may have in ``project``.

    The class of the settings holds for all, standard unless one is given; with the emulator, where nothing is paid
    for, unlimited. Groups win over it, of several the most generous one for each limit. What is said of the user wins
    over that.

    Parameters
    ----------
    user : str
        As the label ``owner`` says it.
    project : str
    settings : mapping
        The section ``dataproc.quotas``; all of it is checked, whoever asks.

    Raises
    ------
    ConfigError
        An unknown class or setting, or a value out of its bounds; one line names it.
    """
    found = quota_section(settings)
    common = CLASSES[_class(found.get("class") or default_class(project), f"{QUOTAS}.class")]
    groups = [
        (_overridden(common, said, f"group {name}", f"{QUOTAS}.groups.{name}"), members)
        for name, said, members in _groups(found.get("groups"))
    ]
    mine = [limits for limits, members in groups if user in members]
    limits = _most_generous(mine) if mine else common
    people = entries(found.get("users"), f"{QUOTAS}.users")
    own = {who: _overridden(limits, said, who, f"{QUOTAS}.users.{who}") for who, said in people.items()}
    return own.get(user, limits)


def default_class(project: str) -> str:
    """Return the class of who is in none: unlimited where nothing is paid for."""
    return UNLIMITED if project == LOCAL else STANDARD


def pool_of(project: str, settings: Any) -> int | None:
    """Return how many clusters of all users there may be at a time; None is no bound, which the emulator has.

    Raises
    ------
    ConfigError
        As of `limits_of`.
    """
    given = quota_section(settings).get("pool")
    if given is None:
        return None if project == LOCAL else POOL
    return None if given == NO_BOUND else parsed(POOL_FIELD, given, f"{QUOTAS}.pool")


def quota_section(settings: Any) -> dict[str, Any]:
    """Return the settings of ``dataproc.quotas`` by their names.

    Raises
    ------
    ConfigError
        It has a setting that there is not.
    """
    return section(settings, QUOTAS, ("class", "pool", "users", "groups", "roles"))


def _class(given: Any, where: str) -> str:
    return one_of(given, where, CLASSES, "class")


def _groups(given: Any) -> Iterator[tuple[str, dict[str, Any], list[Any]]]:
    """Yield each group's name, what is said of its members, and who they are."""
    for name, entry in entries(given, f"{QUOTAS}.groups").items():
        where = f"{QUOTAS}.groups.{name}"
        said = section(entry, where, ("members", "class", *FIELDS))
        members = said.pop("members", [])
        if not isinstance(members, list | tuple):
            raise ConfigError(f"{where}.members: {members!r} given, allowed is a list of users", "members: [ana, bo]")
        yield name, said, list(members)


def _overridden(base: Limits, said: Any, who: str, where: str) -> Limits:
    """Return ``base`` with what is said of ``who``: the name of a class, or a mapping of limits and perhaps a class."""
    if isinstance(said, str):
        return CLASSES[_class(said, where)]
    given = section(said, where, ("class", *FIELDS))
    if "class" in given:
        base = CLASSES[_class(given.pop("class"), f"{where}.class")]
    if not given:
        return base
    changes = {name: _limit(name, value, f"{where}.{name.replace('_', '-')}") for name, value in given.items()}
    return dataclasses.replace(base, whose=who, **changes)


def _limit(name: str, given: Any, where: str) -> int | None:
    return None if given == NO_BOUND else parsed(FIELDS[name], given, where)


def _most_generous(several: Iterable[Limits]) -> Limits:
    """Return the most that any of ``several`` allows, limit by limit."""
    all_of = list(several)
    whose = " and ".join(dict.fromkeys(each.whose for each in all_of))
    return Limits(whose, **{name: _larger([getattr(each, name) for each in all_of]) for name in FIELDS})


def _larger(bounds: list[int | None]) -> int | None:
    known = [bound for bound in bounds if bound is not None]
    return max(known) if len(known) == len(bounds) else None
