"""What is kept of a run of a workload, so that the next one gets a cluster of the right size. Pure."""

from __future__ import annotations

import dataclasses
from collections.abc import Iterable, Mapping
from dataclasses import dataclass
from typing import Any

KEPT = 50
"""Runs of one workload that are kept, the newest."""


@dataclass(frozen=True, slots=True)
class Run:
    """A workload that ran on a cluster, as it was measured.

    Attributes
    ----------
    workload : str
        Its name: a notebook's, or a profile such as ``etl``.
    at : float
        Unix seconds of its end.
    workers : int
        Machines that did the work; a single node is one.
    machine : str
        Their type, ``n2-standard-4``.
    input_bytes : int
        What was read, 0 where that is not known.
    seconds : float
        From its first task to its last.
    peak_memory : int
        Bytes that the Dask workers of all machines held together at the worst moment.
    worker_peak : int
        Bytes of the machine that held most at a moment.
    cpu_efficiency : float
        CPU time by the time that the workers' threads were there, 0 to 1.
    cost : float
        USD.
    ok : bool
        Whether it came to its end.
    """

    workload: str
    at: float
    workers: int
    machine: str
    input_bytes: int
    seconds: float
    peak_memory: int
    worker_peak: int
    cpu_efficiency: float
    cost: float
    ok: bool

    def to_dict(self) -> dict[str, Any]:
        """Return the run as JSON has it."""
        return dataclasses.asdict(self)

    @classmethod
    def from_dict(cls, said: Mapping[str, Any]) -> Run:
        """Return the run that `to_dict` wrote; what a later version says besides is left."""
        return cls(**{field.name: said[field.name] for field in dataclasses.fields(cls)})


def kept(runs: Iterable[Run], *more: Run) -> tuple[Run, ...]:
    """Return ``runs`` and ``more``, oldest first: of each workload the newest 50. What is the same run counts once."""
    by_workload: dict[str, list[Run]] = {}
    for run in sorted({*runs, *more}, key=lambda run: (run.at, run.workload)):
        by_workload.setdefault(run.workload, []).append(run)
    newest = [run for each in by_workload.values() for run in each[-KEPT:]]
    return tuple(sorted(newest, key=lambda run: (run.at, run.workload)))


def of_workload(runs: Iterable[Run], workload: str) -> tuple[Run, ...]:
    """Return the runs of ``workload``, oldest first."""
    return tuple(sorted((run for run in runs if run.workload == workload), key=lambda run: run.at))
