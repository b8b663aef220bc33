"""What a line of the sidebar says: the name alone where all is as expected."""

from __future__ import annotations

from typing import Any

import pytest

from dask_dataproc import ClusterSpec
from dask_dataproc.clusters.phases import Phase
from dask_dataproc.clusters.record import ClusterRecord
from dask_dataproc.clusters.sizes import adapts
from dask_dataproc.kernel_ext.sidebar_words import coming, expected, failed, line_of, registered, short

HERE = ("p-1", "us-central1")


def record(**other: Any) -> ClusterRecord:
    known = {"name": "dask-ana-1", "uuid": "u", "project": "p-1", "region": "us-central1", "status": "RUNNING"}
    rest = {"detail": "", "workers": 2, "secondary_workers": 0, "created": 0.0, "lease_expires": None}
    return ClusterRecord(**known | rest | {"labels": {"owner": "ana"}} | other)


@pytest.mark.parametrize(
    ("other", "line"),
    [
        ({}, "dask-ana-1"),
        ({"status": "UPDATING"}, "dask-ana-1"),
        ({"status": "STOPPED"}, "dask-ana-1 · stopped"),
        ({"status": "ERROR", "detail": "no\nroom"}, "dask-ana-1 · error no room"),
        ({"labels": {"owner": "bo"}}, "dask-ana-1 · of bo"),
        ({"region": "europe-west1"}, "dask-ana-1 · p-1/europe-west1"),
        (
            {"status": "CREATING", "labels": {"owner": "bo"}, "project": "p-2"},
            "dask-ana-1 · creating · of bo · p-2/us-central1",
        ),
    ],
)
def test_a_line_says_what_is_not_as_expected(other, line):
    assert line_of(record(**other), "ana", HERE) == line


def test_trouble_comes_last():
    assert line_of(record(), "ana", HERE, trouble="not adapted: no") == "dask-ana-1 · not adapted: no"


@pytest.mark.parametrize(
    ("phase", "line"),
    [
        (None, "a · creating"),
        (Phase("boot", 100.0), "a · creating: boot 12 s"),
        (Phase("boot", 100.0, seconds=3.2), "a · creating: boot 3 s"),
        (Phase("boot", 200.0), "a · creating: boot 0 s"),
    ],
)
def test_a_creation_says_its_phase_and_for_how_long_it_has_lasted(phase, line):
    assert coming("a", phase, 112.0) == line


def test_a_failure_is_one_line_of_bounded_length():
    assert failed("a", short("no\n  room")) == "a · failed: no room"
    assert len(short("x" * 1000)) == 200


def test_machines_are_as_large_as_their_workers_together():
    whole = {"nthreads": 3, "memory_limit": 14 << 30}
    assert expected(ClusterSpec(workers=2)) == {"0": whole, "1": whole}
    assert len(expected(ClusterSpec(workers=0))) == 1
    unlisted = ClusterSpec(worker_machine="z9-standard-4")
    assert [machine["nthreads"] for machine in expected(unlisted).values()] == [0, 0]


def test_registered_workers_count_by_machine_and_the_shelter_is_none():
    workers = [{"name": f"a-w-{n}", "nthreads": 4, "memory_limit": 8} for n in ("0-0", "0-1", "1-0")] + [
        {"name": "a-m-shelter", "nthreads": 1, "memory_limit": 1}
    ]
    assert registered(workers) == {
        "a-w-0": {"nthreads": 8, "memory_limit": 16},
        "a-w-1": {"nthreads": 4, "memory_limit": 8},
    }


@pytest.mark.parametrize(
    ("label", "bounds"), [("2-10", (2, 10)), ("", None), ("2", None), ("2-x", None), ("-2-3", None)]
)
def test_a_label_that_is_none_of_ours_says_nothing(label, bounds):
    assert adapts({"dask-adapt": label}) == bounds
