"""The workers of a machine: as many as the workload asks for, and never more than the machine has."""

from __future__ import annotations

import pytest
from hypothesis import given
from hypothesis import strategies as st

from dask_dataproc.init_actions.shape import GIB, LEAST_MEMORY, worker_shape, worker_shapes

PROFILES = ("interactive", "etl", "ml", "analytics")


@given(st.integers(1, 416), st.integers(GIB // 2, 12_000 * GIB), st.sampled_from([*PROFILES, ""]))
def test_all_workers_together_are_the_one_of_the_rule(vcpus, memory, profile):
    whole, shapes = worker_shape(vcpus, memory), worker_shapes(vcpus, memory, profile)
    assert sum(shape.threads for shape in shapes) == whole.threads
    assert whole.memory - len(shapes) < sum(shape.memory for shape in shapes) <= whole.memory
    assert min(shape.threads for shape in shapes) >= 1
    assert len(shapes) == 1 or min(shape.memory for shape in shapes) >= LEAST_MEMORY


@pytest.mark.parametrize(
    ("vcpus", "gigabytes", "profile", "number"),
    [(4, 16, "etl", 1), (9, 32, "etl", 2), (16, 64, "etl", 3), (17, 6, "etl", 2), (64, 256, "ml", 1)],
)
def test_the_profile_says_how_many_workers_a_machine_has(vcpus, gigabytes, profile, number):
    assert len(worker_shapes(vcpus, gigabytes * GIB, profile)) == number
