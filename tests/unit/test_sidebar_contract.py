"""What kernel_ext/sidebar_manager.py relies on in dask-labextension 7.0.0, private parts included, is still so."""

from __future__ import annotations

import asyncio
import inspect
import re
import sys
import types
from importlib.metadata import version
from pathlib import Path
from typing import Any

import dask.config
import dask_labextension
import pytest
from dask_labextension import clusterhandler, manager
from dask_labextension.manager import DaskClusterManager

from dask_dataproc.kernel_ext.sidebar_manager import Shown
from dask_dataproc.kernel_ext.sidebar_words import Bounds

LINE = "0a1b2c3d-0000-4000-8000-0123456789ab"


class Duck:
    """As much of a cluster as dask-labextension asks for."""

    scheduler_address = "tls://10.0.0.2:8786"
    dashboard_link = "/proxy/dask-dataproc/a/status"

    def __init__(self) -> None:
        self.scheduler_info = {"workers": {"0": {"nthreads": 3, "memory_limit": 14 << 30}}}
        self.done: list[Any] = []

    async def close(self) -> None:
        self.done.append("close")

    async def scale(self, n: int) -> None:
        self.done.append(n)

    def adapt(self, *, minimum: int, maximum: int) -> Bounds:
        self.done.append((minimum, maximum))
        return Bounds(minimum, maximum)


def with_manager(test: Any) -> None:
    """Run ``test(manager)`` on a loop; a manager wants one."""

    async def run() -> None:
        await test(await DaskClusterManager())

    with dask.config.set({"labextension.initial": []}):
        asyncio.run(run())


def test_it_is_the_version_that_was_looked_into():
    assert version("dask-labextension") == "7.0.0"


def test_the_server_has_one_manager_which_its_handler_asks_by_these_names():
    assert isinstance(manager.manager, DaskClusterManager)
    assert clusterhandler.manager is manager.manager
    asked = set(re.findall(r"manager\.(\w+)\(", inspect.getsource(clusterhandler)))
    assert asked == {"close_cluster", "list_clusters", "get_cluster", "start_cluster", "adapt_cluster", "scale_cluster"}


def test_the_manager_has_the_three_dicts_and_no_other_memory_of_a_line():
    async def test(manager: Any) -> None:
        kept = {name for name, value in vars(manager).items() if isinstance(value, dict)}
        assert kept == {"_clusters", "_cluster_names", "_adaptives"}

    with_manager(test)


def test_a_cluster_that_was_put_in_is_listed_scaled_adapted_and_closed():
    async def test(manager: Any) -> None:
        looked: list[int] = []
        shown, duck = Shown(manager, lambda: looked.append(1)), Duck()
        shown.add(LINE, duck)
        shown.say(LINE, "dask-ana-1 · updating", Bounds(2, 4))
        (model,) = manager.list_clusters()
        assert looked == [1]
        assert model == {
            "id": LINE,
            "name": "dask-ana-1 · updating",
            "scheduler_address": Duck.scheduler_address,
            "dashboard_link": Duck.dashboard_link,
            "workers": 1,
            "memory": "14.00 GiB",
            "cores": 3,
            "adapt": {"minimum": 2, "maximum": 4},
        }
        manager.adapt_cluster(LINE, 2, 5)
        await manager.scale_cluster(LINE, 3)
        await manager.close_cluster(LINE)
        assert duck.done == [(2, 5), 3, "close"]
        assert manager.list_clusters() == []

    with_manager(test)


def test_a_line_that_was_dropped_is_not_listed():
    async def test(manager: Any) -> None:
        shown, duck = Shown(manager, lambda: None), Duck()
        shown.add(LINE, duck)
        shown.say(LINE, "a", None)
        assert shown.clusters(Duck) == {LINE: duck}
        shown.drop(duck)
        assert manager.list_clusters() == []
        assert shown.clusters(Duck) == {}

    with_manager(test)


def test_what_close_raises_keeps_the_line():
    class Stuck(Duck):
        async def close(self) -> None:
            raise RuntimeError("no")

    async def test(manager: Any) -> None:
        Shown(manager, lambda: None).add(LINE, Stuck())
        with pytest.raises(RuntimeError):
            await manager.close_cluster(LINE)
        assert [model["id"] for model in manager.list_clusters()] == [LINE]

    with_manager(test)


def test_new_asks_the_configured_factory_with_its_arguments_and_awaits_it(monkeypatch):
    async def made(**given: Any) -> Duck:
        duck = Duck()
        duck.done.append(given)
        return duck

    async def test(manager: Any) -> None:
        model = await manager.start_cluster("")
        assert re.fullmatch(r"\w+-\w+-\w+-\w+-\w+", model["id"])
        assert manager._clusters[model["id"]].done == [{"worker_machine": "n2-standard-4", "asynchronous": True}, 4]

    module = types.ModuleType("a_factory")
    vars(module)["made"] = made
    monkeypatch.setitem(sys.modules, "a_factory", module)
    factory = {"module": "a_factory", "class": "made", "args": [], "kwargs": {"worker-machine": "n2-standard-4"}}
    with dask.config.set({"labextension.factory": factory, "labextension.default": {"workers": 4, "adapt": None}}):
        with_manager(test)


def test_the_ids_of_lines_may_be_uuids():
    source = inspect.getsource(dask_labextension.load_jupyter_server_extension)
    (pattern,) = re.findall(r'r"\(\?P<cluster_id>(.*?)\)"', source)
    assert re.fullmatch(pattern, LINE)


def test_the_front_end_looks_every_five_seconds_and_shows_an_errors_message():
    static = Path(sys.prefix) / "share/jupyter/labextensions/dask-labextension/static"
    script = "".join(path.read_text() for path in static.glob("*.js"))
    assert "interval:5e3" in script
    assert 'showErrorMessage)("Cluster Start Error"' in script
    assert 'showErrorMessage)("Failed to scale cluster"' in script
    assert 'showErrorMessage)("Failed to close cluster"' in script
