"""The clusters there are, in memory and on disk."""

from __future__ import annotations

import asyncio
from collections import Counter
from collections.abc import Iterator
from dataclasses import dataclass, field
from functools import partial
from typing import Any

from google.protobuf import json_format

from .descriptors import Api, Proto
from .errors import not_found
from .fleet import Fleet
from .state import Shelf
from .vms import Machines, Vm


@dataclass
class Entry:
    """A cluster and what belongs to it.

    Attributes
    ----------
    cluster : Cluster
        As the API shows it.
    region : str
    life_from : float
        Unix seconds that ``auto_delete_ttl`` and ``auto_stop_ttl`` count from: the request that set them.
    fleet : Fleet
    booked : Counter
        What of the quotas it takes once the change under way is done.
    change : Task, optional
        The operation that is changing it now.
    """

    cluster: Proto
    region: str
    life_from: float
    fleet: Fleet = field(init=False)
    booked: Counter[str] = field(default_factory=Counter)
    change: asyncio.Task[None] | None = None

    @property
    def name(self) -> str:
        """The resource's name."""
        return cluster_path(self.cluster.project_id, self.region, self.cluster.cluster_name)

    def state(self) -> str:
        """Return the name of the state it is in."""
        return self.cluster.status.State.Name(self.cluster.status.state)

    @property
    def master(self) -> str:
        """The name of the instance the head runs on."""
        return self.cluster.config.master_config.instance_names[0]

    def head_lives(self) -> bool:
        """Return whether its master's VM runs."""
        return self.fleet.lives(self.master)


def cluster_path(project: str, region: str, name: str) -> str:
    """Return the resource name of a cluster."""
    return f"projects/{project}/regions/{region}/clusters/{name}"


class Inventory:
    """The clusters by resource name, each in a file of its own.

    Parameters
    ----------
    api : Api
    shelf : Shelf
        What an earlier server left there is taken up again.
    machines : Machines
    """

    def __init__(self, api: Api, shelf: Shelf, machines: Machines) -> None:
        self._shelf = shelf
        self._machines = machines
        self._entries: dict[str, Entry] = {}
        for _, kept in shelf:
            cluster = json_format.ParseDict(kept["cluster"], api.Cluster(), ignore_unknown_fields=True)
            self.add(Entry(cluster, kept["region"], kept["life_from"]), [Vm.from_dict(vm) for vm in kept["vms"]])

    def __iter__(self) -> Iterator[Entry]:
        return iter(list(self._entries.values()))

    def __len__(self) -> int:
        return len(self._entries)

    def add(self, entry: Entry, vms: list[Vm] | None = None) -> None:
        """Take up ``entry`` and give it its fleet; it is on disk when this returns."""
        folder = self._machines.folder / entry.cluster.cluster_uuid
        entry.fleet = Fleet(self._machines, folder, vms or [], partial(self.save, entry))
        self._entries[entry.name] = entry
        self.save(entry)

    def find(self, project: str, region: str, name: str, uuid: str = "") -> Entry:
        """Return a cluster's entry.

        Raises
        ------
        ApiError
            NOT_FOUND: there is none of that name, or it has another uuid.
        """
        path = cluster_path(project, region, name)
        entry = self._entries.get(path)
        if entry is None or uuid not in ("", entry.cluster.cluster_uuid):
            raise not_found("Cluster", path)
        return entry

    def has(self, project: str, region: str, name: str) -> bool:
        """Return whether there is a cluster of that name."""
        return cluster_path(project, region, name) in self._entries

    def save(self, entry: Entry) -> None:
        """Write ``entry`` as it is now, unless it has been removed."""
        if self._entries.get(entry.name) is entry:
            kept: dict[str, Any] = {
                "cluster": json_format.MessageToDict(entry.cluster, preserving_proto_field_name=True),
                "region": entry.region,
                "life_from": entry.life_from,
                "vms": [vm.to_dict() for vm in entry.fleet.vms.values()],
            }
            self._shelf.put(entry.name, kept)

    def remove(self, entry: Entry) -> None:
        """Forget ``entry``."""
        del self._entries[entry.name]
        self._shelf.remove(entry.name)
