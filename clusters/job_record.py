"""A job as Dataproc reports it, in plain values."""

from __future__ import annotations

import re
from dataclasses import asdict, dataclass
from typing import Any

ENDED = frozenset({"DONE", "ERROR", "CANCELLED", "ATTEMPT_FAILURE"})
STATUS = re.compile(r"(?:exited with status|exit code|SystemExit:) (\d+)")
"""How the details of a job that failed may name its driver's exit status."""


@dataclass(frozen=True, slots=True)
class JobRecord:
    """A job as it was when it was asked for.

    Attributes
    ----------
    id, cluster : str
    state : str
        Dataproc's, ``RUNNING``.
    detail : str
        What Dataproc says of it.
    began, changed : float
        Unix seconds of its first and of its present state.
    output : str
        URL of its driver's output, of which there may be several parts that begin so.
    owner : str
        Whose it is, by its label.
    """

    id: str
    cluster: str
    state: str
    detail: str
    began: float
    changed: float
    output: str
    owner: str

    @property
    def ended(self) -> bool:
        """Whether it runs no more."""
        return self.state in ENDED

    @property
    def status(self) -> int:
        """The exit status: 0 for a job that is done, that of its driver where Dataproc tells it, else 1."""
        if self.state == "DONE":
            return 0
        told = STATUS.search(self.detail)
        return (int(told[1]) or 1) if told else 1

    def to_dict(self) -> dict[str, Any]:
        """Return what a person or a script wants to know, as JSON has it."""
        return asdict(self)


def from_job(job: Any) -> JobRecord:
    """Return the record of ``job``, a Job of the v1 API."""
    first = job.status_history[0] if job.status_history else job.status
    return JobRecord(
        id=job.reference.job_id,
        cluster=job.placement.cluster_name,
        state=job.status.state.name,
        detail=job.status.details,
        began=first.state_start_time.timestamp(),
        changed=job.status.state_start_time.timestamp(),
        output=job.driver_output_resource_uri,
        owner=job.labels.get("owner", ""),
    )
