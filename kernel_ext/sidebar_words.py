"""What the sidebar says of a cluster: its line, its machines, the bounds it adapts within. Pure."""

from __future__ import annotations

from collections.abc import Iterable, Mapping
from typing import TYPE_CHECKING, Any, NamedTuple

from ..clusters.errors import SpecError
from ..clusters.machines import machine_type
from ..clusters.sizes import SHELTER, machine_of
from ..clusters.spec import ClusterSpec
from ..init_actions.shape import worker_shape

if TYPE_CHECKING:
    from ..clusters.phases import Phase
    from ..clusters.record import ClusterRecord

QUIET = frozenset({"RUNNING", "UPDATING"})
"""States that a line does not name: a lease's renewal alone makes a cluster UPDATING for a moment."""
LONGEST = 200
"""Characters of an error that a line has room for."""


class Bounds(NamedTuple):
    """Between how many workers a cluster adapts, as dask-labextension asks for it."""

    minimum: int
    maximum: int


def line_of(record: ClusterRecord, me: str, place: tuple[str, str], *, trouble: str = "") -> str:
    """Return the line of a cluster: its name, and what is not as one would expect.

    Parameters
    ----------
    record : ClusterRecord
    me : str
        Whose sidebar it is.
    place : tuple of str
        Project and region that clusters of this user are in usually.
    trouble : str
        What went wrong with it last.
    """
    where = (record.project, record.region)
    said = (
        "" if record.status in QUIET else " ".join(filter(None, (record.status.lower(), short(record.detail)))),
        "" if record.owner == me else f"of {record.owner}",
        "" if where == place else "/".join(where),
        trouble,
    )
    return " · ".join([record.name, *filter(None, said)])


def coming(name: str, phase: Phase | None, now: float) -> str:
    """Return the line of a cluster that is being created, ``now`` in unix seconds."""
    if phase is None:
        return f"{name} · creating"
    seconds = now - phase.started if phase.seconds is None else phase.seconds
    return f"{name} · creating: {phase.name} {max(0.0, seconds):.0f} s"


def failed(name: str, error: str) -> str:
    """Return the line of a cluster that could not be made."""
    return f"{name} · failed: {error}"


def short(text: str) -> str:
    """Return ``text`` on one line, and not the whole of something long."""
    line = " ".join(text.split())
    return line if len(line) <= LONGEST else f"{line[: LONGEST - 1]}…"


def expected(spec: ClusterSpec) -> dict[str, dict[str, int]]:
    """Return the machines of ``spec`` as Dask's ``scheduler_info`` has workers: one each, as large as its workers."""
    try:
        kind = machine_type(spec.worker_machine if spec.workers else spec.master_machine)
    except SpecError:  # of a family that is not listed
        shape = (0, 0)
    else:
        shape = worker_shape(kind.vcpus, kind.memory)
    return {str(number): {"nthreads": shape[0], "memory_limit": shape[1]} for number in range(spec.total_workers)}


def registered(workers: Iterable[Mapping[str, Any]]) -> dict[str, dict[str, int]]:
    """Return the same of ``workers`` that have registered: whoever scales counts machines, whatever is on them."""
    machines: dict[str, dict[str, int]] = {}
    for worker in workers:
        name = str(worker["name"])
        if not name.endswith(SHELTER):
            machine = machines.setdefault(machine_of(name), {"nthreads": 0, "memory_limit": 0})
            machine["nthreads"] += worker["nthreads"]
            machine["memory_limit"] += worker["memory_limit"]
    return machines
