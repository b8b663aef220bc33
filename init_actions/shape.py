"""How large a Dask worker is on a machine: all of it but one core and 2 GB. Pure, and written nowhere else."""

from __future__ import annotations

from typing import NamedTuple

GIB = 1 << 30
SYSTEM_CORES = 1
SYSTEM_MEMORY = 2 * GIB
"""What the system, the node's agents and the nanny itself are left."""


class WorkerShape(NamedTuple):
    """One worker of a machine.

    Attributes
    ----------
    threads : int
        Tasks at a time, at least 1.
    memory : int
        Memory limit in bytes.
    """

    threads: int
    memory: int


def worker_shape(vcpus: int, memory: int) -> WorkerShape:
    """Return the worker of a machine: 4 vCPUs and 16 GB make 3 threads and 14 GB.

    Parameters
    ----------
    vcpus : int
        Cores of the machine.
    memory : int
        Memory of the machine, bytes.

    Notes
    -----
    A machine too small for the rule still gets a worker: of one thread, and of no less than half the memory.
    """
    return WorkerShape(max(1, vcpus - SYSTEM_CORES), max(memory - SYSTEM_MEMORY, memory // 2))
