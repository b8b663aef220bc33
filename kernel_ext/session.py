"""The kernel's session: its one cluster, the names for it in the notebook, and what becomes of it when the kernel ends.

What the end of a kernel does to the cluster it made, and why:

=====================================  =========  =============================================================
the kernel                             cluster    reason
=====================================  =========  =============================================================
is restarted in a live front end       stays      the notebook goes on in a moment, and finds it by its record
is shut down in a live front end       deleted    somebody said that the work is over
ends in a headless run or a terminal   deleted    nobody will come back for it
is killed, or its machine is           stays      nobody is left to act: its lease ends it
any of them, after ``up --keep``       stays      asked for; the end of its lifetime ends it
=====================================  =========  =============================================================

A cluster that the notebook only attached to is left to its lease in every case: others may be using it. So is the
cluster of a job, which the DAG made and deletes.
"""

from __future__ import annotations

import contextvars
import os
import threading
from collections.abc import Callable, Mapping, Sequence
from functools import partial
from typing import TYPE_CHECKING, Any

from .ending import Ending
from .lab import open_panes
from .notebook_record import NOTEBOOK, NotebookRecord, Own

if TYPE_CHECKING:
    from ..clusters.cluster import DataprocCluster
    from ..clusters.phases import Phase
    from ..clusters.spec import ClusterSpec

RUN = "dask_dataproc_run"
"""The name that a DAG injects into its notebook: ``{"cluster", "project", "region"}`` of the run."""
LAST_WORDS = 2.0
"""Seconds that a deletion may hold up the kernel's end: Jupyter sends SIGTERM after 2.5 s. The lease does the rest."""

Listener = Callable[["Phase"], None]


class Session:
    """The cluster of one kernel.

    Parameters
    ----------
    shell : InteractiveShell
        Its namespace gets the cluster and the client.

    Attributes
    ----------
    live : bool
        Whether a person sits in front of it, in a notebook that no other kernel holds.
    notebook : str
        That notebook's path, empty where it is not known.
    """

    def __init__(self, shell: Any):
        self._shell = shell
        notebook = os.environ.get(NOTEBOOK, "")
        self._record = NotebookRecord(notebook) if notebook else None
        self.live = self._record is not None and self._record.ours  # a kernel started from a live one inherits its name
        self.notebook = notebook if self.live else ""
        self._cluster: DataprocCluster | None = None
        self._client: Any = None
        self._put: dict[str, Any] = {}
        self._used: list[DataprocCluster] = []
        self._own: Own | None = None
        self._reattaching: threading.Thread | None = None
        self._ending: Ending | None = None

    @property
    def cluster(self) -> DataprocCluster | None:
        """The current cluster, waited for if it is just being found again; None if there is none or it was closed."""
        reattaching = self._reattaching
        if reattaching is not None and reattaching is not threading.current_thread():
            reattaching.join()
            self._reattaching = None
        if self._cluster is not None and self._cluster.status.name not in ("running", "starting"):
            self._forget()
        return self._cluster

    @property
    def run(self) -> Mapping[str, str] | None:
        """The job that this notebook is a run of, None outside of jobs."""
        run = self._shell.user_ns.get(RUN)
        return run if isinstance(run, Mapping) and run.get("cluster") else None

    def costs(self) -> list[dict[str, Any]]:
        """Return what each cluster used here has cost at list prices, until it ended or was let go of: USD, or None."""
        from ..clusters.prices import as_of

        return [
            {"cluster": c.name, "usd": c.cost, "price_per_hour": c.price_per_hour, "prices": as_of()}
            for c in self._used
        ]

    def up(
        self, spec: ClusterSpec, names: tuple[str, str], *, keep: bool = False, fit: bool = False, on_phase: Listener
    ) -> DataprocCluster:
        """Make the cluster of ``spec``, or attach to it if there is one of that name, and wait until it is ready.

        Parameters
        ----------
        spec : ClusterSpec
            Resolved.
        names : tuple of str
            What client and cluster are called in the notebook.
        keep : bool
            The cluster outlives the kernel, until its lease ends.
        fit : bool
            Where a quota is short, the largest cluster that fits will do.
        on_phase : callable
            Called with each phase.
        """
        from ..clusters.cluster import DataprocCluster

        cluster = DataprocCluster(spec, keep=keep, fit=fit, on_phase=on_phase)
        own = Own(cluster.name, cluster.record.uuid, spec.project, spec.region, keep, names)
        self._take(cluster, names, own if cluster.created_here else None)
        self._open_dashboards()
        return cluster

    def attach(self, name: str, names: tuple[str, str], *, on_phase: Listener, **place: Any) -> DataprocCluster:
        """Attach to the living cluster ``name`` and take over its lease, which is not ours to do in a job."""
        from ..clusters.cluster import DataprocCluster

        cluster = DataprocCluster.from_name(name, hold_lease=self.run is None, on_phase=on_phase, **place)
        self._take(cluster, names, None)
        self._open_dashboards()
        return cluster

    def down(self, *, keep: bool = False, stop: bool = False) -> str:
        """Let go of the current cluster and delete it, or ``stop`` it, unless ``keep`` or it is a job's."""
        cluster = self._cluster
        if cluster is None:
            return ""
        if self._client is not None:
            self._client.close()
        if self.run is not None:
            cluster.hand_back()
        elif keep:
            cluster.detach()
        elif stop:
            cluster.stop()
        else:
            cluster.delete()
        self._forget()
        return cluster.name

    def reattach(self, say: Callable[[str], None]) -> None:
        """Begin to find the notebook's own cluster again, as its last kernel left it, in a thread.

        Loading the extension waits for nothing; ``say`` is called with one line when it is known what came of it.
        """
        own = self._record.read() if self._record else None
        if own is not None:
            context = contextvars.copy_context()  # what is said belongs to the cell that began this
            target = partial(context.run, lambda: say(self._reattached(own)))
            self._reattaching = threading.Thread(target=target, name="dask-dataproc-reattach", daemon=True)
            self._reattaching.start()

    def _reattached(self, own: Own) -> str:
        from ..clusters.cluster import DataprocCluster
        from ..clusters.errors import ClusterFailed, ClusterNotFound, DaskDataprocError

        gone = f"{own.name} is gone: its lease has ended, or it was deleted; %dask_cluster up makes another"
        try:
            cluster = DataprocCluster.from_name(own.name, project=own.project, region=own.region, keep=own.keep)
        except (ClusterNotFound, ClusterFailed):
            self._forget()
            return gone
        except DaskDataprocError as error:
            return f"{own.name} is not reached: {error.message}; %dask_cluster attach {own.name} tries again"
        if cluster.record.uuid != own.uuid:  # somebody else's, under the name that ours had
            cluster.detach()
            self._forget()
            return gone
        self._take(cluster, own.names, own)
        return f"Reattached to {own.name}, made by this notebook: {' and '.join(own.names)} are back"

    def _take(self, cluster: DataprocCluster, names: Sequence[str], own: Own | None) -> None:
        """Make ``cluster`` the current one and put it and a client into the notebook."""
        self._cluster, self._own = cluster, own
        self._used.append(cluster)
        self._client = cluster.get_client()
        self._put = dict(zip(names, (self._client, cluster), strict=True))
        self._shell.push(self._put)
        if self._record and own:
            self._record.write(own)
        if self._ending is None:
            self._ending = Ending(self._shell, self._end)

    def _open_dashboards(self) -> None:
        """Show the current cluster beside the notebook, unless the setting says not to."""
        from ..clusters.config import setting

        if self.live and self._cluster is not None and setting("jupyter.open-dashboards"):
            open_panes(self._cluster.name)

    def _forget(self) -> None:
        """Take the cluster out of the notebook, where its names still mean it, and out of the record."""
        self._shell.drop_by_id(self._put)
        if self._record:
            self._record.clear()
        self._cluster = self._client = self._own = None
        self._put = {}

    def _end(self, restart: bool) -> None:
        """Do what the table at the top of this file says."""
        if self._cluster is None:
            return
        stays = self._own is None or self._own.keep or (restart and self.live)
        cluster = self._cluster
        act = cluster.hand_back if self.run is not None else cluster.detach if stays else cluster.delete
        acting = threading.Thread(target=act, name="dask-dataproc-end", daemon=True)
        acting.start()
        acting.join(LAST_WORDS)
        if self._record and not stays:
            self._record.clear()


_sessions: dict[int, Session] = {}
_lock = threading.Lock()


def session_of(shell: Any) -> Session:
    """Return the session of ``shell``, one for as long as it lives."""
    with _lock:
        if id(shell) not in _sessions:
            _sessions[id(shell)] = Session(shell)
        return _sessions[id(shell)]
