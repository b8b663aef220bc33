"""Alerts for real: a Prometheus scrapes a cluster that loses a worker, fills its memory, and costs too much.

Its rules are those of infra/monitoring, at a pace of 120: what they wait minutes for, takes half a second each.
"""

from __future__ import annotations

import os
import signal
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
def cluster(laptop_of_all):
    """One whose workers may have a gibibyte each: a test fills it."""
    with DataprocCluster(name=NAME, n_workers=2, worker_machine="e2-highcpu-2") as running:
        yield running


@pytest.fixture(scope="module")
def address(cluster) -> str:
    """Where its head's metrics are."""
    return urlsplit(cluster.dashboard.here).netloc


@pytest.fixture(scope="module")
def prometheus(address, laptop_of_all, prometheus_program, generate, source, tmp_path_factory):
    program, folder = prometheus_program("prometheus"), tmp_path_factory.mktemp("prometheus")
    scraped, rules = of_ones_own(address, NAME), generate.rules(source, PACE)
    with running(program, folder, scraped, laptop_of_all.until, rules) as prometheus:
        laptop_of_all.until(lambda: prometheus.query("dask_dataproc_workers"))
        yield prometheus


def test_a_killed_worker_fires_and_another_in_its_place_resolves(prometheus, cluster, laptop_of_all):
    laptop_of_all.until(lambda: not prometheus.firing("DaskWorkerDown"))
    cut_power(laptop_of_all, next(iter(workers(laptop_of_all))))
    laptop_of_all.until(lambda: prometheus.firing("DaskWorkerDown"))
    (alert,) = prometheus.firing("DaskWorkerDown")
    assert alert["labels"]["cluster"] == NAME
    assert alert["annotations"]["summary"].startswith(f"{NAME} of ")
    assert alert["annotations"]["summary"].endswith(" has 1 workers, fewer than are wanted")
    assert alert["annotations"]["runbook_url"] == "docs/runbook.md#worker-down"
    cluster.scale(3)
    laptop_of_all.until(lambda: not prometheus.firing("DaskWorkerDown"))


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


def test_memory_that_fills_up_fires_and_resolves_when_it_is_freed(prometheus, cluster, laptop_of_all):
    fill.__module__ = "__main__"  # it travels by value: workers cannot import this file
    with cluster.get_client() as client:
        address, about = next(iter(client.scheduler_info()["workers"].items()))
        assert not prometheus.firing("WorkerMemoryHigh")
        client.run(fill, 0.93, workers=[address])
        laptop_of_all.until(lambda: prometheus.firing("WorkerMemoryHigh"))
        (alert,) = prometheus.firing("WorkerMemoryHigh")
        assert (alert["labels"]["cluster"], alert["labels"]["worker"]) == (NAME, about["name"])
        assert not prometheus.firing("WorkerMemoryExhausted")
        client.run(fill, 0.0, workers=[address])
        laptop_of_all.until(lambda: not prometheus.firing("WorkerMemoryHigh"))


def test_a_budget_that_is_crossed_fires_and_resolves_when_less_is_spent(prometheus, cluster, laptop_of_all):
    cluster.scale(3)
    budget = cluster.price_per_hour / 0.92
    cluster.scale(2)
    with dask.config.set({"dataproc.budgets.hourly": budget}):
        laptop_of_all.until(lambda: prometheus.query(f"dask_dataproc_user_budget_usd == {budget}"))
        laptop_of_all.until(lambda: not prometheus.firing("UserSpending80"))
        cluster.scale(3)
        laptop_of_all.until(lambda: prometheus.firing("UserSpending90"))
        (warning,), (critical,) = prometheus.firing("UserSpending80"), prometheus.firing("UserSpending90")
        assert (warning["labels"]["severity"], critical["labels"]["severity"]) == ("warning", "critical")
        assert critical["annotations"]["summary"].endswith(" has spent 92% of the hourly budget")
        assert not prometheus.firing("UserSpending95")
        cluster.scale(2)
        laptop_of_all.until(lambda: not (prometheus.firing("UserSpending80") or prometheus.firing("UserSpending90")))


def test_the_dashboards_find_what_the_ops_agent_has_scraped(
    cluster, address, laptop_of_all, prometheus_program, tmp_path
):
    scraped = of_the_agent(scrape_config(NAME, True, []), address)
    told = laptop_of_all.until
    with (
        dask.config.set({"dataproc.budgets.hourly": 100}),
        cluster.get_client() as client,
        running(prometheus_program("prometheus"), tmp_path, scraped, told) as agent,
    ):
        client.submit(abs, -1).result()
        told(lambda: agent.query("rate(dask_task_duration_seconds_count[5m])"))
        queries = [query for file in MONITORING.glob("dashboards/*.json") for query in queries_of(file)]
        scraped_ones = [query for query in queries if "_googleapis_com:" not in query]
        assert len(scraped_ones) > 20
        for query in scraped_ones:
            asked = query.replace("${Cluster}", f'{LABEL}="{NAME}"')
            told(lambda asked=asked: agent.query(asked))
        assert {labels[LABEL] for labels, _ in agent.query(f'{{{LABEL}=~".+"}}')} == {NAME}
