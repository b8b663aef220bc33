"""Spot workers are taken away: what only they held is not lost, and others come in their place."""

from __future__ import annotations

import random

from dask_dataproc import DataprocCluster


def spot(cluster) -> dict[str, str]:
    """The address of each registered spot worker by its machine's name."""
    infos = cluster.scheduler_info["workers"]
    return {info["name"]: address for address, info in infos.items() if "-sw-" in info["name"]}


def test_what_only_preempted_workers_held_outlives_them(laptop, faults):
    with (
        DataprocCluster(n_workers=2, secondary_workers=2, secondary_type="spot") as cluster,
        cluster.get_client() as client,
    ):
        before = spot(cluster)
        source = {name: random.Random(name).randbytes(5_000_000) for name in before}
        scattered = {name: client.scatter(source[name], workers=[before[name]]) for name in before}
        computed = [client.submit(random.random, workers=[address], pure=False) for address in before.values()]
        values = client.gather(computed)
        faults.ask("preempt", cluster=cluster.name)
        laptop.until(lambda: not set(spot(cluster).values()) & set(before.values()))
        assert client.gather(scattered) == source
        assert client.gather(computed) == values, "computed again, with other random numbers"
        laptop.until(lambda: set(spot(cluster)) == set(before))
        assert client.submit(sum, [1, 2]).result() == 3
        cluster.scale(2)
        assert client.gather(scattered) == source


def test_a_preemption_in_the_middle_of_a_scale_down_loses_nothing(laptop, faults):
    with (
        DataprocCluster(n_workers=2, secondary_workers=2, secondary_type="spot") as cluster,
        cluster.get_client() as client,
    ):
        held = [client.scatter(f"on {name}" * 1000, workers=[address]) for name, address in spot(cluster).items()]
        before = client.gather(held)
        faults.ask("preempt", cluster=cluster.name, count=1)
        cluster.scale(2)
        assert client.gather(held) == before
        assert spot(cluster) == {}
