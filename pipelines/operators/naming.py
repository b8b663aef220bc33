"""What a run's cluster and jobs are called: the same at every try, and never another run's. Pure."""

from __future__ import annotations

import hashlib
from dataclasses import dataclass

from ...clusters.labels import label_value

CLUSTER_ROOM = 38
"""Characters of a cluster's name (51 at most) before "-" and the 12 of the hash."""
JOB_ROOM = 60
HASH = 12
UUID = 8
"""Characters of a cluster's uuid that tell it from another of its name."""


@dataclass(frozen=True, slots=True)
class Names:
    """One try of a task and what belongs to it.

    Attributes
    ----------
    dag, run, task : str
    map_index : int
        -1 for a task that is not mapped.
    attempt : int
        From 1 on.
    """

    dag: str
    run: str
    task: str
    map_index: int
    attempt: int

    def cluster(self, prefix: str, *, shared: bool) -> str:
        """Return the name of the cluster ``prefix`` of this task, or with ``shared`` of all tasks of this run."""
        begin = label_value(prefix)[:CLUSTER_ROOM].strip("-") or "dask"
        if not begin[0].isalpha():
            begin = f"c-{begin}"[:CLUSTER_ROOM].rstrip("-")
        return f"{begin}-{self._hash(self.dag, self.run) if shared else self.mark}"

    @property
    def mark(self) -> str:
        """What all tries of this task in this run have in common, and no other task."""
        return self._hash(self.dag, self.run, self.task, str(self.map_index))

    def job(self, uuid: str) -> str:
        """Return the id of this try's job on the cluster of ``uuid``.

        A run that is done anew, after it was deleted, has the old one's names and counts its tries from 1 again, while
        Dataproc keeps the old jobs: its cluster alone is another.
        """
        begin = label_value(self.task)[:JOB_ROOM].strip("-") or "job"
        return f"{begin}-{self.mark}-{uuid[:UUID]}-{self.attempt}"

    @staticmethod
    def _hash(*parts: str) -> str:
        return hashlib.sha256("/".join(parts).encode()).hexdigest()[:HASH]
