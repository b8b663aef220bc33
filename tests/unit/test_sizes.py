"""Whose a Dask worker is."""

import pytest

from dask_dataproc.clusters.sizes import machines_of


@pytest.mark.parametrize(
    ("workers", "machines"),
    [
        (["c-w-0", "c-w-1"], {"c-w-0", "c-w-1"}),
        (["c-w-0-0", "c-w-0-1", "c-w-1-0"], {"c-w-0", "c-w-1"}),
        (["c-sw-x7k2-0", "c-sw-x7k2-1", "c-sw-0"], {"c-sw-x7k2", "c-sw-0"}),
        (["c-m-0", "c-m-1"], {"c-m"}),
        (["w-1-w-0", "w-1-w-1"], {"w-1-w-0", "w-1-w-1"}),
        ([0, 1], {"0", "1"}),
        (["c-m-shelter", "c-w-0"], {"c-w-0"}),
    ],
)
def test_several_workers_of_one_machine_are_one_machine(workers, machines):
    assert machines_of(workers) == machines
