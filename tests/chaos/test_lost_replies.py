"""The call was made and its answer lost: it is made once all the same, and nothing is there twice or left."""

from __future__ import annotations

import json
from collections import Counter

import pytest

from dask_dataproc import DataprocCluster


def operations(laptop, name: str) -> Counter[str]:
    """How many operations of each kind there were on cluster ``name``."""
    kept = [json.loads(path.read_text())["operation"] for path in (laptop.state / "emulator/operations").glob("*")]
    return Counter(o["metadata"]["operation_type"] for o in kept if o["metadata"]["cluster_name"] == name)


@pytest.mark.parametrize("times", [1, 3])
def test_a_cluster_whose_every_call_loses_its_answer_is_made_resized_and_deleted_once(laptop, faults, times):
    name = f"lossy-{times}"
    for method in ("create_cluster", "update_cluster", "delete_cluster", "get_cluster", "get_operation"):
        faults.ask("lost-reply", times=times, method=method)
    with DataprocCluster(name=name, n_workers=2) as cluster, cluster.get_client() as client:
        assert cluster.created_here
        kept = client.scatter(b"kept")
        cluster.scale(3)
        cluster.scale(2)
        assert kept.result() == b"kept"
    assert faults.left() == []
    assert operations(laptop, name) == {"CREATE": 1, "UPDATE": 2, "DELETE": 1}
    assert name not in laptop.clusters()
    assert not laptop.machines(name)


def test_a_create_that_nobody_answers_in_time_is_undone(laptop, faults):
    import dask

    from dask_dataproc import ServiceError

    faults.ask("lost-reply", times=1000, method="create_cluster")
    with dask.config.set({"dataproc.timeouts.call": "1s"}), pytest.raises(ServiceError, match=r"and so for 1 s$"):
        DataprocCluster(name="unanswered", n_workers=2)
    faults.clear()
    assert operations(laptop, "unanswered") == {"CREATE": 1, "DELETE": 1}
    assert "unanswered" not in laptop.clusters()
    assert not laptop.machines("unanswered")
