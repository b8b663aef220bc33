"""Alerts for real: a Prometheus scrapes a cluster that loses a worker, fills its memory, and costs too much.

Its rules are those of infra/monitoring, at a pace of 120: what they wait minutes for, takes half a second each.
"""

from __future__ import annotations

import os
import signal
from functools import partial
from urllib.parse import urlsplit

import dask
import pytest

from dask_dataproc import DataprocCluster
from dask_dataproc.clusters import reporting
from dask_dataproc.init_actions.scrape_config import LABEL, scrape_config

from .conftest import MONITORING
from .prometheus import of_ones_own, of_the_agent, running
from .queries import queries_of

PACE = 120
NAME = "watched"


@pytest.fixture(scope="module")
def laptop_of_all(new_laptop):
    """A laptop whose clusters tell their heads the owner's spending as soon as it has changed."""
    with pytest.MonkeyPatch.context() as patch:
        patch.setattr(reporting, "EVERY", 0.2)
        laptop = new_laptop()
        with laptop.here():
            yield laptop


@pytest.fixture(scope="module")
def until(laptop_of_all):
    """Wait until something holds; a machine that has much to do misses scrapes, and an alert begins to wait anew."""
    return partial(laptop_of_all.until, timeout=90)


@pytest.fixture(scope="module")
def cluster(laptop_of_all):
    """One whose workers may have a gibibyte each: a test fills it."""
    with DataprocCluster(name=NAME, n_workers=2, worker_machine="e2-highcpu-2") as running:
        yield running


@pytest.fixture(scope="module")
def address(cluster) -> str:
    """Where its head's metrics are."""
    return urlsplit(cluster.dashboard.here).netloc


@pytest.fixture(scope="module")
def prometheus(address, until, prometheus_program, generate, source, tmp_path_factory):
    program, folder = prometheus_program("prometheus"), tmp_path_factory.mktemp("prometheus")
    scraped, rules = of_ones_own(address, NAME), generate.rules(source, PACE)
    with running(program, folder, scraped, until, rules) as prometheus:
        until(lambda: prometheus.query("dask_dataproc_workers"))
        yield prometheus


def test_a_killed_worker_fires_and_another_in_its_place_resolves(prometheus, cluster, laptop_of_all, until):
    cluster.scale(2)
    until(lambda: not prometheus.firing("DaskWorkerDown"))
    cut_power(laptop_of_all, next(iter(workers(laptop_of_all))))
    until(lambda: prometheus.firing("DaskWorkerDown"))
    (alert,) = prometheus.firing("DaskWorkerDown")
    assert alert["labels"]["cluster"] == NAME
    assert alert["annotations"]["summary"].startswith(f"{NAME} of ")
    assert alert["annotations"]["summary"].endswith(" has 1 workers, fewer than are wanted")
    assert alert["annotations"]["runbook_url"] == "docs/runbook.md#worker-down"
    cluster.scale(3)
    until(lambda: not prometheus.firing("DaskWorkerDown"))


def workers(laptop) -> set[str]:
    return {name for name in laptop.machines(NAME).values() if not name.endswith("-m")}


def cut_power(laptop, machine: str) -> None:
    pids = [pid for pid, name in laptop.machines(machine).items() if name == machine]
    os.killpg(os.getpgid(pids[0]), signal.SIGKILL)
    laptop.until(lambda: machine not in laptop.machines().values())


def fill(share: float, dask_worker=None) -> None:
    """Have the process of a worker use ``share`` of its limit."""
    import psutil

    dask_worker.filled = None
    room = share * dask_worker.memory_manager.memory_limit - psutil.Process().memory_info().rss
    dask_worker.filled = b"x" * max(0, int(room))


def test_memory_that_fills_up_fires_and_resolves_when_it_is_freed(prometheus, cluster, until):
    fill.__module__ = "__main__"  # it travels by value: workers cannot import this file
    with cluster.get_client() as client:
        address, about = next(iter(client.scheduler_info()["workers"].items()))
        assert not prometheus.firing("WorkerMemoryHigh")
        client.run(fill, 0.93, workers=[address])
        until(lambda: prometheus.firing("WorkerMemoryHigh"))
        (alert,) = prometheus.firing("WorkerMemoryHigh")
        assert (alert["labels"]["cluster"], alert["labels"]["worker"]) == (NAME, about["name"])
        assert not prometheus.firing("WorkerMemoryExhausted")
        client.run(fill, 0.0, workers=[address])
        until(lambda: not prometheus.firing("WorkerMemoryHigh"))


def test_a_budget_that_is_crossed_fires_and_resolves_when_less_is_spent(prometheus, cluster, until):
    cluster.scale(3)
    budget = cluster.price_per_hour / 0.92
    cluster.scale(2)
    with dask.config.set({"dataproc.budgets.hourly": budget}):
        until(lambda: prometheus.query(f"dask_dataproc_user_budget_usd == {budget}"))
        until(lambda: not prometheus.firing("UserSpending80"))
        cluster.scale(3)
        until(lambda: prometheus.firing("UserSpending90"))
        (warning,), (critical,) = prometheus.firing("UserSpending80"), prometheus.firing("UserSpending90")
        assert (warning["labels"]["severity"], critical["labels"]["severity"]) == ("warning", "critical")
        assert critical["annotations"]["summary"].endswith(" has spent 92% of the hourly budget")
        assert not prometheus.firing("UserSpending95")
        cluster.scale(2)
        until(lambda: not (prometheus.firing("UserSpending80") or prometheus.firing("UserSpending90")))


@pytest.fixture
def agent(address, until, prometheus_program, tmp_path):
    """A Prometheus that has what the Ops Agent scrapes, with the labels that it adds."""
    scraped = of_the_agent(scrape_config(NAME, True, []), address)
    with running(prometheus_program("prometheus"), tmp_path, scraped, until) as agent:
        yield agent


def test_dashboards_and_policies_find_what_the_ops_agent_has_scraped(cluster, until, agent):
    with dask.config.set({"dataproc.budgets.hourly": 100}), cluster.get_client() as client:
        client.submit(abs, -1).result()
        queries = [query for file in MONITORING.glob("dashboards/*.json") for query in queries_of(file)]
        scraped = [query for query in queries if "_googleapis_com:" not in query]
        assert len(scraped) > 20
        for query in scraped:
            asked = query.replace("${Cluster}", f'{LABEL}="{NAME}"')
            until(lambda asked=asked: agent.query(asked))
    for file in MONITORING.glob("policies/*.json"):
        (query,) = queries_of(file)
        agent.query(query)  # an error if it cannot be read
    (idle,) = until(lambda: agent.query(queries_of(MONITORING / "policies" / "ClusterUtilizationLow.json")[0]))
    assert idle[0] == {LABEL: NAME, "owner": cluster.spec.labels["owner"]}
    assert {labels[LABEL] for labels, _ in agent.query(f'{{{LABEL}=~".+"}}')} == {NAME}
