"""A job's cluster out of a session: what travels, what does not, and of which size it becomes."""

from __future__ import annotations

import datetime

import pytest

from dask_dataproc.clusters.config import resolve
from dask_dataproc.clusters.history import Run
from dask_dataproc.clusters.machines import GIB
from dask_dataproc.clusters.spec import ClusterSpec
from dask_dataproc.clusters.spending import listed
from dask_dataproc.pipelines.edit import check
from dask_dataproc.pipelines.export_diff import changes, unified
from dask_dataproc.pipelines.generator import generate_dag, write_dag
from dask_dataproc.pipelines.promotion import promoted
from dask_dataproc.pipelines.schedule import in_words, next_runs

NOTEBOOK = {"cells": [], "metadata": {"dask_dataproc": {"retries": 1}}, "nbformat": 4}
NOW = datetime.datetime(2026, 11, 26, 7, 0, tzinfo=datetime.UTC)


def session(**fields) -> ClusterSpec:
    given = {"project": "proj-x", "staging": "gs://b/dask", "worker_machine": "n2-highmem-8", "workers": 8}
    return resolve(given | fields)


def run(**measured) -> Run:
    used = {"workers": 8, "seconds": 600.0, "peak_memory": 8 * GIB, "worker_peak": GIB, "cpu_efficiency": 0.1}
    return Run(
        **{"workload": "interactive", "at": 0.0, "machine": "n2-highmem-8", "input_bytes": 0, "cost": 1.0}
        | {"ok": True}
        | used
        | measured
    )


def rate(spec: ClusterSpec) -> float | None:
    price = listed(spec)
    return price.total if price else None


def size(cluster) -> int:
    spec = ClusterSpec.from_dict(cluster)
    return spec.workers + spec.secondary_workers


def test_a_session_that_was_hardly_used_becomes_a_small_job_and_says_why():
    found = promoted(session(), run(), rate)
    assert size(found.cluster) == 2
    took, got = found.said
    assert "8 × n2-highmem-8; its threads were busy 10% of 10 min of work, at most 8.0 GiB were held" in took
    assert got.startswith("The job gets 2 × n2-highmem-8 ($")
    assert "--as-is keeps the session's size" in got


def test_memory_that_was_needed_is_kept():
    found = promoted(session(), run(peak_memory=300 * GIB, worker_peak=38 * GIB), rate)
    assert size(found.cluster) >= 6
    assert "hold what it needs" in found.said[1]


def test_a_session_that_was_busy_throughout_grows_at_most_to_twice_its_size():
    assert 8 < size(promoted(session(max_workers=100), run(cpu_efficiency=0.98), rate).cluster) <= 16


@pytest.mark.parametrize(
    ("fields", "measured", "why"),
    [
        ({}, None, "nothing was computed"),
        ({}, {"ok": False}, "tasks failed"),
        ({"workers": 0}, {"workers": 1}, "a single node is the smallest"),
        ({"worker_machine": "z9-giga-8"}, {"machine": "z9-giga-8"}, "is not known here"),
    ],
)
def test_where_the_use_says_nothing_the_size_stays_and_the_reason_is_said(fields, measured, why):
    spec = session(**fields)
    found = promoted(spec, None if measured is None else run(**measured), rate)
    assert size(found.cluster) == spec.workers
    assert why in found.said[1]


def test_as_is_keeps_the_size():
    assert size(promoted(session(), run(), rate, as_is=True).cluster) == 8


def test_spot_workers_stay_the_share_they_were():
    found = promoted(session(workers=4, secondary_workers=4, secondary_type="spot"), run(peak_memory=250 * GIB), rate)
    spec = ClusterSpec.from_dict(found.cluster)
    assert spec.secondary_type == "spot"
    assert spec.secondary_workers == spec.workers or spec.secondary_workers == spec.workers - 1


def test_what_is_the_sessions_alone_does_not_travel_and_its_place_only_if_airflow_reaches_it():
    cloud = promoted(session(lifetime="20m", labels={"team": "risk"}), None, rate).cluster
    assert cloud["labels"] == {"team": "risk"}
    assert (cloud["project"], cloud["staging"]) == ("proj-x", "gs://b/dask")
    here = promoted(resolve({"workers": 2, "worker_machine": "n2-highmem-8"}, local=True), None, rate).cluster
    assert here == {"worker_machine": "n2-highmem-8"}
    for cluster in (cloud, here):
        assert not {"name", "lifetime"} & set(cluster)
        _, spec = check(NOTEBOOK, {"retries": 1, "cluster": cluster})
        assert spec.lifetime > 2 * 7200  # of all tries, and not the session's


def dag(cell: str = "day: str = 'x'", **job) -> str:
    cells = [{"cell_type": "code", "metadata": {"tags": ["parameters"]}, "source": cell}]
    document = {"cells": cells, "metadata": {"dask_dataproc": job}, "nbformat": 4}
    return generate_dag(document, "/n/job.ipynb", job.pop("environment", ""))


def test_nothing_has_changed_where_nothing_has():
    assert changes(dag(), dag()) == []
    assert unified(dag(), dag(), "job.py") == ""


@pytest.mark.parametrize(
    ("made", "said"),
    [
        (dag(schedule="@daily"), ["DAG schedule: None → '@daily'"]),
        (dag("day: str = 'y'"), ["parameter day: Param('x', type='string') → Param('y', type='string')"]),
        (dag("day: str = 'x'\nn: int = 1"), ["parameter n: new, Param(1, type='integer')"]),
        (dag("pass"), ["parameter day: gone, it was Param('x', type='string')"]),
        (dag(owner="risk"), ["label owner: 'airflow' → 'risk'"]),
    ],
)
def test_a_change_is_said_in_words(made, said):
    assert set(said) <= set(changes(dag(), made))


def test_machines_and_packages_are_told_apart():
    cloud = {"project": "p", "staging": "gs://b/dask"}
    one, other = (
        generate_dag({"cells": [], "metadata": {"dask_dataproc": {"cluster": cloud | more}}}, "job.ipynb", key)
        for more, key in (({}, "aaaa"), ({"workers": 5}, "bbbb"))
    )
    told = changes(one, other)
    assert "cluster worker_config.num_instances: 2 → 5" in told
    assert "packages: another environment, aaaa → bbbb" in told


@pytest.mark.parametrize("there", ["not ( python", "import os\nos.system('x')"])
def test_a_file_that_is_no_dag_of_ours_is_compared_all_the_same(there):
    assert changes(there, dag())
    assert "+import time" in unified(there, dag(), "job.py")


def test_a_cluster_that_is_given_stands_in_the_dag_in_place_of_the_metadatas(tmp_path):
    (tmp_path / "job.ipynb").write_text('{"cells": [], "metadata": {"dask_dataproc": {"cluster": {"workers": 2}}}}')
    written = write_dag(tmp_path / "job.ipynb", tmp_path / "dags", {"workers": 7})
    assert '"num_instances": 7' in written.read_text()


def test_the_next_runs_are_those_of_airflow_in_utc():
    assert [f"{time:%d %H:%M}" for time in next_runs("0 6 * * 1-5", NOW)] == ["27 06:00", "30 06:00", "01 06:00"]
    assert [f"{time:%d.%m}" for time in next_runs("@quarterly", NOW)] == ["01.01", "01.04", "01.07"]
    assert in_words("", NOW) == "by hand only"
    assert in_words("@daily", NOW).startswith("next: Fri 27 Nov 2026 00:00, ")
