"""Up, a result, and down: a cluster comes whole and leaves nothing."""

from __future__ import annotations

import contextlib
import urllib.error
import urllib.request

import pytest

from dask_dataproc import ClusterSpec, DataprocCluster
from dask_dataproc.clusters.errors import ClusterNotFound
from dask_dataproc.clusters.phases import UP, Phase


def run_script(laptop, text: str) -> tuple[int, str, str]:
    """Run ``text`` as a script of its own; return its exit status and what it wrote."""
    script = laptop.start(text)
    out, errors = script.communicate(timeout=60)
    return script.returncode, out, errors


def test_a_cluster_computes_and_leaves_nothing_when_it_is_closed(laptop):
    with DataprocCluster(n_workers=2) as cluster, cluster.get_client() as client:
        assert client.submit(sum, [1, 2]).result() == 3
        assert set(laptop.machines(cluster.name).values()) == {f"{cluster.name}-{of}" for of in ("m", "w-0", "w-1")}
        assert cluster.record.uuid in [folder.name for folder in laptop.staged()]
    assert cluster.name not in laptop.clusters()
    assert not laptop.machines(cluster.name)
    assert cluster.record.uuid not in [folder.name for folder in laptop.staged()]
    assert cluster.record.uuid not in [folder.name for folder in (laptop.state / "emulator/machines").glob("*")]


def test_closing_twice_is_closing_once(laptop):
    cluster = DataprocCluster(n_workers=2)
    assert (cluster.close(), cluster.close()) == (None, None)


def test_a_single_node_is_scheduler_and_worker_in_one(laptop):
    with DataprocCluster(workers=0) as cluster, cluster.get_client() as client:
        assert client.submit(sum, [1, 2]).result() == 3
        assert set(laptop.machines(cluster.name).values()) == {f"{cluster.name}-m"}
        assert len(cluster.scheduler_info["workers"]) == 1


def test_a_spec_a_mapping_and_keywords_make_the_same_cluster(laptop):
    spec = ClusterSpec(name="from-a-spec", workers=0, labels={"team": "risk"})
    with DataprocCluster(spec) as one:
        assert (one.name, one.spec.workers, one.record.labels["team"]) == ("from-a-spec", 0, "risk")
    with DataprocCluster(spec.to_dict(), name="from-a-mapping") as other:
        assert other.spec == one.spec.replace(name="from-a-mapping")


def test_the_phases_are_told_as_they_begin_and_end_and_in_order(laptop):
    told: list[Phase] = []
    with DataprocCluster(n_workers=2, on_phase=told.append) as cluster:
        begun = [phase.name for phase in told if phase.seconds is None]
        ended = [phase for phase in told if phase.seconds is not None]
        assert begun == [phase.name for phase in ended] == list(UP)
        assert cluster.phases == ended
        assert all(phase.seconds >= 0 and not phase.failed for phase in ended)
        assert [phase.started for phase in ended] == sorted(phase.started for phase in ended)
        assert cluster.name in next(phase.detail for phase in ended if phase.name == "create")
    assert [phase.name for phase in cluster.phases[len(UP) :]] == ["down"]


def test_the_cost_grows_from_the_creation_on(cluster):
    before = cluster.cost
    assert 0 < before < cluster.cost
    now = cluster._service.clock.now
    earliest, seconds, latest = now(), cluster.cost / cluster.price_per_hour * 3600, now()
    assert seconds <= latest - cluster.record.created
    assert seconds >= earliest - cluster.record.created - sum(phase.seconds for phase in cluster.phases)


def test_what_a_deleted_cluster_has_cost_does_not_grow(laptop):
    with laptop.here():
        gone = DataprocCluster(n_workers=2)
        shown = gone._repr_html_()
        gone.close()
    assert gone.cost == gone.cost > 0
    assert "<strong>Price per hour:</strong> $0.74" in shown
    assert "<strong>Cost so far:</strong> $0.00" in shown


def test_the_dashboard_link_answers_with_the_plots(laptop, cluster):
    def page() -> str:
        # The first head of an emulator imports the plots while it already schedules: 404 until then.
        with contextlib.suppress(urllib.error.HTTPError), urllib.request.urlopen(cluster.dashboard_link) as answer:
            return answer.read().decode()
        return ""

    assert "bokeh.min.js" in laptop.until(page)


def test_the_logs_are_of_the_cluster_the_scheduler_and_each_worker(cluster):
    logs = cluster.get_logs()
    assert set(logs) == {"Cluster", "Scheduler", *cluster.scheduler_info["workers"]}
    assert "workers 2 to register in" in logs["Cluster"]
    assert "Scheduler at" in logs["Scheduler"]


def test_a_script_that_forgets_to_close_leaves_nothing(laptop):
    script = """
        from dask_dataproc import DataprocCluster
        cluster = DataprocCluster(workers=0)
        print(cluster.name)
    """
    status, name, errors = run_script(laptop, script)
    assert (status, errors) == (0, "")
    assert name.strip() not in laptop.clusters()
    assert not laptop.machines(name.strip())


def test_a_script_that_ends_by_an_error_leaves_nothing_and_says_only_that(laptop):
    script = """
        from dask_dataproc import DataprocCluster
        with DataprocCluster(workers=0, name="failing"):
            1 / 0
    """
    status, _, errors = run_script(laptop, script)
    assert status == 1
    assert errors.splitlines()[-1] == "ZeroDivisionError: division by zero"
    assert "failing" not in laptop.clusters()


def test_two_scripts_at_once_start_one_emulator(new_laptop):
    laptop = new_laptop()
    script = """
        import sys
        from dask_dataproc import DataprocCluster
        with DataprocCluster(workers=0, name=sys.argv[1]) as cluster, cluster.get_client() as client:
            print(client.submit(sum, [1, 2]).result(), flush=True)
            sys.stdin.read()
    """
    scripts = [laptop.start(script, name) for name in ("one", "two")]
    assert [script.stdout.readline() for script in scripts] == ["3\n", "3\n"]
    servers = [p for p in laptop.processes() if p.cmdline()[1:3] == ["-m", "dask_dataproc.emulator"]]
    assert len(servers) == 1
    assert set(laptop.clusters()) == {"one", "two"}
    assert [script.communicate(timeout=30) and script.returncode for script in scripts] == [0, 0]
    assert laptop.clusters() == {}


def test_a_name_nobody_has_cannot_be_attached_to(laptop):
    with pytest.raises(ClusterNotFound, match="nobody-has-this"):
        DataprocCluster.from_name("nobody-has-this")
    assert "nobody-has-this" not in laptop.clusters()
