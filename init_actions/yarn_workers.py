"""Containers as a cluster's workers. YARN's application master knows which there are; the cluster follows it.

A worker is named by its container. skein's application master replaces one that fails; the new one has a new name.
"""

from __future__ import annotations

import asyncio
import itertools
from collections.abc import Iterable
from typing import TYPE_CHECKING, Any

from distributed.core import Status
from distributed.deploy.spec import ProcessInterface

from .yarn_skein import skein
from .yarn_spec import WORKER

if TYPE_CHECKING:
    from .yarn_application import ApplicationCluster

_unnamed = itertools.count()


class Elsewhere(ProcessInterface):
    """A scheduler that somebody else runs."""

    def __init__(self, address: str):
        super().__init__()
        self.address = address
        self.status = Status.running


class YarnWorker(ProcessInterface):
    """A container with one worker, there or asked for.

    Parameters
    ----------
    scheduler : str
        Address of the scheduler.
    name : str
        Of the worker: its container's id, once there is one.
    application : skein.ApplicationClient
        Where containers are asked for.
    leaving : set of str
        The cluster's containers that are given back, by their ids.
    container : skein.Container, optional
        One that is there already.
    """

    def __init__(
        self, scheduler: str, name: str, application: Any, leaving: set[str], container: Any = None, **size: Any
    ):
        super().__init__(scheduler=scheduler, name=name)
        self.name = name
        self.application, self.container, self._leaving = application, container, leaving
        if container is not None:
            self.status = Status.running

    async def start(self) -> None:
        """Ask for a container; when it is there, is YARN's to say."""
        self.container = await asyncio.to_thread(self.application.add_container, WORKER)
        await super().start()

    async def close(self) -> None:
        """Give the container back."""
        if self.container is not None and self.status == Status.running:
            self._leaving.add(self.container.id)
            try:
                await asyncio.to_thread(self.application.kill_container, self.container.id)
            except (ValueError, KeyError):  # it has ended before
                pass
            except skein.SkeinError:  # nobody has heard it
                self._leaving.discard(self.container.id)
        await super().close()

    def forget(self) -> None:
        """Be closed without a word to YARN, which has ended the container."""
        self.status = Status.closed
        self._event_finished.set()


class Workers(dict[str, YarnWorker]):
    """A cluster's workers by name, as SpecCluster has them. Called, as ``workers()`` of dask-yarn: the containers."""

    def __init__(self, cluster: ApplicationCluster, known: dict[str, YarnWorker]):
        super().__init__(known)
        self.cluster = cluster

    def __call__(self) -> list[Any]:
        """Return the ``skein.Container`` of every worker that runs."""
        application = self.cluster.application
        return application.get_containers(services=[WORKER], states=["RUNNING"]) if application else []


def unnamed() -> str:
    """Return a name for a worker that has no container yet."""
    return f"asked-{next(_unnamed)}"


def name_by_container(cluster: ApplicationCluster) -> None:
    """Rename workers that have got their container since they were asked for."""
    for name, worker in list(cluster.workers.items()):
        if worker.container is not None and name != worker.container.id:
            new = worker.name = worker.container.id
            cluster.workers[new] = cluster.workers.pop(name)
            if name in cluster.worker_spec:
                cluster.worker_spec[new] = cluster.worker_spec.pop(name)


def take_over(cluster: ApplicationCluster, containers: Iterable[Any]) -> None:
    """Let ``cluster`` have exactly the workers of ``containers``, the active ones, and those it is asking for.

    Not those that it is giving back, one without a worker for another: taken over again, nobody would replace them.
    """
    name_by_container(cluster)
    active = {each.id: each for each in containers}
    for name, worker in list(cluster.workers.items()):
        if worker.container is not None and worker.container.id not in active:
            worker.forget()
            del cluster.workers[name]
            cluster.worker_spec.pop(name, None)
    cluster.leaving.intersection_update(active)
    for name in active.keys() - cluster.workers.keys() - cluster.leaving:
        worker = YarnWorker(cluster.scheduler.address, name, container=active[name], **cluster.new_spec["options"])
        cluster.track(worker)
        cluster.workers[name] = worker
        cluster.worker_spec[name] = cluster.new_spec
