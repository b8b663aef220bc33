"""A Dask cluster on YARN: a container is a worker. Code written for dask-yarn runs on it unchanged."""

from __future__ import annotations

import asyncio
from pathlib import Path
from typing import Any

from distributed import Scheduler
from distributed.core import Status

from . import yarn_logs
from .yarn_application import ApplicationCluster
from .yarn_skein import skein
from .yarn_spec import SCHEDULER, WORKER, Options, configured, make_specification


class YarnCluster(ApplicationCluster):
    """A Dask cluster as one YARN application.

    What is not said comes from the ``yarn`` section of Dask's configuration.

    Parameters
    ----------
    environment : str
        The workers' Python: path or URL of an archive (conda-pack, venv-pack), or ``conda://``, ``venv://`` or
        ``python://`` and a path that exists on every node.
    n_workers : int
        Workers to begin with.
    worker_vcores, worker_memory, worker_gpus : int, str, int
        Size of a worker's container; memory in bytes or with a unit.
    worker_restarts : int
        How many failed workers are replaced before the application fails; -1 for all.
    worker_env : dict
        Environment variables of the workers.
    worker_class, worker_options : str or type, dict
        What runs in a container, and what it is called with.
    scheduler_vcores, scheduler_memory, scheduler_gpus : int, str, int
        Size of the scheduler's container, with ``deploy_mode="remote"``.
    deploy_mode : {"remote", "local"}
        The scheduler in a container, or in this process, which YARN's nodes must be able to reach.
    name, queue, tags, user : str, str, sequence of str, str
        Of the application. Another user needs the permission to act for him.
    host, port, dashboard_address : str, int, str
        Where a local scheduler listens.
    skein_client : skein.Client
        Who speaks with YARN; else all clusters of a process share one.
    asynchronous, loop
        As in every Dask cluster.
    security : Security or bool
        TLS keys, which YARN hands to the containers as a private file; True makes new ones.
    scheduler_class, scheduler_options : type or str, dict
        Another scheduler than Dask's own, and what it is called with.
    worker_script : str
        Shell lines to run in a worker's container in place of ours. DASK_SCHEDULER_ADDRESS and SKEIN_CONTAINER_ID,
        the name the worker has to take, are in its environment.
    queue_timeout : str or float
        How long the application may wait for its start.
    on_wait : callable
        Called with a ``yarn_driver.Waiting`` each time there is news of why it waits.

    Raises
    ------
    YarnError
        See ``yarn_errors``.
    """

    def __init__(
        self,
        environment: str | None = None,
        n_workers: int | None = None,
        worker_vcores: int | None = None,
        worker_memory: str | int | None = None,
        worker_restarts: int | None = None,
        worker_env: dict[str, str] | None = None,
        worker_class: str | type | None = None,
        worker_options: dict[str, Any] | None = None,
        worker_gpus: int | None = None,
        scheduler_vcores: int | None = None,
        scheduler_gpus: int | None = None,
        scheduler_memory: str | int | None = None,
        deploy_mode: str | None = None,
        name: str | None = None,
        queue: str | None = None,
        tags: Any = None,
        user: str | None = None,
        host: str | None = None,
        port: int | None = None,
        dashboard_address: str | None = None,
        skein_client: Any = None,
        asynchronous: bool = False,
        loop: Any = None,
        *,
        scheduler_class: str | type | None = None,
        scheduler_options: dict[str, Any] | None = None,
        worker_script: str | None = None,
        **common: Any,
    ):
        said = {name: value for name, value in locals().items() if name in Options.__dataclass_fields__}
        written = configured("specification")
        if written and all(value is None for value in said.values()):
            spec = _load(written)
        else:
            spec = make_specification(Options(**said))
        listen = {"host": host, "port": port, "dashboard_address": dashboard_address}
        for key in listen:
            if listen[key] is None:
                listen[key] = configured(key.replace("_", "-"))
        super().__init__(
            spec=spec,
            scheduler={"cls": scheduler_class or Scheduler, "options": listen | (scheduler_options or {})},
            client=skein_client,
            asynchronous=asynchronous,
            loop=loop,
            **common,
        )

    @classmethod
    def from_specification(
        cls, spec: Any, skein_client: Any = None, asynchronous: bool = False, loop: Any = None, **common: Any
    ) -> YarnCluster:
        """Return a cluster made from a skein specification: an ``ApplicationSpec``, a dict or a file's name.

        It needs a service ``dask.worker``; without a service ``dask.scheduler`` the scheduler runs here.
        """
        cluster = cls.__new__(cls)
        ApplicationCluster.__init__(
            cluster, spec=_load(spec), client=skein_client, asynchronous=asynchronous, loop=loop, **common
        )
        return cluster

    @classmethod
    def from_application_id(
        cls, app_id: str, skein_client: Any = None, asynchronous: bool = False, loop: Any = None, **common: Any
    ) -> YarnCluster:
        """Return the cluster of an application that runs. It goes on when this process ends, unless it is closed."""
        cluster = cls.__new__(cls)
        common = {"shutdown_on_close": False} | common
        ApplicationCluster.__init__(
            cluster, app_id=app_id, client=skein_client, asynchronous=asynchronous, loop=loop, **common
        )
        return cluster

    @classmethod
    def from_current(cls, asynchronous: bool = False, loop: Any = None, **common: Any) -> YarnCluster:
        """Return the cluster that this process, in one of its containers, belongs to."""
        cluster = cls.__new__(cls)
        common = {"shutdown_on_close": False} | common
        ApplicationCluster.__init__(
            cluster, application=skein.ApplicationClient.from_current(), asynchronous=asynchronous, loop=loop, **common
        )
        return cluster

    def logs(self, scheduler: bool = True, workers: Any = True) -> Any:
        """Return the logs of scheduler and workers by name; of an ended application those that YARN has kept.

        Parameters
        ----------
        scheduler : bool
            Whether to have the scheduler's.
        workers : bool or iterable of str
            Addresses of workers, or whether to have all workers'.
        """
        if self.status == Status.running:
            return self.get_logs(cluster=False, scheduler=scheduler, workers=workers)
        wanted = [SCHEDULER] * bool(scheduler) + [WORKER] * bool(workers)
        if self.asynchronous:
            return asyncio.to_thread(yarn_logs.service_logs, self.app_id, wanted)
        return yarn_logs.service_logs(self.app_id, wanted)

    def _repr_html_(self, cluster_status: str | None = None) -> str:
        row = f'<tr><td style="text-align: left;"><strong>Application:</strong> {self.app_id}</td></tr>'
        return super()._repr_html_(cluster_status=row + (cluster_status or ""))

    def shutdown(self, status: str = "SUCCEEDED", diagnostics: str | None = None) -> Any:
        """End the application.

        Parameters
        ----------
        status : {"SUCCEEDED", "FAILED", "KILLED"}
            How YARN shall remember it.
        diagnostics : str
            And why it ended.
        """
        if status not in ("SUCCEEDED", "FAILED", "KILLED"):
            raise ValueError(f"status: 'SUCCEEDED', 'FAILED' or 'KILLED' expected, got {status!r}")
        self._final = (status, diagnostics)
        return self.close()

    def close(self, timeout: float | None = None, **_: Any) -> Any:
        """End the application, as ``shutdown()`` does."""
        return super().close(timeout)


def _load(spec: Any) -> Any:
    """Return the specification that ``spec`` is, or is the file of."""
    if isinstance(spec, dict):
        spec = skein.ApplicationSpec.from_dict(spec)
    elif not isinstance(spec, skein.ApplicationSpec):
        spec = skein.ApplicationSpec.from_file(str(Path(spec).expanduser()))
    if WORKER not in spec.services:
        raise ValueError(
            f"specification: a service {WORKER!r} is needed, there are: {', '.join(spec.services) or 'none'}"
        )
    return spec
