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

import contextlib
import contextvars
import os
import threading
from collections.abc import Callable, Mapping, Sequence
from functools import partial
from typing import TYPE_CHECKING, Any

from ..clusters.earlier_ups import keep_up
from ..clusters.errors import ClusterExists, DaskDataprocError
from .coming_up import ComingUp, Listener
from .ending import Ending
from .find_again import find_again
from .lab import cluster_is_ready
from .notebook_record import NOTEBOOK, NotebookRecord, Own, kernel_of
from .to_come import ClientToCome, ToCome, by_default

if TYPE_CHECKING:
    from ..clusters.cluster import DataprocCluster
    from ..clusters.phases import Phase
    from ..clusters.spec import ClusterSpec

RUN = "dask_dataproc_run"
"""The name that a DAG injects into its notebook: ``{"cluster", "project", "region"}`` of the run."""
LAST_WORDS = 2.0
"""Seconds that a deletion may hold up the kernel's end: Jupyter sends SIGTERM after 2.5 s. The lease does the rest."""


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
    coming : ComingUp or None
        The cluster that is on its way up, if one is.
    """

    def __init__(self, shell: Any):
        self._shell, self._kernel = shell, kernel_of(shell)
        notebook = os.environ.get(NOTEBOOK, "")
        self._record = NotebookRecord(notebook) if notebook else None
        self.live = self._record is not None and self._record.ours  # a kernel started from a live one inherits its name
        self.notebook = notebook if self.live else ""
        self._cluster: DataprocCluster | None = None
        self._client: Any = None
        self._put: dict[str, Any] = {}
        self._used: list[DataprocCluster] = []
        self._own: Own | None = None
        self._names: tuple[str, str] = ("", "")
        self._keep = False
        self._default = contextlib.ExitStack()
        self.coming: ComingUp | None = None
        self._reattaching: threading.Thread | None = None
        self._going, self._choosing = threading.Lock(), threading.Lock()
        self._attaching = ""
        self._ending: Ending | None = None
        self._told: list[Callable[[], object]] = []

    @property
    def cluster(self) -> DataprocCluster | None:
        """The current cluster, waited for if it is just being found again; None if there is none or it was closed.

        One that goes down is there until it has gone.
        """
        reattaching = self._reattaching
        if reattaching is not None and reattaching is not threading.current_thread():
            reattaching.join()
            self._reattaching = None
        cluster = self._cluster
        if cluster is not None and _is_closed(cluster) and not self.going_down and cluster is self._cluster:
            self._forget()
        return self._cluster

    @property
    def going_down(self) -> bool:
        """Whether `down` is under way."""
        return self._going.locked()

    @property
    def run(self) -> Mapping[str, str] | None:
        """The job that this notebook is a run of, None outside of jobs."""
        run = self._shell.user_ns.get(RUN)
        return run if isinstance(run, Mapping) and run.get("cluster") else None

    @property
    def last_cluster(self) -> DataprocCluster | None:
        """The current cluster, or else the last there was."""
        return self.cluster or (self._used[-1] if self._used else None)

    def costs(self) -> list[dict[str, Any]]:
        """Return what each cluster used here has cost at list prices, until it ended or was let go of: USD, or None."""
        from ..clusters.prices import as_of

        return [
            {"cluster": c.name, "usd": c.cost, "price_per_hour": c.price_per_hour, "prices": as_of()}
            for c in self._used
        ]

    def begin(self, spec: ClusterSpec, names: tuple[str, str], *, keep: bool = False, fit: bool = False) -> ComingUp:
        """Begin to make the cluster of ``spec``, or to attach to it if there is one of that name, and return at once.

        Until they are there, client and cluster are in the notebook as what waits for them.

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

        Raises
        ------
        ClusterExists
            There is a cluster, or will be.
        """

        def make(on_phase: Listener) -> DataprocCluster:
            from ..clusters.cluster import DataprocCluster

            return DataprocCluster(spec, keep=keep, fit=fit, on_phase=on_phase, start=False)

        self._watch_the_end()
        coming = ComingUp(spec, make, self._default.close, self._has_client, self._has_come)
        with self._choosing:
            self._check_room()
            self.coming, self._names, self._keep = coming, names, keep
        self._announce(coming)
        coming.listen(self._note)
        return coming.begin()

    def attach(self, name: str, names: tuple[str, str], *, on_phase: Listener, **place: Any) -> DataprocCluster:
        """Attach to the living cluster ``name`` and take over its lease, which is not ours to do in a job.

        Raises
        ------
        ClusterExists
            There is a cluster, or will be.
        """
        from ..clusters.cluster import DataprocCluster

        with self._choosing:
            self._check_room()
            self._attaching = name
        try:
            cluster = DataprocCluster.from_name(name, hold_lease=self.run is None, on_phase=on_phase, **place)
            self._take(cluster, cluster.get_client(), names, None)
        finally:
            self._attaching = ""
        cluster_is_ready(cluster.name)
        return cluster

    def check_none_is_coming(self) -> None:
        """Refuse another cluster while one comes up.

        Raises
        ------
        ClusterExists
            One does.
        """
        if self.coming is not None:
            raise ClusterExists(f"one is coming up already: {self.coming.said}", "%dask_cluster down")

    def _check_room(self) -> None:
        """Refuse a second cluster: a cell may ask for one while another, the panel or a thread has one come up."""
        self.check_none_is_coming()
        if self._attaching:
            raise ClusterExists(f"this notebook attaches to {self._attaching} just now", "%dask_cluster status")
        if (cluster := self.cluster) is not None:
            raise ClusterExists(f"this notebook has {cluster.name} already", f"%dask_cluster down {cluster.name}")

    def down(self, *, keep: bool = False, stop: bool = False) -> str:
        """Let go of the current cluster and delete it, or ``stop`` it, unless ``keep`` or it is a job's.

        One that is coming up is given up, and what was made of it undone. Where it fails, the next kernel finds the
        cluster: it may be there still.
        """
        if (coming := self.coming) is not None:
            coming.cancel()
            try:
                coming.wait()  # it may have come up in this moment
            except DaskDataprocError:
                return coming.name
        with self._going:
            cluster = self._cluster
            if cluster is None:
                return ""
            try:
                self._part_with(cluster, keep, stop)
            except BaseException:
                if _is_closed(cluster):
                    self._forget(found_again=True)
                raise
            self._forget()
        return cluster.name

    def _part_with(self, cluster: DataprocCluster, keep: bool, stop: bool) -> None:
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

    def reattach(self, say: Callable[[str], None]) -> None:
        """Begin to find the notebook's own cluster again, as its last kernel left it, in a thread; not beside another.

        Loading the extension waits for nothing; ``say`` is called with one line when it is known what came of it.
        """
        own = self._record.read() if self._record else None
        with self._choosing:
            if own is None or self._has_one:
                return
            context = contextvars.copy_context()  # what is said belongs to the cell that began this
            target = partial(context.run, lambda: say(self._reattached(own)))
            self._reattaching = threading.Thread(target=target, name="dask-dataproc-reattach", daemon=True)
            self._reattaching.start()

    @property
    def _has_one(self) -> bool:
        reattaching = self._reattaching is not None and self._reattaching.is_alive()
        return self._cluster is not None or self.coming is not None or bool(self._attaching) or reattaching

    def _reattached(self, own: Own) -> str:
        cluster, said, lost = find_again(own)
        if lost:
            self._forget()
        if cluster is None:
            return said
        self._take(cluster, cluster.get_client(), own.names, own)
        return f"Reattached to {own.name}, made by this notebook: {' and '.join(own.names)} are back"

    # -- a cluster that comes up

    def _announce(self, coming: ComingUp) -> None:
        """Have the names in the notebook wait for what is to come, and with them whatever Dask computes by default."""
        client = ClientToCome(coming.wait_for_client, lambda: f"client of {coming.name}, to come: {coming.said}")
        cluster = ToCome(coming.wait, lambda: f"{coming.name}, to come: {coming.said}")
        self._show(dict(zip(self._names, (client, cluster), strict=True)))
        self._default.enter_context(by_default(client))

    def _note(self, phase: Phase) -> None:
        """Have the next kernel find a cluster that was made here, from the moment that there is one."""
        cluster = self.coming.cluster if self.coming else None
        if phase.name == "boot" and phase.seconds is None and cluster is not None and cluster.created_here:
            self._own = Own.of(cluster, self._keep, self._names, self._kernel)
            if self._record:
                self._record.write(self._own)
        elif phase.name == "undo":
            self._own = None
            if self._record:
                self._record.clear()

    def _has_client(self, coming: ComingUp) -> None:
        self._show({self._names[0]: coming.client})

    def _has_come(self, coming: ComingUp) -> None:
        try:
            self._keep_what_came(coming)
        finally:
            self.coming = None  # not sooner: at no moment is there room for another

    def _keep_what_came(self, coming: ComingUp) -> None:
        cluster = coming.cluster
        if coming.error is not None or cluster is None:
            self._forget(drop=coming.cancelled)
        else:
            own = Own.of(cluster, self._keep, self._names, self._kernel) if cluster.created_here else None
            self._take(cluster, coming.client, self._names, own)
            with contextlib.suppress(OSError):  # an estimate is worth no failure
                keep_up(cluster.spec, coming.phases)
            cluster_is_ready(cluster.name)

    # -- the one that is there

    def _take(self, cluster: DataprocCluster, client: Any, names: Sequence[str], own: Own | None) -> None:
        """Make ``cluster`` the current one and put it and its ``client`` into the notebook."""
        self._cluster, self._client, self._own = cluster, client, own
        self._used.append(cluster)
        self._show(dict(zip(names, (client, cluster), strict=True)))
        if self._record and own:
            self._record.write(own)
        self._watch_the_end()

    def _show(self, put: dict[str, Any]) -> None:
        self._put = self._put | put
        self._shell.push(put)

    def _forget(self, *, drop: bool = True, found_again: bool = False) -> None:
        """Take the cluster out of the record, and ``drop`` it from the notebook, where its names still mean it.

        What is not dropped stands there for a cluster that never came: who uses it is told why. One that is to be
        ``found_again`` stays in the record.
        """
        if drop:
            self._shell.drop_by_id(self._put)
        self._default.close()
        if self._record and not found_again:
            self._record.clear()
        self._cluster = self._client = self._own = None
        self._put = {}

    def at_end(self, tell: Callable[[], object]) -> None:
        """Call ``tell`` when the kernel is about to end or to be restarted, before anything becomes of the cluster."""
        self._watch_the_end()
        self._told.append(tell)

    def _watch_the_end(self) -> None:
        if self._ending is None:
            self._ending = Ending(self._shell, self._end)

    def _end(self, restart: bool) -> None:
        """Do what the table at the top of this file says."""
        for tell in self._told:
            tell()
        if self.coming is not None:
            self._end_of_coming(self.coming, restart)
            return
        cluster, self._cluster = self._cluster, None  # whoever looks from now on must not take it for one that has gone
        if cluster is None:
            return
        stays = self._own is None or self._own.keep or (restart and self.live)
        act = cluster.hand_back if self.run is not None else cluster.detach if stays else cluster.delete
        acting = threading.Thread(target=act, name="dask-dataproc-end", daemon=True)
        acting.start()
        acting.join(LAST_WORDS)
        if self._record and not stays:
            self._record.clear()

    def _end_of_coming(self, coming: ComingUp, restart: bool) -> None:
        """Leave what has been made to the next kernel, which waits for it; without a next one, give it up."""
        if self._own is not None and (self._keep or (restart and self.live)):
            return
        coming.cancel()
        with contextlib.suppress(TimeoutError, DaskDataprocError):
            coming.wait(LAST_WORDS)


def _is_closed(cluster: DataprocCluster) -> bool:
    return cluster.status.name not in ("running", "starting")


_sessions: dict[int, Session] = {}
_lock = threading.Lock()


def session_of(shell: Any) -> Session:
    """Return the session of ``shell``, one for as long as it lives."""
    with _lock:
        if id(shell) not in _sessions:
            _sessions[id(shell)] = Session(shell)
        return _sessions[id(shell)]
