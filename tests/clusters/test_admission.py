"""Who may have what: nothing is made that is not admitted, and what is made counts until it has gone."""

from __future__ import annotations

import json
import signal

import dask.config
import pytest

from dask_dataproc import DataprocCluster
from dask_dataproc.clusters.account import Account
from dask_dataproc.clusters.config import user
from dask_dataproc.clusters.errors import BudgetExceeded, PermissionDenied, QuotaExceeded
from dask_dataproc.clusters.fleet import delete_cluster, stop_cluster
from dask_dataproc.clusters.ledger import Ledger
from dask_dataproc.clusters.standings import ledger_url, spending, standings
from dask_dataproc.clusters.sync import run

HERE = ("local", "us-central1")


@pytest.fixture
def standard(laptop):
    """Be a standard user."""
    with dask.config.set({"dataproc.quotas.class": "standard"}):
        yield laptop


def held() -> dict[str, tuple[int, float]]:
    """What the ledger has reserved for the caller, by clusters: workers and USD per hour."""
    account = standings(*HERE).account
    return {each.cluster: (each.workers, each.rate) for each in account.reservations.values()}


def mine(cluster: DataprocCluster) -> Account:
    """What the ledger that ``cluster`` is in has of the caller."""
    (account,) = (each for each in run(Ledger(ledger_url(cluster.spec.staging)).accounts()) if each.user == user())
    return account


def spent() -> float:
    (account,), now = spending(*HERE)
    return sum(sum(by.values()) for by in account.spending(now).values())


def test_what_is_over_the_quota_is_refused_before_anything_is_made(standard):
    with pytest.raises(QuotaExceeded) as refused:
        DataprocCluster(n_workers=4)
    assert refused.value.message.startswith("4 workers asked, 3 allowed for standard users; 56 GB of workers' memory")
    assert refused.value.hint.startswith("%dask_cluster up --workers 3")
    assert not standard.clusters()
    assert held() == {}


def test_fit_takes_the_largest_that_is_admitted(standard):
    with DataprocCluster(n_workers=7, fit=True, name="fitting") as cluster:
        assert cluster.record.total_workers == 3
        assert held() == {"fitting": (3, cluster.price_per_hour)}
        assert cluster.spec.lifetime == 4 * 3600, "that of the class, where nobody gave one"
    assert held() == {}


def test_clusters_count_together_and_the_error_names_those_in_use(standard):
    with DataprocCluster(n_workers=2, name="first"):
        with pytest.raises(QuotaExceeded, match=r"in use by first"):
            DataprocCluster(n_workers=2)
        with DataprocCluster(workers=0) as single:
            assert set(held()) == {"first", single.name}


def test_one_that_is_there_is_attached_to_however_full_the_quota(standard):
    with DataprocCluster(n_workers=3, name="full") as cluster:
        again = DataprocCluster(n_workers=3, name="full")
        assert again.record.uuid == cluster.record.uuid
        again.close()
        assert held() == {"full": (3, cluster.price_per_hour)}


def test_a_growth_is_admitted_and_counted_and_one_too_many_changes_nothing(standard):
    with DataprocCluster(n_workers=2, name="grows") as cluster:
        before = cluster.price_per_hour
        cluster.scale(3)
        assert held() == {"grows": (3, cluster.price_per_hour)}
        with pytest.raises(QuotaExceeded, match="5 workers asked, 3 allowed for standard users") as refused:
            cluster.scale(5)
        assert refused.value.hint.startswith("%dask_cluster scale 3")
        assert cluster.record.total_workers == 3
        with pytest.raises(QuotaExceeded, match="6 workers asked, 3 allowed"):
            cluster.adapt(minimum=2, maximum=6)
        cluster.scale(2)
        assert held() == {"grows": (2, before)}


def test_what_a_cluster_has_cost_is_spent_when_it_ends(laptop):
    before = spent()
    with DataprocCluster(n_workers=2) as cluster:
        price = cluster.price_per_hour
        assert spent() > before
    assert held() == {}
    assert 0 < spent() - before < price / 20
    assert spent() - before == pytest.approx(cluster.cost, abs=price / 3600)


def test_one_that_attaches_knows_what_the_cluster_cost_before_it_was_resized(laptop):
    with DataprocCluster(n_workers=2) as cluster:
        cluster.scale(4)
        other = DataprocCluster.from_name(cluster.name, hold_lease=False)
        assert other.cost == pytest.approx(cluster.cost, abs=cluster.price_per_hour / 3600)
        other.detach()


def test_a_stopped_cluster_takes_no_workers_and_costs_its_disks(standard):
    cluster = DataprocCluster(n_workers=3, name="sleeps")
    running = cluster.price_per_hour
    cluster.stop()
    (workers, rate) = held()["sleeps"]
    assert workers == 0
    assert 0 < rate < running / 10
    with DataprocCluster(n_workers=3, name="sleeps") as started:
        assert started.price_per_hour == running
        assert held() == {"sleeps": (3, running)}
    assert held() == {}


def test_a_cluster_that_is_deleted_from_elsewhere_counts_no_more(laptop):
    DataprocCluster(n_workers=2, name="made").detach()
    assert "made" in held()
    delete_cluster("made", *HERE)
    assert "made" not in held()
    DataprocCluster(n_workers=2, name="made").detach()
    stop_cluster("made", *HERE)
    assert held()["made"][0] == 0
    delete_cluster("made", *HERE)


def test_one_that_is_kept_counts_for_as_long_as_it_lives(laptop):
    with DataprocCluster(n_workers=2, name="kept", keep=True, lifetime=5 * 3600) as cluster:
        pass
    account = mine(cluster)
    (reserved,) = account.reservations.values()
    assert reserved.expires == pytest.approx(laptop.clusters()["kept"].lease_expires, abs=2)
    assert reserved.expires > cluster.record.created + 4 * 3600
    delete_cluster("kept", *HERE)


def test_a_jobs_cluster_counts_until_its_notebook_hands_it_back_and_its_dag_deletes_it(laptop):
    made = DataprocCluster(n_workers=2, name="job", lifetime=6 * 3600, hold_lease=False)
    made.detach()
    job = DataprocCluster.from_name("job", hold_lease=False)
    job.hand_back()
    (reserved,) = standings(*HERE).account.reservations.values()
    assert reserved.expires > made.record.created + 5 * 3600, "it is there still, as the list of clusters says"
    DataprocCluster.from_name("job", hold_lease=False).hand_back()
    account = mine(made)
    (reserved,) = account.reservations.values()
    assert reserved.expires < made.record.created + 3600
    delete_cluster("job", *HERE)


def test_a_cluster_that_the_ledger_has_lost_is_found_by_its_label(laptop):
    with DataprocCluster(n_workers=2, name="hidden") as cluster:
        run(Ledger(ledger_url(cluster.spec.staging)).release(user(), cluster._tenure.booking.key))
        assert held() == {"hidden": (2, cluster.price_per_hour)}


def test_what_a_cluster_cost_before_its_end_in_the_ledger_counts_when_it_is_attached_to_again(laptop):
    with DataprocCluster(n_workers=2, name="again") as cluster:
        key = cluster._tenure.booking.key
        run(Ledger(ledger_url(cluster.spec.staging)).release(user(), key))
        with DataprocCluster.from_name("again", hold_lease=False) as again:
            account = mine(again)
            assert again.cost >= account.costs[key] > 0
            assert again.cost == pytest.approx(cluster.cost, rel=0.1)


def test_a_budget_that_is_a_hard_stop_refuses_and_another_one_warns(laptop):
    with dask.config.set({"dataproc.budgets.user": 0.01, "dataproc.budgets.hard-stop": True}):
        with pytest.raises(BudgetExceeded, match=r"expected for this cluster, .* left of 0\.01 USD"):
            DataprocCluster(n_workers=2)
        assert held() == {}
    with dask.config.set({"dataproc.budgets.user": 0.01}), DataprocCluster(n_workers=2) as cluster:
        (admitted,) = (phase for phase in cluster.phases if phase.name == "admit")
        assert "left of 0.01 USD" in admitted.detail


def test_a_role_that_may_make_none_is_told_whom_to_ask(laptop):
    roles = {"users": {user(): "data_scientist", "cy": "platform_admin"}}
    with (
        dask.config.set({"dataproc.quotas.roles": roles}),
        pytest.raises(PermissionDenied, match=f"making clusters: {user()} is a data_scientist") as refused,
    ):
        DataprocCluster(n_workers=2)
    assert "cy (platform_admin)" in refused.value.hint


def test_the_pool_of_all_is_bounded(laptop):
    with dask.config.set({"dataproc.quotas.pool": 1}), DataprocCluster(workers=0, name="one"):
        with pytest.raises(QuotaExceeded, match="2 clusters at a time asked, 1 allowed for all users"):
            DataprocCluster(workers=0)
        assert set(held()) == {"one"}


def test_a_killed_kernels_reservation_holds_until_its_lease_and_blocks_nobody_after_it(new_laptop):
    laptop = new_laptop(emulator__clock_scale="120", lease="20m", quotas__class="standard")
    script = """
        from dask_dataproc import DataprocCluster
        cluster = DataprocCluster(n_workers=3, name="left")
        print("up", flush=True)
        input()
    """
    kernel = laptop.start(script)
    assert kernel.stdout is not None
    assert kernel.stdout.readline() == "up\n"
    kernel.send_signal(signal.SIGKILL)
    kernel.communicate(timeout=30)
    with laptop.here():
        assert set(held()) == {"left"}
        laptop.until(lambda: not laptop.clusters(), 60)
        (account,), _ = spending(*HERE)
        assert not account.reservations
        assert account.spent
        with DataprocCluster(n_workers=3):
            pass
        file = next((laptop.state / "staging" / "ledger" / "users").glob("*.json"))
        assert json.loads(file.read_text())["reservations"] == {}
