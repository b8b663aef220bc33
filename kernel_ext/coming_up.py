"""A cluster on its way up, in threads of its own: the cell that asked for it is over, and whoever wants to may wait."""

from __future__ import annotations

import contextlib
import contextvars
import queue
import threading
from collections.abc import Callable
from typing import TYPE_CHECKING, Any

from ..clusters.errors import ClusterFailed
from ..clusters.sync import UNDO

if TYPE_CHECKING:
    from ..clusters.cluster import DataprocCluster
    from ..clusters.phases import Phase
    from ..clusters.spec import ClusterSpec

Listener = Callable[["Phase"], None]
CLOSE = 2.0
"""Seconds that a client has to close whose scheduler has gone."""


class ComingUp:
    """One way up. All its methods may be called from any thread.

    Parameters
    ----------
    spec : ClusterSpec
        What is asked for.
    make : callable
        Returns the cluster, not started, given the listener for its phases: imports are felt in the thread alone.
    on_scheduler : callable
        Called when there is a scheduler, before its client is made.
    on_client : callable
        Called with cluster and client when there is a client, which is before the workers are all there.
    on_end : callable
        Called when the cluster is ready, or never will be, before those who wait know.

    Attributes
    ----------
    cluster : DataprocCluster or None
        None for the first moment, while Dask is imported.
    client : Client or None
        As soon as the scheduler is connected.
    error : BaseException or None
        What it came to instead of a cluster.
    """

    def __init__(
        self,
        spec: ClusterSpec,
        make: Callable[[Listener], DataprocCluster],
        on_scheduler: Callable[[], None],
        on_client: Callable[[ComingUp], None],
        on_end: Callable[[ComingUp], None],
    ):
        self.spec = spec
        self.cluster: DataprocCluster | None = None
        self.client: Any = None
        self.error: BaseException | None = None
        self._make, self._on_scheduler, self._on_client, self._on_end = make, on_scheduler, on_client, on_end
        self._phases: dict[tuple[str, float], Phase] = {}
        self._listeners: list[Listener] = []
        self._told: queue.SimpleQueue[Phase | None] = queue.SimpleQueue()
        self._lock = threading.Lock()
        self._changed = threading.Condition()
        self._cancelled, self._over = threading.Event(), threading.Event()

    def begin(self) -> ComingUp:
        """Start the threads: one brings the cluster up, one makes its client meanwhile."""
        for name, target in (("up", self._bring_up), ("client", self._follow)):
            run = contextvars.copy_context().run  # what either says belongs to the cell that began this
            threading.Thread(target=run, args=(target,), name=f"dask-dataproc-{name}", daemon=True).start()
        return self

    @property
    def name(self) -> str:
        """The cluster's name: the one asked for, or that of a stopped one, which is started instead."""
        return self.cluster.name if self.cluster else self.spec.name

    @property
    def phases(self) -> list[Phase]:
        """The phases so far, in order, as they stand."""
        return list(self._phases.values())

    @property
    def said(self) -> str:
        """In one line, how far it is."""
        if self.error is not None:
            return str(self.error)
        phases = self.phases
        return f"{phases[-1].name} {phases[-1].detail}".rstrip() if phases else "start"

    @property
    def done(self) -> bool:
        """Whether it is up, or has failed and nothing of it is left."""
        return self._over.is_set()

    @property
    def cancelled(self) -> bool:
        """Whether it was given up."""
        return self._cancelled.is_set()

    def listen(self, listener: Listener) -> None:
        """Call ``listener`` with each phase when it begins, changes and ends; with those there are at once."""
        with self._lock:
            for phase in self.phases:
                listener(phase)
            self._listeners.append(listener)

    def cancel(self) -> None:
        """Give it up, and return at once: what was made is undone, then it is ``done`` with an ``error``."""
        self._cancelled.set()
        if self.cluster is not None:
            self.cluster.give_up()

    def wait(self, timeout: float | None = None) -> DataprocCluster:
        """Return the cluster when it is ready; Ctrl-C gives it up, and waits until it is undone.

        Raises
        ------
        DaskDataprocError
            It could not be made.
        TimeoutError
            It is not done after ``timeout`` seconds, and goes on.
        """
        try:
            self._over.wait(timeout)
        except KeyboardInterrupt:
            self.cancel()
            self._over.wait(UNDO)
            raise
        if not self.done:
            raise TimeoutError(f"not up after {timeout} s")
        return self._result(self.cluster)

    def wait_for_client(self) -> Any:
        """Return the client as soon as there is one; Ctrl-C ends the wait alone.

        Raises
        ------
        DaskDataprocError
            The cluster could not be made.
        """
        with self._changed:
            self._changed.wait_for(lambda: self.client is not None or self.done)
        return self._result(self.client)

    def _result(self, value: Any) -> Any:
        if self.error is not None:
            raise self.error
        return value

    def _bring_up(self) -> None:
        try:
            self.cluster = self._make(self._tell)
            if self._cancelled.is_set():
                self.cluster.give_up()
            self.cluster.start()
        except BaseException as error:
            self.error = error
        self._told.put(None)

    def _tell(self, phase: Phase) -> None:
        with self._lock:
            self._phases[phase.name, phase.started] = phase  # after a stockout, a phase comes again
            for listener in self._listeners:
                listener(phase)
        self._told.put(phase)

    def _follow(self) -> None:
        """Have a client while there is a scheduler, until the way up is over."""
        while (phase := self._told.get()) is not None:
            if phase.name == "connect" and phase.seconds is not None and not phase.failed:
                with contextlib.suppress(Exception):  # the scheduler has gone again: the way up knows more of it
                    self._have_client()
            elif phase.name == "undo":
                self._drop_client()
        self._come_to_an_end()
        try:
            self._on_end(self)
        except BaseException as error:  # such as a full disk: who waits is told
            self.error = self.error or error
        with self._changed:
            self._over.set()
            self._changed.notify_all()

    def _come_to_an_end(self) -> None:
        cluster = self.cluster
        if self.error is None and cluster is not None:
            try:
                self._have_client()
            except BaseException as error:
                self.error = _told(cluster, error)
        if self.error is not None:
            self._drop_client()

    def _have_client(self) -> None:
        if self.cluster is None or self.client is not None:
            return
        self._on_scheduler()
        client = self.cluster.get_client()
        with self._changed:
            self.client = client
            self._changed.notify_all()
        self._on_client(self)

    def _drop_client(self) -> None:
        client, self.client = self.client, None
        if client is not None:
            with contextlib.suppress(Exception):  # nobody answers it any more
                client.close(CLOSE)


def _told(cluster: DataprocCluster, error: BaseException) -> BaseException:
    """Close ``cluster``, which has no client for ``error``; return what is told to who waits: also if it is left."""
    try:
        cluster.close()
    except BaseException as left:
        said = f"{cluster.name}: no client: {' '.join(str(error).split())}; {left}"
        return ClusterFailed(said, f"%dask_cluster down {cluster.name}")
    return error
