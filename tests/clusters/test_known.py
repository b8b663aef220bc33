"""Which clusters a Jupyter server knows: one's own and shared ones, whoever made them, and no emulator is started."""

from __future__ import annotations

import asyncio
import json
import time
import uuid
from collections.abc import Callable, Coroutine
from typing import Any

import pytest

from dask_dataproc import ClusterNotFound, DataprocCluster
from dask_dataproc.clusters.local import emulator_status
from dask_dataproc.clusters.paths import state_dir
from dask_dataproc.kernel_ext.aside import Aside
from dask_dataproc.kernel_ext.known import FRESH, Known, places, visible


def name() -> str:
    return f"t-{uuid.uuid4().hex[:8]}"


def test_a_cluster_made_anywhere_is_known_and_one_that_is_gone_is_not(laptop):
    known = Known(Aside())
    with DataprocCluster(name=name(), workers=2) as cluster:
        assert asyncio.run(known.find(cluster.name)).uuid == cluster.record.uuid
    assert cluster.name not in {record.name for record in asyncio.run(known.records(0.0))}
    with pytest.raises(ClusterNotFound, match=cluster.name):
        asyncio.run(known.find(cluster.name))


class Counting(Aside):
    """Counts what is asked."""

    asked = 0

    async def do(self, work: Callable[[], Coroutine[Any, Any, Any]]) -> Any:
        self.asked += 1
        return await super().do(work)


def test_however_long_a_list_takes_all_who_wait_share_it_and_it_is_fresh_when_it_comes(laptop, faults):
    aside = Counting()
    known = Known(aside)

    async def many(there: str) -> set[str]:
        asking = [asyncio.ensure_future(known.find(there)) for _ in range(5)]
        begun = time.monotonic()
        while time.monotonic() - begun <= FRESH:  # noqa: ASYNC110  # longer than an answer is good for
            await asyncio.sleep(0.05)
        faults.clear()
        found = [*await asyncio.gather(*asking), await known.find(there)]
        return {record.name for record in found}

    with DataprocCluster(name=name(), workers=0) as cluster:
        faults.ask("throttle", times=1000, method="list_clusters")
        assert asyncio.run(many(cluster.name)) == {cluster.name}
    assert aside.asked == 1


def test_a_cluster_made_since_the_question_began_is_asked_for_once_more(laptop, faults):
    aside = Counting()
    known = Known(aside)

    async def begun_before(there: str) -> list[str]:
        early = asyncio.ensure_future(known.records())
        while faults.left()[0]["times"] == 1000:  # noqa: ASYNC110  # until Dataproc has been asked
            await asyncio.sleep(0.02)
        late = asyncio.ensure_future(known.records(0.0))
        await asyncio.sleep(0)  # it has begun
        faults.clear()
        await early
        return [record.name for record in await late if record.name == there]

    with DataprocCluster(name=name(), workers=0) as cluster:
        faults.ask("throttle", times=1000, method="list_clusters")
        assert asyncio.run(begun_before(cluster.name)) == [cluster.name]
    assert aside.asked == 2


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
