"""What a notebook's kernel leaves on disk for its next one: which cluster is this notebook's own."""

from __future__ import annotations

import hashlib
from collections.abc import Sequence
from dataclasses import dataclass
from pathlib import Path
from typing import TYPE_CHECKING, Any

from ..clusters.paths import private, state_dir
from .held_file import HeldFile, read_record

if TYPE_CHECKING:
    from ..clusters.cluster import DataprocCluster

NOTEBOOK = "JPY_SESSION_NAME"
"""The variable in which Jupyter gives a live notebook's path to its kernel; nbclient and papermill set none."""


@dataclass(frozen=True, slots=True)
class Own:
    """A notebook's own cluster.

    Attributes
    ----------
    name, uuid, project, region : str
        The cluster; another one that took its name later has another uuid.
    keep : bool
        Whether it was to outlive its notebook.
    names : sequence of str
        What client and cluster are called in the notebook.
    key : str
        Of its reservation, by which the ledger knows what it cost.
    kernel : str
        The kernel's id, which a restart does not change.
    """

    name: str
    uuid: str
    project: str
    region: str
    keep: bool
    names: Sequence[str]
    key: str = ""
    kernel: str = ""

    @classmethod
    def of(cls, cluster: DataprocCluster, keep: bool, names: Sequence[str], kernel: str) -> Own:
        """Return what is left on disk of a cluster that was made here."""
        spec = cluster.spec
        return cls(cluster.name, cluster.uuid, spec.project, spec.region, keep, names, cluster.key, kernel)


class NotebookRecord(HeldFile):
    """The file of one notebook, held by one kernel at a time.

    Two kernels of the same notebook (two servers, a copy of the tab) cannot both have it: the first locks it for as
    long as it lives, the other one does without. The operating system lets go of the lock however the first one ends.

    Parameters
    ----------
    notebook : str
        The notebook's path, as Jupyter gives it in ``JPY_SESSION_NAME``. A rename changes it for a kernel when that is
        restarted: see `adopt`.
    """

    def __init__(self, notebook: str):
        super().__init__(record_path(notebook))

    def read(self) -> Own | None:
        """Return what the last kernel left; None if nothing, or nothing that can be read."""
        return read_record(Own, self.path) if self.ours else None

    def write(self, own: Own) -> None:
        """Leave ``own`` for the next kernel, whole or not at all."""
        if self.ours:
            self._keep(own)

    def clear(self) -> None:
        """Leave nothing."""
        if self.ours:
            self.path.unlink(missing_ok=True)


def left_for(notebook: str, kernel: str = "") -> Own | None:
    """Return what the last kernel of ``notebook`` left, or its present one: for who only looks.

    If there is nothing, then what ``kernel`` left when the notebook had another name.
    """
    path = record_path(notebook)
    if not path.exists():
        path = _left_by(kernel) or path
    return read_record(Own, path)


def adopt(notebook: str, kernel: str) -> bool:
    """Give ``notebook`` what its ``kernel`` left when it had another name; return whether it has something now."""
    path = record_path(notebook)
    if not path.exists() and (earlier := _left_by(kernel)) is not None:
        earlier.replace(path)
    return path.exists()


def kernel_of(shell: Any) -> str:
    """Return the id of the kernel that ``shell`` is part of; empty where there is none."""
    app = getattr(getattr(shell, "kernel", None), "parent", None)
    return Path(getattr(app, "connection_file", "")).stem.removeprefix("kernel-")


def record_path(notebook: str) -> Path:
    """Return where the record of ``notebook`` is, if there is one."""
    key = hashlib.sha256(notebook.encode()).hexdigest()[:16]
    return private(state_dir() / "sessions") / f"{key}.json"


def _left_by(kernel: str) -> Path | None:
    found = (state_dir() / "sessions").glob("*.json")
    return next((path for path in found if kernel and (own := read_record(Own, path)) and own.kernel == kernel), None)
