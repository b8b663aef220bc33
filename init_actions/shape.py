"""How large the Dask workers are on a machine, all of it but one core and 2 GB, and how they are named. Pure."""

from __future__ import annotations

import re
from typing import NamedTuple

GIB = 1 << 30
SYSTEM_CORES = 1
SYSTEM_MEMORY = 2 * GIB
"""What the system, the node's agents and the nanny itself are left."""
THREADS = {"etl": 4}
"""Threads of one worker, for profiles that want several: code that holds Python's lock; others share the memory."""
LEAST_MEMORY = 2 * GIB
"""Of each of several workers."""
MACHINE = re.compile(r"(?P<machine>.+-(?:m|w-\d+|sw-[a-z0-9]+))-\d+")
"""How a Dask worker is named where a machine has several: by the machine, and a number."""


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


def worker_shapes(vcpus: int, memory: int, profile: str) -> tuple[WorkerShape, ...]:
    """Return the workers of a machine: together the one of `worker_shape`, in as many as the workload asks for.

    Parameters
    ----------
    vcpus, memory : int
        Of the machine.
    profile : str
        Of the workload: etl has a worker for every four threads, all others have one worker.
    """
    whole = worker_shape(vcpus, memory)
    wanted = whole.threads // THREADS.get(profile, whole.threads)
    number = max(1, min(wanted, whole.memory // LEAST_MEMORY))
    threads, more = divmod(whole.threads, number)
    return tuple(WorkerShape(threads + (place < more), whole.memory // number) for place in range(number))


def machine_of(worker: str) -> str:
    """Return the name of the machine that the Dask worker called ``worker`` is on."""
    found = MACHINE.fullmatch(worker)
    return found["machine"] if found else worker
