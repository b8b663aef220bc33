"""What a cluster of runtime ``yarn`` is told: YARN before it starts, as Dataproc's properties, and the head. Pure."""

from __future__ import annotations

from typing import TYPE_CHECKING

from ..init_actions.shape import worker_shape
from .errors import SpecError
from .machines import known_type

if TYPE_CHECKING:
    from .spec import ClusterSpec

MIB = 1 << 20
MASTER_VCORES, MASTER_MIB = 1, 1024
"""What a node offers YARN beyond one worker, for an application's master: else there would be no room for one beside
the workers. It takes that from what the system is left; a JVM that watches needs little."""
LEAST = 4 << 30
"""Bytes of memory of the smallest machine."""
LEAVE_MS = 90_000
"""Milliseconds from SIGTERM to SIGKILL of a container: a worker moves its data first. Source: ADR-002."""


def container_size(spec: ClusterSpec) -> tuple[int, int]:
    """Return vcores and MiB of a worker's container: one fills a machine, 3 and 14336 of an n2-standard-4.

    Raises
    ------
    SpecError
        The size of the machine type is not known here, or there is no room for a master beside a worker.
    """
    kind = known_type(spec.worker_machine)
    if kind is None or kind.memory < LEAST:
        allowed = f"with runtime=yarn a type of at least {LEAST >> 30} GiB whose size is known here"
        said = f"worker_machine: {spec.worker_machine} given, allowed is {allowed}"
        raise SpecError(said, "worker_machine=n2-standard-4, or runtime=standalone")
    shape = worker_shape(kind.vcpus, kind.memory)
    return shape.threads, shape.memory // MIB


def yarn_metadata(spec: ClusterSpec) -> dict[str, str]:
    """Return what the head has to know of the containers that it asks for."""
    vcores, memory = container_size(spec)
    return {"dask-container-vcores": str(vcores), "dask-container-memory": str(memory)}


def yarn_properties(spec: ClusterSpec) -> dict[str, str]:
    """Return Dataproc's properties: how much a node offers, and how long a container may take to leave."""
    vcores, memory = container_size(spec)
    offered = {"memory-mb": memory + MASTER_MIB, "cpu-vcores": vcores + MASTER_VCORES}
    nodes = {f"yarn:yarn.nodemanager.resource.{name}": str(value) for name, value in offered.items()}
    most = {"mb": memory + MASTER_MIB, "vcores": vcores + MASTER_VCORES}
    asked = {f"yarn:yarn.scheduler.maximum-allocation-{name}": str(value) for name, value in most.items()}
    return nodes | asked | {"yarn:yarn.nodemanager.sleep-delay-before-sigkill.ms": str(LEAVE_MS)}
