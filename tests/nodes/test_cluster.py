"""%dask_cluster up on three Debian machines: initialization actions make them a cluster, a client computes on it."""

from __future__ import annotations

from .online import living


def test_the_machines_compute_as_containers_too(online, shared_cluster):
    with shared_cluster.get_client() as client:
        assert client.submit(sum, [1, 2]).result() == 3
        where = set(client.run(lambda: __import__("socket").gethostname()).values())
        assert where == set(living(online, shared_cluster)[1:])
