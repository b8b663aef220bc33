"""What a cluster of runtime ``yarn`` is told: YARN before it starts, as Dataproc's properties, and the head. Pure."""

from __future__ import annotations

from typing import TYPE_CHECKING

from ..init_actions.queues import MASTER, Size, dataproc_properties, for_owner
from ..init_actions.shape import worker_shape
from .errors import SpecError
from .machines import known_type

if TYPE_CHECKING:
    from .spec import ClusterSpec

MIB = 1 << 20
LEAST = 4 << 30
"""Bytes of memory of the smallest machine with room for a worker and an application's master."""
LEAVE_MS = 90_000
"""Milliseconds from SIGTERM to SIGKILL of a container: a worker moves its data first. Source: ADR-002."""

LOST_MS = 30_000
"""Milliseconds without a word until a machine, or an application's master, counts as lost; YARN's own are 600,000."""


def container_size(spec: ClusterSpec) -> Size:
    """Return a worker's container: one fills a machine, with 14336 MiB and 3 vcores an n2-standard-4.

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
    return Size(shape.memory // MIB, shape.threads)


def yarn_metadata(spec: ClusterSpec) -> dict[str, str]:
    """Return what the head has to know of the containers that it asks for."""
    container = container_size(spec)
    return {"dask-container-vcores": str(container.vcores), "dask-container-memory": str(container.memory)}


def yarn_properties(spec: ClusterSpec) -> dict[str, str]:
    """Return Dataproc's properties: the queues, what a node offers, how long one may take to leave, or be silent.

    The Capacity Scheduler, which is Dataproc's own: it has its queues from the first moment on, where the Fair
    Scheduler would look for its file before an initialization action could have written it.
    """
    container = container_size(spec)
    queues = for_owner(spec.queue, spec.max_workers)
    memory = spec.total_workers * (container.memory + MASTER.memory)
    leave = {"yarn:yarn.nodemanager.sleep-delay-before-sigkill.ms": str(LEAVE_MS)}
    lost = {f"yarn:yarn.{what}.liveness-monitor.expiry-interval-ms": str(LOST_MS) for what in ("nm", "am")}
    return dataproc_properties("capacity", memory, container, queues) | leave | lost
