"""The cluster around a job: its scheduler, found as a node of it finds it, without a call of Dataproc."""

from __future__ import annotations

import json
import os
from collections.abc import Iterator
from contextlib import contextmanager
from typing import Any

from distributed import Client

from ..clusters.client_config import lent, workload_config
from ..clusters.errors import ClusterFailed
from ..clusters.spec import ClusterSpec
from ..clusters.sync import run
from ..init_actions import connection
from ..init_actions.metadata import read_metadata

WAIT = 120.0
"""Seconds until the head has to have said where it is: the cluster ran before the job began."""


@contextmanager
def surrounding(minimum: int, maximum: int) -> Iterator[tuple[Client, str]]:
    """Give a client of the cluster that this machine is the master of, and the cluster's staging.

    Where the workers are YARN's containers, their number adapts between ``minimum`` and ``maximum`` meanwhile.

    Raises
    ------
    ClusterFailed
        This machine is no node of such a cluster, or its scheduler does not answer.
    """
    metadata = _metadata()
    spec = ClusterSpec.from_dict(json.loads(metadata.get("dask-spec", "{}")))
    try:
        found = run(connection.wait_for(connection.connection_url(metadata), WAIT))
    except TimeoutError as error:
        raise ClusterFailed(f"the cluster around this job: {error}", "dask dataproc logs") from None
    with (
        lent(workload_config(spec)),
        Client(found["scheduler"], security=connection.security(found)) as client,
        _adapting(client, minimum, maximum),
    ):
        yield client, metadata["dask-staging"]


def _metadata() -> dict[str, str]:
    """Return what this node knows of itself; a storage that is not Google's is used from now on."""
    try:
        metadata = read_metadata()
        connection.connection_url(metadata)
    except (OSError, KeyError) as error:
        raise ClusterFailed(f"the cluster around this job: this is no node of one: {error!r}", "local=True") from error
    if storage := metadata.get("dask-storage-endpoint"):
        os.environ.setdefault("STORAGE_EMULATOR_HOST", storage)
        os.environ.setdefault("GCSFS_EXPERIMENTAL_ZB_HNS_SUPPORT", "false")
    return metadata


@contextmanager
def _adapting(client: Client, minimum: int, maximum: int) -> Iterator[None]:
    """Have the head adapt, as far as that is its to do, and leave the number of workers to what it was afterwards."""
    head: Any = client.scheduler
    if not client.sync(_has_containers, head):
        yield
        return
    before: Any = client.sync(head.workers_state)
    workers: Any = client.nthreads()
    client.sync(head.adapt, minimum=minimum, maximum=maximum, options={})
    try:
        yield
    finally:
        adapted = before["adapts"]
        if adapted is None:
            client.sync(head.resize, n=len(workers))
        else:
            client.sync(head.adapt, minimum=adapted["minimum"], maximum=adapted["maximum"], options={})


async def _has_containers(head: Any) -> bool:
    return bool((await head.workers_state())["said"])
