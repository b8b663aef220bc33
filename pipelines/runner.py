"""One way to a Dask client for code that runs on a laptop, as a job on a cluster's master, and outside of a cluster."""

from __future__ import annotations

import os
from collections.abc import Iterator, Mapping
from contextlib import ExitStack, contextmanager
from typing import TYPE_CHECKING, Any

from ..clusters.errors import SpecError
from ..clusters.machines import PREDEFINED
from ..init_actions.job import ON_NODE
from ..init_actions.shape import worker_shape
from .bundles import BROUGHT

if TYPE_CHECKING:
    from distributed import Client

    from ..clusters.spec import ClusterSpec

SERIES = ("n2-standard", "n2-highmem")
"""The machines that a runner chooses from, the cheaper series first."""


class DaskRunner:
    """Gives a client on workers of a size, wherever the code runs; of a cluster made for it nothing is left.

    With ``local``, on processes of this machine. In a job on a cluster's master (``dask dataproc submit``, a DAG), on
    that cluster. Elsewhere on ``cluster``, which is left as it was found, or on a new one that is deleted at the end.

    Parameters
    ----------
    worker_memory : str or int
        Least memory of a worker, ``8GiB`` or bytes.
    worker_vcores : int
        Least vCPUs of a worker's machine; locally, threads of a worker.
    min_workers, max_workers : int
        Between which the number of workers adapts; 0 is a single node, which does not. On a master only YARN's
        containers adapt: machines are not a job's.
    local : bool
        Workers on this machine, as many and as large as it has room for.
    git_repo, git_ref, git_secret : str, optional
        A repository whose code, at the commit that ``git_ref`` is now, and whose locked packages are importable here
        and in tasks. In a job that has brought this repository, as that job found it.
    cluster : str, optional
        Name of a living cluster to use from outside.
    spec : ClusterSpec or mapping, optional
        Fields of the cluster that is made; they win over the sizes above.
    project, region : str, optional
        Where it is made or found; as configured when not given.

    Raises
    ------
    SpecError
        A size is out of its bounds, or no machine type is that large. Raised before anything is made.

    Examples
    --------
    >>> with DaskRunner(local=True).get_client() as client:  # doctest: +SKIP
    ...     client.submit(sum, [1, 2]).result()
    3
    """

    def __init__(
        self,
        worker_memory: str | int = "8GiB",
        worker_vcores: int = 4,
        min_workers: int = 2,
        max_workers: int = 10,
        local: bool = False,
        git_repo: str | None = None,
        git_ref: str = "main",
        *,
        git_secret: str = "",
        cluster: str = "",
        spec: ClusterSpec | Mapping[str, Any] | None = None,
        project: str | None = None,
        region: str | None = None,
    ):
        self.worker_memory, self.worker_vcores = _bytes(worker_memory), _at_least(1, "worker_vcores", worker_vcores)
        self.min_workers = _at_least(0, "min_workers", min_workers)
        self.max_workers = _at_least(max(1, self.min_workers), "max_workers", max_workers)
        self.local, self.cluster = local, cluster
        self.git_repo, self.git_ref, self.git_secret = git_repo, git_ref, git_secret
        self._spec = dict(spec) if isinstance(spec, Mapping) else spec.to_dict() if spec else {}
        self._place: dict[str, Any] = {
            name: value for name, value in (("project", project), ("region", region)) if value
        }

    @contextmanager
    def get_client(self) -> Iterator[Client]:
        """Give the client, which is Dask's default one meanwhile; what was made for it has gone afterwards.

        Raises
        ------
        DaskDataprocError
            No cluster could be had, or not the repository; nothing is left.
        """
        from .bring import repository
        from .carried import share

        bundles = repository(self.git_repo, self.git_ref, self.git_secret) if self.git_repo else BROUGHT
        with ExitStack() as held:
            client, staging = held.enter_context(self._somewhere())
            share(client, bundles, staging)
            yield client

    def _somewhere(self) -> Any:
        """Return the context of a client and of the staging that it shares with its workers."""
        if self.local:
            return self._here()
        if os.environ.get(ON_NODE) and not self.cluster:
            from .around import surrounding

            return surrounding(self.min_workers, self.max_workers)
        return self._named() if self.cluster else self._made()

    @contextmanager
    def _here(self) -> Iterator[tuple[Client, str]]:
        from dask.system import CPU_COUNT
        from distributed import Client, LocalCluster
        from distributed.system import MEMORY_LIMIT

        threads = min(self.worker_vcores, CPU_COUNT)
        number = max(1, min(self.max_workers, CPU_COUNT // threads, MEMORY_LIMIT // self.worker_memory))
        memory = min(self.worker_memory, MEMORY_LIMIT // number)
        with (
            LocalCluster(
                n_workers=number, threads_per_worker=threads, memory_limit=memory, dashboard_address=":0"
            ) as cluster,
            Client(cluster) as client,
        ):
            yield client, ""

    @contextmanager
    def _made(self) -> Iterator[tuple[Client, str]]:
        from ..clusters.cluster import DataprocCluster

        made: Any = DataprocCluster(self.spec_fields() | self._spec, **self._place)
        with made as cluster, cluster.get_client() as client:
            if cluster.spec.workers > 0 and self.min_workers < self.max_workers:
                cluster.adapt()
            yield client, cluster.spec.staging

    @contextmanager
    def _named(self) -> Iterator[tuple[Client, str]]:
        from ..clusters.cluster import DataprocCluster

        cluster = DataprocCluster.from_name(self.cluster, hold_lease=False, **self._place)
        try:
            with cluster.get_client() as client:
                yield client, cluster.spec.staging
        finally:
            cluster.detach()

    def spec_fields(self) -> dict[str, Any]:
        """Return the fields of the cluster that would be made for these sizes.

        Raises
        ------
        SpecError
            No machine type is that large.
        """
        return {
            "worker_machine": _machine(self.worker_vcores, self.worker_memory),
            "workers": self.min_workers,
            "min_workers": self.min_workers,
            "max_workers": self.max_workers,
        }


@contextmanager
def dask_at_hand() -> Iterator[None]:
    """Be on the client that there is, else on one of a `DaskRunner`, as a job has it that asks for nothing special."""
    from distributed import get_client

    try:
        get_client()
    except ValueError:
        with DaskRunner().get_client():
            yield
    else:
        yield


def _machine(vcpus: int, memory: int) -> str:
    """Return the smallest machine of at least ``vcpus``, whose worker has at least ``memory`` bytes."""
    fitting = [
        (kind.vcpus, SERIES.index(name.rpartition("-")[0]), name)
        for name, kind in PREDEFINED.items()
        if name.rpartition("-")[0] in SERIES
        and kind.vcpus >= vcpus
        and worker_shape(kind.vcpus, kind.memory).memory >= memory
    ]
    if not fitting:
        asked = f"{vcpus} vCPUs with {memory / 2**30:g} GiB"
        raise SpecError(f"worker_memory: {asked} given, allowed is what a machine of {' or '.join(SERIES)} has")
    return min(fitting)[-1]


def _bytes(given: str | int) -> int:
    from dask.utils import parse_bytes

    try:
        size = parse_bytes(given)
    except ValueError:
        size = 0
    if size <= 0:
        raise SpecError(f"worker_memory: {given!r} given, allowed is a size in bytes", 'worker_memory="8GiB"')
    return size


def _at_least(least: int, name: str, given: int) -> int:
    if type(given) is not int or given < least:
        raise SpecError(f"{name}: {given!r} given, allowed is a whole number of at least {least}", f"{name}={least}")
    return given
