"""Which clusters a Jupyter server knows: one's own and shared ones, whoever made them, and no emulator is started."""

from __future__ import annotations

import asyncio
import json
import uuid

import pytest

from dask_dataproc import ClusterNotFound, DataprocCluster
from dask_dataproc.clusters.local import emulator_status
from dask_dataproc.clusters.paths import state_dir
from dask_dataproc.kernel_ext.aside import Aside
from dask_dataproc.kernel_ext.known import Known, places, visible


def name() -> str:
    return f"t-{uuid.uuid4().hex[:8]}"


def test_a_cluster_made_anywhere_is_known_and_one_that_is_gone_is_not(laptop):
    known = Known(Aside())
    with DataprocCluster(name=name(), workers=2) as cluster:
        assert asyncio.run(known.find(cluster.name)).uuid == cluster.record.uuid
    assert cluster.name not in {record.name for record in asyncio.run(known.records(0.0))}
    with pytest.raises(ClusterNotFound, match=cluster.name):
        asyncio.run(known.find(cluster.name))


def test_a_colleagues_cluster_is_known_when_it_is_shared(laptop):
    with (
        DataprocCluster(name=name(), workers=0, labels={"owner": "bo", "shared": "yes"}) as shared,
        DataprocCluster(name=name(), workers=0, labels={"owner": "bo"}) as private,
    ):
        names = {record.name for record in asyncio.run(Known(Aside()).records())}
        assert shared.name in names
        assert private.name not in names
        assert visible([private.record], "bo") == [private.record]


def test_looking_starts_no_emulator(new_laptop):
    with new_laptop().here():
        assert asyncio.run(Known(Aside()).records()) == []
        assert emulator_status() is None


def test_places_of_notebooks_are_looked_in_too(new_laptop, monkeypatch):
    with new_laptop().here():
        monkeypatch.setenv("GOOGLE_CLOUD_PROJECT", "p-1")
        folder = state_dir() / "sessions"
        folder.mkdir()
        (folder / "a.json").write_text(json.dumps({"project": "p-2", "region": "europe-west1"}))
        (folder / "b.json").write_text("broken")
        assert places() == [("p-1", "us-central1"), ("p-2", "europe-west1")]
