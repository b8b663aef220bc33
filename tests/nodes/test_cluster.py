"""%dask_cluster up on three Debian machines: initialization actions make them a cluster, a client computes on it."""

from __future__ import annotations

from .online import cluster_on


def test_with_runtime_yarn_containers_compute_in_the_queue_that_was_asked_for(online):
    with cluster_on(online, runtime="yarn", queue="batch") as cluster, cluster.get_client() as client:
        assert client.submit(sum, [1, 2]).result() == 3
        where = set(client.run(lambda: __import__("socket").gethostname()).values())
        assert where == {f"{cluster.name}-w-0", f"{cluster.name}-w-1"}
