"""A spot worker that Compute Engine takes away: what it holds is kept, and another comes in its place."""

from __future__ import annotations

from dask_dataproc import DataprocCluster


def workers(cluster) -> dict[str, str]:
    return {about["name"]: address for address, about in cluster.scheduler_info["workers"].items()}


def test_a_preempted_worker_hands_on_its_data_and_is_replaced(laptop, faults):
    with DataprocCluster(n_workers=2, secondary_workers=1, secondary_type="spot") as cluster:
        spot = f"{cluster.name}-sw-0"
        before = workers(cluster)
        with cluster.get_client() as client:
            only_copy = client.scatter([1, 2, 3], workers=[before[spot]], hash=False)
            assert set(client.who_has([only_copy]).popitem()[1]) == {before[spot]}
            assert faults.ask("preempt", cluster=cluster.name) == [spot]
            laptop.until(lambda: workers(cluster).get(spot, before[spot]) != before[spot])
            assert client.gather(only_copy) == [1, 2, 3]
            assert client.sync(client.scheduler.preemptions) == {"last_hour": 1, "limit": 10}
        now = workers(cluster)
        assert {name: now[name] for name in now if name != spot} == {n: a for n, a in before.items() if n != spot}
