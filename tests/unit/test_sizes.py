"""Whose a Dask worker is, and between which sizes a cluster adapts."""

import pytest

from dask_dataproc.clusters.errors import SpecError
from dask_dataproc.clusters.sizes import adaptable, machines_of
from dask_dataproc.clusters.spec import ClusterSpec


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


@pytest.mark.parametrize(("runtime", "least"), [("standalone", 2), ("yarn", 1)])
def test_containers_adapt_down_to_one_machines_to_the_two_that_dataproc_keeps(runtime, least):
    spec = ClusterSpec(name="c", runtime=runtime, max_workers=6)
    assert adaptable(spec, least, None) == (least, 6)
    assert adaptable(spec, None, 4) == (2, 4)
    with pytest.raises(SpecError, match=rf"adapt: {least - 1} to 4 given, allowed is a whole number, {least} to 6"):
        adaptable(spec, least - 1, 4)


def test_a_single_node_does_not_adapt():
    with pytest.raises(SpecError, match="adapt: 2 to 4 given, c is a single-node cluster"):
        adaptable(ClusterSpec(name="c", workers=0), 2, 4)
