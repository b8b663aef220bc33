"""Clusters on a real emulator."""

from __future__ import annotations

from collections.abc import Iterator

import pytest

from dask_dataproc import DataprocCluster


@pytest.fixture(scope="module")
def cluster(shared_laptop) -> Iterator[DataprocCluster]:
    """A cluster of two workers that the tests of a module look at and leave as it is."""
    with shared_laptop.here(), DataprocCluster(n_workers=2) as running:
        yield running
