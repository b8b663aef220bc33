"""Out of machines, out of quota: what is tried, what a person sees, and what is left."""

from __future__ import annotations

import pytest

from dask_dataproc import DataprocCluster, QuotaExceeded, Stockout


def told(phases, name: str) -> list[str]:
    return [phase.detail for phase in phases if phase.name == name]


def test_the_cluster_comes_up_in_the_zone_that_dataproc_names(laptop, faults):
    faults.ask("stockout", zones="us-central1-b", zonesAvailable="us-central1-f")
    with DataprocCluster(n_workers=2, zone="us-central1-b") as cluster, cluster.get_client() as client:
        assert client.submit(sum, [1, 2]).result() == 3
        assert cluster.spec.zone == "us-central1-f"
        (said,) = told(cluster.phases, "retry")
        assert said.startswith("The zone 'projects/local/zones/us-central1-b' does not have enough resources available")
        assert said.endswith("next in us-central1-f")
        assert told(cluster.phases, "create")[1].endswith("local/us-central1-f")
        assert set(laptop.machines(cluster.name).values()) == {f"{cluster.name}-{of}" for of in ("m", "w-0", "w-1")}
        assert DataprocCluster.from_name(cluster.name).close() is None
    assert cluster.name not in laptop.clusters()


def test_without_a_zone_that_has_them_the_next_machine_type_is_taken(laptop, faults):
    faults.ask("stockout", times=9, machine="n2-standard-4", zonesAvailable="")
    with DataprocCluster(n_workers=2, fallbacks="n2d-standard-4") as cluster:
        assert (cluster.spec.worker_machine, cluster.spec.master_machine) == ("n2d-standard-4", "n2d-standard-4")
        assert told(cluster.phases, "retry")[0].endswith("next 2 × n2d-standard-4")
        assert cluster.price_per_hour is not None


def test_spot_workers_become_standard_ones(laptop, faults):
    faults.ask("stockout", times=9, spot="true", zonesAvailable="")
    with DataprocCluster(n_workers=2, secondary_workers=1, secondary_type="spot") as cluster:
        assert cluster.spec.secondary_type == "non-preemptible"
        assert len(cluster.scheduler_info["workers"]) == 3
        assert told(cluster.phases, "retry")[0].endswith("next non-preemptible secondary workers")


def test_with_nothing_left_to_try_the_error_says_what_was_and_nothing_is_left(laptop, faults):
    faults.ask("stockout", times=99)
    with pytest.raises(Stockout, match=r"does not have enough resources.*; no more luck in us-central1-a; in ") as e:
        DataprocCluster(name="nowhere", n_workers=2)
    assert "--region" in e.value.hint
    assert "nowhere" not in laptop.clusters()
    assert not laptop.machines("nowhere")


def test_attempts_end_with_the_time_for_an_up(laptop, faults):
    import dask

    from dask_dataproc import WaitTimeout

    faults.ask("slow-create", times=99, seconds=1)
    faults.ask("stockout", times=99)
    patience = dask.config.set({"dataproc.timeouts.create": "2s"})
    with patience, pytest.raises(WaitTimeout, match="endless: not up after 2 s; it has been deleted"):
        DataprocCluster(name="endless", n_workers=2)
    assert "endless" not in laptop.clusters()


def test_a_short_quota_is_said_in_one_line_with_what_fits(laptop, faults):
    faults.ask("quota", available=21)
    with pytest.raises(QuotaExceeded) as caught:
        DataprocCluster(name="greedy", n_workers=6)
    asked = "create greedy: 28 CPUS asked, 21 left in the project's quota; 4 × n2-standard-4 fits"
    assert caught.value.lines() == (
        f"QuotaExceeded: {asked}\n  Try:  %dask_cluster up --fit   (or fit=True: takes 4 × n2-standard-4)"
    )
    assert "greedy" not in laptop.clusters()


def test_fit_takes_what_fits(laptop, faults):
    faults.ask("quota", times=9, available=13)
    with DataprocCluster(n_workers=6, fit=True) as cluster:
        assert len(cluster.scheduler_info["workers"]) == cluster.record.total_workers == cluster.spec.workers == 2
        assert told(cluster.phases, "retry") == [
            "28 CPUS asked, 13 left in the project's quota; next 2 × n2-standard-4"
        ]


def test_a_quota_that_not_even_a_single_node_fits_into_is_an_error_with_fit_too(laptop, faults):
    faults.ask("quota", times=9, available=1)
    with pytest.raises(QuotaExceeded, match=r"28 CPUS asked, 1 left in the project's quota$"):
        DataprocCluster(name="greedy", n_workers=6, fit=True)
    assert "greedy" not in laptop.clusters()


@pytest.fixture
def cluster(laptop, faults):
    with DataprocCluster(n_workers=2, secondary_type="spot") as running:
        yield running


def test_a_scale_into_a_stockout_leaves_the_cluster_as_it_was(laptop, faults, cluster):
    price = cluster.price_per_hour
    faults.ask("stockout", times=2, cluster=cluster.name)
    with pytest.raises(Stockout, match=f"{cluster.name} has 2 workers as before"):
        cluster.scale(4)
    assert faults.left() == [], "spot workers, and then primary ones, were tried"
    assert cluster.price_per_hour == price
    assert (cluster.record.status, cluster.record.total_workers) == ("RUNNING", 2)
    assert len(cluster.plan) == 2
    assert set(laptop.machines(cluster.name).values()) == {f"{cluster.name}-{of}" for of in ("m", "w-0", "w-1")}
    cluster.scale(3)
    assert len(cluster.scheduler_info["workers"]) == 3


def test_where_there_are_no_spot_workers_a_cluster_grows_by_primary_ones(laptop, faults, cluster):
    faults.ask("stockout", cluster=cluster.name)
    cluster.scale(4)
    assert (cluster.record.workers, cluster.record.secondary_workers) == (4, 0)
    assert told(cluster.phases, "scale") == ["2 to 4 workers", "2 to 4 workers, 4 of them primary"]
    cluster.scale(2)
    assert (cluster.record.workers, cluster.record.secondary_workers) == (2, 0)


def test_a_scale_beyond_the_quota_names_the_largest_size_that_fits(laptop, faults, cluster):
    faults.ask("quota", available=9, cluster=cluster.name)
    with pytest.raises(QuotaExceeded) as caught:
        cluster.scale(6)
    assert caught.value.lines() == (
        f"QuotaExceeded: update {cluster.name}: 16 CPUS asked, 9 left in the project's quota; "
        f"{cluster.name} has 2 workers as before, 4 fit\n  Try:  %dask_cluster scale 4"
    )
    cluster.scale(4)


def test_adapting_outlives_a_stockout(laptop, faults, cluster, caplog):
    from distributed import Event

    faults.ask("stockout", times=2, cluster=cluster.name)
    adaptive = cluster.adapt(minimum=2, maximum=4, interval="100ms")
    with cluster.get_client() as client:
        release = Event("release")
        blocked = client.map(lambda i: (Event("release").wait("30s"), i)[1], range(40))
        laptop.until(lambda: "the next try is in 60 s" in caplog.text)
        adaptive._not_before = 0.0
        laptop.until(lambda: len(cluster.scheduler_info["workers"]) == 4)
        release.set()
        assert client.gather(blocked) == list(range(40))
