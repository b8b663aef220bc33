"""A cluster on YARN, from its start to its end: both deploy modes, keys, scaling, lost containers, logs."""

from __future__ import annotations

import os
import stat
import time
from pathlib import Path

import pytest
from distributed import Client, Scheduler
from distributed.security import Security

from dask_dataproc.init_actions import yarn_logs
from dask_dataproc.init_actions.yarn import YarnCluster


class Marked(Scheduler):
    """A scheduler that one can tell from Dask's own."""

    def __init__(self, mark: str = "", **options):
        super().__init__(**options)
        self.mark = mark


@pytest.fixture
def cluster(yarn):
    """A cluster of one worker with TLS and a scheduler of its own class."""
    return yarn.cluster(
        n_workers=1,
        name="marked",
        tags=["tried"],
        queue="batch",
        security=True,
        scheduler_class=Marked,
        scheduler_options={"mark": "here"},
        worker_env={"SAID": "a b"},
        worker_options={"resources": {"GPU": 2}},
    )


def test_a_local_scheduler_of_another_class_computes_over_tls_and_its_keys_are_told_to_nobody(yarn, cluster):
    with Client(cluster) as client:
        assert client.submit(lambda x: x + 1, 41, resources={"GPU": 1}).result(60) == 42
        assert client.submit(os.getenv, "SAID").result(60) == "a b"
        assert client.run(os.getcwd).keys() == set(cluster.scheduler_info["workers"])
    assert cluster.scheduler.mark == "here"
    assert cluster.scheduler_address.startswith("tls://")
    (container,) = cluster.workers()
    (worker,) = cluster.scheduler_info["workers"].values()
    assert worker["name"] == container.id
    assert worker["memory_limit"] == 512 * 2**20

    seen = yarn.application(cluster.app_id)
    assert (seen["state"], seen["name"], seen["applicationTags"]) == ("RUNNING", "marked", "tried")
    assert seen["queue"].startswith("root.batch.")
    assert cluster.app_id in cluster._repr_html_()

    with pytest.raises(OSError, match="TLS certificate does not match"):
        Client(cluster.scheduler_address, security=Security.temporary(), timeout="1s")  # other keys

    private = cluster.security.tls_worker_key.splitlines()[1]
    processes = yarn.processes()
    assert processes
    for process in processes:
        assert private not in " ".join(process.cmdline()) + str(process.environ())
    keys = [path for path in yarn.data.rglob("dask-keys.json") if not path.is_symlink()]
    assert keys
    assert not [path for path in keys if stat.S_IMODE(path.stat().st_mode) & 0o077 and _open_to_all(path, yarn.data)]


def _open_to_all(path: Path, top: Path) -> bool:
    """Whether somebody else could come to a file: through every folder above it."""
    above = [parent for parent in path.parents if parent.is_relative_to(top)]
    return all(stat.S_IMODE(each.stat().st_mode) & 0o005 for each in (path, *above))


def test_scaling_down_keeps_what_workers_hold_and_a_killed_container_is_replaced(yarn, cluster):
    with Client(cluster) as client:
        cluster.scale(3)
        client.wait_for_workers(3, timeout=60)
        held = client.scatter(list(range(30)), broadcast=False)
        cluster.scale(1)
        yarn.until(lambda: len(cluster.workers()) == 1 and len(client.scheduler_info()["workers"]) == 1)
        assert client.gather(held) == list(range(30))

        (before,) = cluster.workers()
        yarn.kill_container(cluster.app_id, before.id)
        began = time.monotonic()
        yarn.until(lambda: [each.id for each in cluster.workers()] not in ([], [before.id]))
        yarn.until(lambda: [w["name"] for w in client.scheduler_info()["workers"].values()] != [before.id])
        client.wait_for_workers(1, timeout=60)
        print(f"a killed container was replaced in {time.monotonic() - began:.1f} s")
        assert client.submit(sum, [1, 2]).result(60) == 3
        yarn.until(lambda: list(cluster.worker_spec) == [each.id for each in cluster.workers()])
        assert list(cluster.workers) == list(cluster.worker_spec)


def test_logs_while_it_runs_and_after_its_end_and_how_it_ended(yarn, cluster):
    with Client(cluster) as client:
        client.wait_for_workers(1, timeout=60)
        (address,) = client.scheduler_info()["workers"]
        client.run(print, "written by a worker", flush=True)
    live = cluster.logs()
    assert set(live) == {"Scheduler", address}
    assert set(cluster.logs(scheduler=False)) == {address}
    cluster.shutdown("FAILED", "the data was wrong")
    ended = yarn.until(lambda: (seen := yarn.application(cluster.app_id))["state"] == "FINISHED" and seen)
    assert (ended["finalStatus"], ended["diagnostics"].strip()) == ("FAILED", "the data was wrong")
    kept = yarn.until(lambda: _kept(cluster))
    (text,) = [text for name, text in kept.items() if name.startswith("dask.worker ")]
    assert "written by a worker" in text
    with pytest.raises(ValueError, match="status: 'SUCCEEDED', 'FAILED' or 'KILLED' expected, got 'GONE'"):
        cluster.shutdown("GONE")


def _kept(cluster: YarnCluster) -> dict[str, str]:
    try:
        return cluster.logs()
    except yarn_logs.YarnError:
        return {}  # YARN collects them soon after the end
