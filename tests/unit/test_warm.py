"""Which stopped cluster stands in for a new one."""

from __future__ import annotations

import pytest
from hypothesis import given
from hypothesis import strategies as st

from dask_dataproc.clusters.config import resolve
from dask_dataproc.clusters.record import ClusterRecord
from dask_dataproc.clusters.spec import ClusterSpec
from dask_dataproc.clusters.warm import startable, warm_key

SPEC = ClusterSpec(name="a", workers=2, labels={"owner": "ana", "notebook": "etl"})
NAMELESS = resolve(local=True)


def record(name: str = "b", status: str = "STOPPED", workers: int = 2, secondary: int = 0, created: float = 0.0):
    return ClusterRecord(name, f"u-{name}", "p", "r", status, "", workers, secondary, created, None, {})


@pytest.mark.parametrize("same", [{"name": "b"}, {"labels": {"owner": "ana", "notebook": "ml"}}])
def test_neither_the_name_nor_the_notebook_make_another_cluster(same):
    assert warm_key(SPEC.replace(**same), "e") == warm_key(SPEC, "e")


@pytest.mark.parametrize(
    "other", [{"workers": 3}, {"labels": {"owner": "bob"}}, {"idle_time": "5m"}, {"worker_machine": "n2-standard-8"}]
)
def test_everything_else_does(other):
    assert warm_key(SPEC.replace(**other), "e") != warm_key(SPEC, "e")


def test_other_packages_make_another_cluster():
    assert warm_key(SPEC, "gs://b/environments/1") != warm_key(SPEC, "gs://b/environments/2")


def test_the_latest_one_stands_in_for_a_cluster_that_nobody_named():
    found = [record("old", created=1.0), record("new", created=2.0)]
    assert [each.name for each in startable(found, NAMELESS)] == ["new", "old"]
    assert startable(found, SPEC) == []
    assert [each.name for each in startable([*found, record("a")], SPEC)] == ["a"]


@given(
    st.sampled_from(["RUNNING", "STOPPING", "STARTING", "ERROR", "DELETING", "STOPPED"]),
    st.integers(0, 3),
    st.integers(0, 2),
)
def test_only_a_stopped_one_of_the_size_that_is_wanted_stands_in(status, workers, secondary):
    fits = (status, workers, secondary) == ("STOPPED", 2, 0)
    assert bool(startable([record("b", status, workers, secondary)], NAMELESS)) == fits
