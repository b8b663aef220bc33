"""dask-labextension's sidebar, over HTTP as its front end asks: what it shows, what NEW, SCALE and SHUTDOWN do."""

from __future__ import annotations

import contextlib
import json
import sys
import urllib.error
import urllib.request
import uuid
from collections.abc import Iterator
from pathlib import Path
from typing import Any

import pytest

from dask_dataproc import DataprocCluster
from dask_dataproc.clusters.fleet import delete_cluster
from dask_dataproc.clusters.local import emulator_start
from dask_dataproc.kernel_ext.last_spec import remember
from dask_dataproc.kernel_ext.sidebar_made import Made, begun

from .sidebar_server import PREFIX, Refused, records, sidebar_server

POLL = 5.0
"""Seconds between two looks of the front end."""


@pytest.fixture(scope="module")
def shared_server(shared_laptop) -> Iterator[Any]:
    """A server that stays up, on a warm emulator, and has been looked at."""
    with shared_laptop.here():
        emulator_start()
    with sidebar_server(shared_laptop) as server:
        server.shutdown(server.new()["id"])
        yield server


@pytest.fixture
def server(laptop, shared_server) -> Iterator[Any]:
    """The same, with no line of the sidebar left by a test that failed."""
    yield shared_server
    for model in shared_server.listed():
        with contextlib.suppress(Refused):
            shared_server.shutdown(model["id"])


def name() -> str:
    return f"t-{uuid.uuid4().hex[:8]}"


@pytest.fixture
def made(server) -> Iterator[dict[str, Any]]:
    """The line of a cluster that NEW has made, ready."""
    model = server.ready(server.new()["id"])
    yield model
    if server.by_id(model["id"]):
        server.shutdown(model["id"])


def test_new_is_answered_at_once_with_a_line_that_says_how_far_it_is(laptop, server, faults):
    remember({})  # on a laptop that others have used before
    faults.ask("slow-create", seconds=3.0)
    model = server.new()
    cluster, _, said = model["name"].partition(" · ")
    assert said.startswith("creating")
    assert model["workers"] == 0
    server.until(lambda: "creating: boot" in server.by_id(model["id"])["name"])
    model = server.ready(model["id"])
    assert model["name"] == cluster
    assert model["workers"] == laptop.clusters()[cluster].total_workers == 2
    assert model["memory"] == "28.00 GiB"
    assert model["scheduler_address"].startswith("tls://")
    assert model["dashboard_link"] == f"{PREFIX}proxy/dask-dataproc/{cluster}/status"
    assert server.plots(model)[0] == 200
    assert server.plots({"dashboard_link": f"{PREFIX}proxy/dask-dataproc/no-such/status"}) == (204, b"")
    server.shutdown(model["id"])
    assert server.by_id(model["id"]) is None
    assert cluster not in laptop.clusters()
    assert records(laptop) == []


def test_a_second_new_makes_no_twin_also_after_a_reload(laptop, server, faults):
    faults.ask("slow-create", seconds=2.0)
    model = server.new()
    cluster = model["name"].split(" · ")[0]
    for _ in range(2):
        server.listed()  # what a page does that is loaded again
        with pytest.raises(Refused, match=f"^{cluster} is being created: wait until it is ready, or shut it down$"):
            server.ask("PUT")
    assert [line["id"] for line in server.listed() if "creating" in line["name"]] == [model["id"]]
    server.shutdown(model["id"])
    assert server.by_id(model["id"]) is None
    assert cluster not in laptop.clusters()
    assert records(laptop) == []
    again = server.new()
    server.shutdown(again["id"])


def test_shutdown_while_a_cluster_boots_leaves_nothing(laptop, server, faults):
    faults.ask("slow-create", seconds=30.0)
    model = server.new()
    cluster = model["name"].split(" · ")[0]
    laptop.until(lambda: cluster in laptop.clusters())
    server.shutdown(model["id"])
    assert cluster not in laptop.clusters()
    assert not laptop.machines(cluster)
    assert records(laptop) == []


def test_a_creation_that_failed_says_why_until_it_is_dismissed(laptop, server, faults):
    faults.ask("init-action")
    model = server.new()
    cluster = model["name"].split(" · ")[0]
    failed = server.until(lambda: (m := server.by_id(model["id"])) and "failed" in m["name"] and m)
    assert failed["name"].startswith(f"{cluster} · failed: ")
    assert "no space left on device" in failed["name"]
    assert failed["name"].endswith(failed["scheduler_address"]), "a line is cut off, an address has the whole of it"
    assert "\n" not in failed["name"]
    assert cluster not in laptop.clusters()
    assert records(laptop) == []
    server.listed()
    assert server.by_id(model["id"]) is not None
    server.shutdown(model["id"])
    assert server.by_id(model["id"]) is None


def test_what_is_asked_of_a_cluster_that_is_being_created_is_done_when_it_is_ready(laptop, server, faults):
    faults.ask("slow-create", seconds=0.5)
    line = server.new()["id"]
    server.scale(line, 3)
    server.until(lambda: server.by_id(line)["workers"] == 3)
    made = server.ready(line)["name"]
    laptop.until(lambda: laptop.clusters()[made].total_workers == 3)
    server.shutdown(line)
    faults.ask("slow-create", seconds=0.5)
    line = server.new()["id"]
    assert server.adapt(line, 3, 4)["adapt"] == {"minimum": 3, "maximum": 4}
    server.until(lambda: server.by_id(line)["workers"] == 3)
    assert server.ready(line)["adapt"] == {"minimum": 3, "maximum": 4}
    server.shutdown(line)


def test_new_makes_such_a_cluster_as_was_asked_for_last(laptop, server):
    remember({"name": "mine", "workers": 3, "labels": {"team": "risk"}})
    try:
        model = server.ready(server.new()["id"])
    finally:
        remember({})
    assert model["workers"] == 3
    assert laptop.clusters()[model["name"]].labels["team"] == "risk"
    server.shutdown(model["id"])


def test_a_stopped_cluster_that_new_starts_again_has_one_line_and_its_lease_is_held(laptop, server):
    remember({})
    with DataprocCluster() as cluster:
        cluster.stop()
    stopped = server.until(lambda: server.line(cluster.name), timeout=POLL)
    assert "stopped" in stopped["name"]
    model = server.ready(server.new()["id"])
    assert model["name"] == cluster.name
    server.until(lambda: [line["id"] for line in server.listed() if cluster.name in line["name"]] == [model["id"]])
    assert [made["uuid"] for made in records(laptop)] == [stopped["id"]]
    server.shutdown(model["id"])
    assert cluster.name not in laptop.clusters()


def test_a_cluster_made_elsewhere_is_there_at_the_second_look_scales_and_goes(laptop, server):
    server.listed()
    with DataprocCluster(name=name(), workers=2) as cluster:
        model = server.until(lambda: server.line(cluster.name), timeout=POLL)
        assert model["id"] == cluster.record.uuid
        assert (model["name"], model["workers"], model["cores"]) == (cluster.name, 2, 6)
        assert server.scale(model["id"], 3)["workers"] == 3
        assert cluster.refresh().total_workers == 3
        server.shutdown(model["id"])
        assert server.line(cluster.name) is None
        assert cluster.name not in laptop.clusters()
    assert server.line(cluster.name) is None


def test_what_cannot_be_is_one_line_and_changes_nothing(laptop, server, made):
    for act, said in (
        (lambda: server.scale(made["id"], 50), "scale: 50 given, allowed is a whole number, 2 to 10 (max_workers)"),
        (lambda: server.adapt(made["id"], 0, 4), "adapt: 0 to 4 given, allowed is a whole number, 2 to 10"),
    ):
        with pytest.raises(Refused) as refused:
            act()
        assert refused.value.status == 500
        assert str(refused.value).startswith(said)
    assert laptop.clusters()[made["name"]].total_workers == 2


def test_adapt_begins_at_once_is_known_to_all_and_ends_with_scale(laptop, server, made):
    model = server.adapt(made["id"], 3, 4)
    assert model["adapt"] == {"minimum": 3, "maximum": 4}
    laptop.until(lambda: laptop.clusters()[made["name"]].labels.get("dask-adapt") == "3-4")
    server.until(lambda: server.by_id(made["id"])["workers"] == 3)
    server.until(lambda: server.by_id(made["id"]).get("adapt") == {"minimum": 3, "maximum": 4})
    assert "adapt" not in server.scale(made["id"], 2)
    server.until(lambda: server.by_id(made["id"])["workers"] == 2)
    server.until(lambda: "adapt" not in server.by_id(made["id"]))
    laptop.until(lambda: "dask-adapt" not in laptop.clusters()[made["name"]].labels)


def test_a_cluster_made_elsewhere_adapts_from_here(laptop, server):
    with DataprocCluster(name=name(), workers=2) as cluster:
        model = server.until(lambda: server.line(cluster.name), timeout=POLL)
        assert server.adapt(model["id"], 3, 4)["adapt"] == {"minimum": 3, "maximum": 4}
        laptop.until(lambda: laptop.clusters()[cluster.name].total_workers == 3)
        server.scale(model["id"], 2)
        assert laptop.clusters()[cluster.name].total_workers == 2


def test_a_colleagues_shared_cluster_is_shown_and_scaled_but_not_deleted(laptop, server):
    shared = {"owner": "bo", "shared": "yes"}
    with DataprocCluster(name=name(), workers=2, labels=shared) as cluster:
        model = server.until(lambda: server.line(cluster.name), timeout=POLL)
        assert model["name"] == f"{cluster.name} · of bo"
        assert server.scale(model["id"], 3)["workers"] == 3
        with pytest.raises(Refused, match=r"deleting the clusters of others: \S+ is a data_engineer"):
            server.shutdown(model["id"])
        assert server.line(cluster.name) is not None
        assert cluster.name in laptop.clusters()


def test_a_deletion_that_fails_keeps_the_line(laptop, server, faults, made):
    faults.ask("permission", method="delete_cluster")
    with pytest.raises(Refused, match=r"delete"):
        server.shutdown(made["id"])
    assert server.by_id(made["id"]) is not None
    assert made["name"] in laptop.clusters()
    server.shutdown(made["id"])
    assert made["name"] not in laptop.clusters()


def test_a_namesake_that_came_later_is_left_alone_and_goes_when_it_goes_elsewhere(laptop, server):
    with DataprocCluster(name=name(), workers=0) as first:
        old = server.until(lambda: server.line(first.name), timeout=POLL)["id"]
        delete_cluster(first.name)
        with DataprocCluster(name=first.name, workers=0) as second:
            with contextlib.suppress(Refused):
                server.shutdown(old)
            assert laptop.clusters()[first.name].uuid == second.record.uuid
            server.until(lambda: (m := server.line(first.name)) and m["id"] == second.record.uuid, timeout=POLL)
    server.until(lambda: server.line(first.name) is None, timeout=POLL)


def test_while_dataproc_does_not_answer_the_lines_stay_and_the_log_says_so_once(server, faults, made):
    faults.ask("permission", times=3, method="list_clusters")
    server.until(lambda: server.listed() and not faults.left())
    assert server.by_id(made["id"]) is not None
    told = [line for line in server.log.read_text().splitlines() if "dask-dataproc sidebar" in line]
    assert len(told) == 1, told
    assert "local/us-central1: list clusters" in told[0]


def test_what_another_server_is_creating_is_no_twin_either(laptop, server):
    file = begun(Made("dask-ana-1", "local", "us-central1"))
    try:
        with pytest.raises(Refused, match=r"^dask-ana-1 is being created"):
            server.ask("PUT")
    finally:
        file.clear()


def test_nothing_answers_without_the_token(server):
    for method in ("GET", "PUT"):
        request = urllib.request.Request(f"{server.url}dask/clusters", method=method)
        with pytest.raises(urllib.error.HTTPError) as refused:
            urllib.request.urlopen(request, timeout=10)
        assert refused.value.code == 403


def test_the_factory_comes_with_the_package_and_a_person_may_choose_another(tmp_path, monkeypatch):
    import dask.config

    system = Path(sys.prefix) / "etc" / "dask"
    own = tmp_path / "dask"
    own.mkdir()
    (own / "mine.yaml").write_text(json.dumps({"labextension": {"factory": {"class": "LocalCluster"}}}))
    assert dask.config.get("labextension.factory.class", config=dask.config.collect([str(system)])) == "new_cluster"
    config = dask.config.collect([str(system), str(own)])
    assert dask.config.get("labextension.factory.class", config=config) == "LocalCluster"
    assert dask.config.paths.index(str(system)) < dask.config.paths.index(str(Path.home() / ".config" / "dask"))
