"""The sizing is nearer to the best cluster than ADR-003's rules, and after one run nearer still."""

import statistics
import sys
from pathlib import Path

import pytest

import dask_dataproc


@pytest.fixture
def oracle(monkeypatch):
    monkeypatch.syspath_prepend(Path(dask_dataproc.__file__).parent / "benchmarks")
    import sizing

    yield sizing
    for name in ("sizing", "summary"):
        sys.modules.pop(name, None)


def test_ours_is_nearer_to_the_best_cluster_than_the_rules_and_one_run_brings_it_nearer(oracle, monkeypatch):
    monkeypatch.setattr(oracle, "POLICIES", {"rules": oracle.adr, "ours": oracle.after(0), "one run": oracle.after(1)})
    found = {name: statistics.median(values) for name, values in oracle.regrets(25, 1).items()}
    assert found["ours"] < 0.7 * found["rules"]
    assert found["one run"] < 1.2
    assert min(found.values()) >= 1
