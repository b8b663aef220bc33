"""What the emulator's autoscaler reads of a real ResourceManager."""

from __future__ import annotations

from dask_dataproc.emulator.debian import yarn_missing


def test_an_idle_yarn_misses_as_many_nodes_less_as_it_has_and_pending_containers_raise_that(yarn):
    url = f"http://127.0.0.1:{yarn.ports['RM_WEB']}/ws/v1/cluster/metrics"
    assert yarn.until(lambda: yarn_missing(url) == -1)
    twice_a_node = 2 * yarn.ask("metrics")["clusterMetrics"]["totalMB"] // 512
    yarn.cluster(queue="batch", n_workers=twice_a_node)
    yarn.until(lambda: (yarn_missing(url) or 0) > 0)


def test_where_there_is_no_yarn_nothing_is_known():
    assert yarn_missing("http://127.0.0.1:9/ws/v1/cluster/metrics") is None
