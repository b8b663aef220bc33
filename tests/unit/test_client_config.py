"""Dask's configuration while clusters are attached: theirs where a person has said nothing, and put back after them."""

from __future__ import annotations

import contextlib

import dask.config
import distributed  # noqa: F401  # its settings
import pytest
from hypothesis import given
from hypothesis import strategies as st

from dask_dataproc.clusters.client_config import lent, workload_config
from dask_dataproc.clusters.spec import ClusterSpec

SHUFFLE, CHUNK = "dataframe.shuffle.method", "array.chunk-size"
now = dask.config.get


@pytest.fixture(autouse=True)
def _untouched():
    before = now(SHUFFLE), now(CHUNK)
    yield
    assert (now(SHUFFLE), now(CHUNK)) == before


def test_what_is_lent_is_there_for_as_long():
    with lent({SHUFFLE: "p2p"}):
        assert now(SHUFFLE) == "p2p"


def test_what_a_person_has_set_before_stays():
    with dask.config.set({SHUFFLE: "tasks"}):
        with lent({SHUFFLE: "p2p", CHUNK: "64MiB"}):
            assert (now(SHUFFLE), now(CHUNK)) == ("tasks", "64MiB")
        assert now(SHUFFLE) == "tasks"


def test_what_a_persons_environment_says_stays_though_it_is_what_dask_says_too(monkeypatch):
    monkeypatch.setenv("DASK_ARRAY__CHUNK_SIZE", now(CHUNK))
    with lent({SHUFFLE: "p2p", CHUNK: "64MiB"}):
        assert (now(SHUFFLE), now(CHUNK)) == ("p2p", "128MiB")


def test_what_a_person_sets_meanwhile_stays_when_the_cluster_has_gone():
    with dask.config.set({SHUFFLE: None}):  # to have it undone
        with lent({SHUFFLE: "p2p"}), lent({CHUNK: "64MiB"}):
            dask.config.set({SHUFFLE: "tasks"})
            with lent({SHUFFLE: "p2p"}):
                assert now(SHUFFLE) == "tasks"
        assert now(SHUFFLE) == "tasks"


def test_it_is_put_back_when_the_work_fails():
    with pytest.raises(ZeroDivisionError), lent({SHUFFLE: "p2p"}):
        1 / 0  # noqa: B018
    assert now(SHUFFLE) is None


@given(st.lists(st.tuples(st.booleans(), st.integers(0, 9), st.sampled_from(["16MiB", "32MiB", "64MiB"])), max_size=12))
def test_of_several_clusters_the_last_to_come_counts_in_whatever_order_they_go(steps):
    attached: list[tuple[contextlib.ExitStack, str]] = []
    for comes, which, value in steps:
        if comes or not attached:
            stack = contextlib.ExitStack()
            stack.enter_context(lent({CHUNK: value}))
            attached.append((stack, value))
        else:
            attached.pop(which % len(attached))[0].close()
        assert now(CHUNK) == (attached[-1][1] if attached else "128MiB")
    for stack, _ in attached:
        stack.close()
    assert now(CHUNK) == "128MiB"


@pytest.mark.parametrize(("machine", "chunk"), [("n2-standard-4", 313_174_698), ("e2-standard-2", 402_653_184)])
def test_partitions_of_ml_are_a_part_of_the_memory_of_the_machines_worker(machine, chunk):
    assert workload_config(ClusterSpec(workload="ml", worker_machine=machine))[CHUNK] == chunk


def test_a_machine_of_which_nothing_is_known_asks_for_no_size_of_partitions():
    assert CHUNK not in workload_config(ClusterSpec(workload="ml", worker_machine="n4-standard-8"))


def test_the_interactive_workload_leaves_dask_as_it_is():
    assert workload_config(ClusterSpec()) == {}
