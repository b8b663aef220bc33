"""A way up has an end, whatever becomes of it, and who waits for it is told."""

from __future__ import annotations

import uuid

import pytest

from dask_dataproc import ClusterFailed, ClusterSpec, DataprocCluster
from dask_dataproc.clusters.fleet import delete_cluster
from dask_dataproc.kernel_ext.coming_up import ComingUp

ENOUGH = 60.0


class Clientless(DataprocCluster):
    """A cluster whose client cannot be made, as where memory or threads have run out."""

    def get_client(self) -> None:
        raise OSError("no more threads")


def test_where_neither_a_client_can_be_made_nor_the_cluster_deleted_those_who_wait_are_told_both(laptop, faults):
    spec = ClusterSpec(name=f"t-{uuid.uuid4().hex[:8]}", project="local", workers=0)
    faults.ask("permission", method="delete_cluster", cluster=spec.name)
    coming = ComingUp(
        spec,
        lambda on_phase: Clientless(spec, on_phase=on_phase, start=False),
        on_scheduler=lambda: None,
        on_client=lambda _: None,
        on_end=lambda _: None,
    ).begin()
    with pytest.raises(ClusterFailed, match=rf"{spec.name}: no client: no more threads; .*clusters.delete") as told:
        coming.wait(ENOUGH)
    assert told.value.hint == f"%dask_cluster down {spec.name}"
    with pytest.raises(ClusterFailed):
        coming.wait_for_client()
    delete_cluster(spec.name, project="local", region="us-central1")
