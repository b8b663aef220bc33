"""The programs of node.zip, alone in a folder as on a node: they need nothing of the notebook's side."""

from __future__ import annotations

import asyncio
import io
import json
import os
import random
import signal
import subprocess
import sys
import threading
import zipfile
from collections.abc import Iterator, Mapping
from http.server import BaseHTTPRequestHandler, ThreadingHTTPServer
from pathlib import Path
from types import MappingProxyType
from typing import Any

import dask.config
import pytest
from distributed import Client
from distributed.protocol.compression import compressions, get_compression_settings

from dask_dataproc.clusters import connection
from dask_dataproc.clusters.staging import node_archive
from dask_dataproc.init_actions import profiles

PACKAGE = "dask_dataproc_node"
# An editable install would let the programs import what no node has.
ALONE = """
import importlib.abc, runpy, sys
class Nothing(importlib.abc.MetaPathFinder):
    def find_spec(self, name, path=None, target=None):
        if name.partition(".")[0] == "dask_dataproc":
            raise ModuleNotFoundError(f"a node has no {name}", name=name)
sys.meta_path.insert(0, Nothing())
runpy.run_module(sys.argv[1], run_name="__main__")
"""


class Nodes:
    """Node programs as processes, each with metadata of its own; they share a staging folder."""

    uuid = "0b9e5a54-2b0a-4bd4-9b3e-6a4f4a3d9c11"

    def __init__(self, folder: Path) -> None:
        self.folder, self.staging = folder, f"file://{folder}/staging"
        self.processes: dict[str, subprocess.Popen[bytes]] = {}
        zipfile.ZipFile(io.BytesIO(node_archive()["node.zip"])).extractall(folder)

    def start(
        self, program: str, name: str, attributes: Mapping[str, str] = MappingProxyType({}), **environment: str
    ) -> None:
        metadata = {
            "name": name,
            "dask-staging": self.staging,
            "dataproc-cluster-uuid": self.uuid,
            "dask-scheduler-port": "0",
            "dask-dashboard-port": "0",
            "dask-worker-port": "0",
            "dask-local-directory": str(self.folder / f"scratch-{name}"),
        } | dict(attributes)
        file = self.folder / f"{name}.json"
        file.write_text(json.dumps(metadata))
        command = [sys.executable, "-c", ALONE, f"{PACKAGE}.{program}"]
        with open(self.folder / f"{name}.log", "wb") as log:
            self.processes[name] = subprocess.Popen(
                command,
                cwd=self.folder,
                env=os.environ | {"NODE_METADATA": str(file)} | environment,
                stdout=log,
                stderr=log,
            )

    async def client(self) -> Client:
        found = await asyncio.wait_for(connection.find(self.staging, self.uuid), 60)
        return await Client(found.scheduler, security=found.security(), asynchronous=True)

    def stop(self, name: str) -> int:
        process = self.processes[name]
        process.send_signal(signal.SIGTERM)
        return process.wait(60)

    async def alone(self, client: Client, name: str) -> None:
        """Return when worker ``name`` is the only one, of which the client is told."""
        while {about["name"] for about in (await client.scheduler.identity())["workers"].values()} != {name}:  # noqa: ASYNC110
            await asyncio.sleep(0.05)

    async def unspilled(self) -> None:
        """Return when nothing that workers left in staging is there any more."""
        while list((self.folder / "staging").rglob("spilled/*")):  # noqa: ASYNC110
            await asyncio.sleep(0.05)

    def log(self, name: str) -> str:
        return (self.folder / f"{name}.log").read_text()


@pytest.fixture
def nodes(tmp_path) -> Iterator[Nodes]:
    running = Nodes(tmp_path)
    yield running
    for process in reversed(running.processes.values()):
        if process.poll() is None:
            process.kill()
        process.wait()


class Notice(ThreadingHTTPServer):
    """A metadata server on loopback that says FALSE, and TRUE from when the notice is ``given``."""

    daemon_threads = True

    def __init__(self) -> None:
        super().__init__(("127.0.0.1", 0), Answer)
        self.given = threading.Event()
        self.url = f"http://127.0.0.1:{self.server_port}"


class Answer(BaseHTTPRequestHandler):
    def do_GET(self) -> None:
        given = self.server.given
        waited = given.wait(60) if "wait_for_change=true" in self.path else given.is_set()
        body = str(waited).upper().encode()
        self.send_response(200)
        self.send_header("Content-Length", str(len(body)))
        self.end_headers()
        self.wfile.write(body)

    def log_message(self, *_: object) -> None:
        pass


@pytest.fixture
def notice() -> Iterator[Notice]:
    with Notice() as server:
        threading.Thread(target=server.serve_forever, daemon=True).start()
        yield server
        server.given.set()
        server.shutdown()


async def known(client: Client) -> list[dict[str, Any]]:
    """The workers as the scheduler knows them now: what the client has noted of them may be seconds old."""
    return list((await client.scheduler.identity(n_workers=-1))["workers"].values())


def test_the_programs_make_a_cluster_where_nothing_else_of_ours_is(nodes):
    async def compute() -> tuple[list[int], set[str], list[str]]:
        client = await nodes.client()
        async with client:
            await client.wait_for_workers(2, timeout=60)
            squares = await client.gather(client.map(lambda x: x * x, range(10)))
            workers = {each["name"] for each in await known(client)}
            return squares, workers, [n for names in (await client.run(imported)).values() for n in names]

    def imported() -> list[str]:
        return [name for name in sys.modules if name.partition(".")[0] == "dask_dataproc"]

    nodes.start("head", "c-m")
    for name in ("c-w-0", "c-w-1"):
        nodes.start("worker", name)
    squares, workers, ours = asyncio.run(compute())
    assert squares == [x * x for x in range(10)]
    assert workers == {"c-w-0", "c-w-1"}
    assert ours == []


def test_a_worker_told_to_stop_hands_its_data_on_and_ends_in_order(nodes):
    async def keep_and_leave() -> tuple[int, int]:
        client = await nodes.client()
        async with client:
            await client.wait_for_workers(2, timeout=60)
            kept = await client.scatter(42, workers=["c-w-0"])
            status = await asyncio.to_thread(nodes.stop, "c-w-0")
            return status, await kept

    nodes.start("head", "c-m")
    for name in ("c-w-0", "c-w-1"):
        nodes.start("worker", name)
    assert asyncio.run(keep_and_leave()) == (0, 42), nodes.log("c-w-0")
    assert nodes.stop("c-w-1") == 0, nodes.log("c-w-1")
    assert nodes.stop("c-m") == 0, nodes.log("c-m")


def test_the_last_worker_leaves_and_the_next_one_has_its_data_nothing_computed_again(nodes):
    async def keep_leave_and_come() -> tuple[int, list[float], list[float], list[float], bytes, float]:
        client = await nodes.client()
        async with client:
            await client.wait_for_workers(1, timeout=60)
            kept = await client.scatter(bytes(5_000_000))
            drawn = client.map(lambda _: random.random(), range(5), pure=False)
            before = await client.gather(drawn)
            status = await asyncio.to_thread(nodes.stop, "c-w-0")
            meanwhile = await client.gather(drawn)
            waiting = client.submit(sum, drawn)
            nodes.start("worker", "c-w-1")
            total = await asyncio.wait_for(waiting, 60)
            await asyncio.wait_for(nodes.alone(client, "c-w-1"), 60)
            await asyncio.wait_for(nodes.unspilled(), 30)
            return status, before, meanwhile, await client.gather(drawn), await kept, total

    nodes.start("head", "c-m")
    nodes.start("worker", "c-w-0")
    status, before, meanwhile, after, kept, total = asyncio.run(keep_leave_and_come())
    assert status == 0, nodes.log("c-w-0")
    assert before == meanwhile == after, "computed again, with other random numbers"
    assert kept == bytes(5_000_000)
    assert total == sum(before)


def test_what_the_last_worker_has_is_copied_to_staging_once(nodes):
    """Dask, which looks for copies too many very often here, does not take the one in the shelter for such."""

    async def keep_and_leave() -> list[bytes]:
        client = await nodes.client()
        async with client:
            await client.wait_for_workers(1, timeout=60)
            held = [client.submit(os.urandom, 20 << 20, pure=False) for _ in range(15)]
            before = await client.gather(held)
            await asyncio.to_thread(nodes.stop, "c-w-0")
            assert await client.gather(held) == before
            return before

    nodes.start("head", "c-m", DASK_DISTRIBUTED__SCHEDULER__ACTIVE_MEMORY_MANAGER__INTERVAL="5ms")
    nodes.start("worker", "c-w-0")
    asyncio.run(keep_and_leave())
    assert nodes.log("c-m").count("could not be moved as there are no suitable workers") == 1, nodes.log("c-m")


def test_a_preempted_worker_leaves_in_order_and_is_counted(nodes, notice):
    async def preempt() -> tuple[int, int, dict[str, int]]:
        client = await nodes.client()
        async with client:
            await client.wait_for_workers(2, timeout=60)
            kept = await client.scatter(42, workers=["c-w-0"])
            notice.given.set()
            status = await asyncio.to_thread(nodes.processes["c-w-0"].wait, 30)
            return status, await kept, await client.scheduler.preemptions()

    nodes.start("head", "c-m")
    nodes.start("worker", "c-w-0", NODE_METADATA_SERVER=notice.url)
    nodes.start("worker", "c-w-1")
    assert asyncio.run(preempt()) == (0, 42, {"last_hour": 1, "limit": 10}), nodes.log("c-w-0")


def test_a_machine_of_the_etl_profile_has_several_workers_that_leave_together(nodes):
    async def leave() -> tuple[set[tuple[str, int]], list[int]]:
        client = await nodes.client()
        async with client:
            await client.wait_for_workers(3, timeout=60)
            about = await known(client)
            kept = [await client.scatter(n, workers=[f"c-w-0-{n}"]) for n in range(2)]
            await asyncio.to_thread(nodes.stop, "c-w-0")
            return {(each["name"], each["nthreads"]) for each in about}, await client.gather(kept)

    nodes.start("head", "c-m")
    nodes.start("worker", "c-w-0", {"dask-workload": "etl", "dask-vcpus": "9", "dask-memory": str(32 << 30)})
    nodes.start("worker", "c-w-1", {"dask-vcpus": "2", "dask-memory": str(8 << 30)})
    assert asyncio.run(leave()) == ({("c-w-0-0", 4), ("c-w-0-1", 4), ("c-w-1", 1)}, [0, 1])


def test_compressed_is_what_travels_between_notebook_and_head_and_not_between_machines(nodes):
    async def handshakes() -> tuple[str | None, set[str | None]]:
        async with await nodes.client() as client:
            await client.wait_for_workers(2, timeout=60)
            assert await client.submit(bytes, 10**6).result() == bytes(10**6)
            between = await client.run_on_scheduler(agreed)
            return client.scheduler_comm.comm.handshake_options["compression"], set(between)

    def agreed(dask_scheduler: Any) -> list[str | None]:
        return [stream.comm.handshake_options["compression"] for stream in dask_scheduler.stream_comms.values()]

    for program, name, number in (("head", "c-m", 2), ("worker", "c-w-0", 3), ("worker", "c-w-1", 4)):
        nodes.start(program, name, {"dask-workload": "etl", "address": f"127.0.0.{number}"})
    with dask.config.set(profiles.on_client("etl", compressions, None)):
        assert asyncio.run(handshakes()) == ("lz4", {None})


def test_a_node_without_the_workloads_codec_says_so_and_works_without_it(nodes):
    async def spilled() -> str | None:
        async with await nodes.client() as client:
            await client.wait_for_workers(1, timeout=60)
            (codec,) = (await client.run(get_compression_settings, profiles.SPILLED)).values()
            return codec

    (nodes.folder / "lacking").mkdir()
    (nodes.folder / "lacking" / "zstandard.py").write_text("raise ImportError")
    nodes.start("head", "c-m", {"dask-workload": "analytics"})
    nodes.start("worker", "c-w-0", {"dask-workload": "analytics"}, PYTHONPATH=str(nodes.folder / "lacking"))
    assert asyncio.run(spilled()) == "lz4"
    assert "zstd is not installed here, which workload analytics asks for" in nodes.log("c-w-0")


def test_a_container_of_yarn_is_one_worker_with_the_settings_of_the_workload(nodes):
    async def found() -> list[tuple[int, str]]:
        async with await nodes.client() as client:
            await client.wait_for_workers(1, timeout=60)
            threads = await client.run(lambda dask_worker: dask_worker.state.nthreads)
            codecs = await client.run(get_compression_settings, profiles.SPILLED)
            return list(zip(threads.values(), codecs.values(), strict=True))

    container = {"SKEIN_CONTAINER_ID": "dask.worker_0", "SKEIN_RESOURCE_VCORES": "8", "SKEIN_RESOURCE_MEMORY": "8192"}
    nodes.start("head", "c-m")
    nodes.start("yarn_worker", "c-w-0", {"dask-workload": "etl"}, **container)
    assert asyncio.run(found()) == [(8, "lz4")]


def test_the_keys_are_for_their_owner_alone(nodes):
    nodes.start("head", "c-m")
    asyncio.run(asyncio.wait_for(connection.find(nodes.staging, nodes.uuid), 60))
    (file,) = (nodes.folder / "staging").rglob("connection.json")
    assert file.stat().st_mode & 0o077 == 0
    assert json.loads(file.read_text())["key"] not in nodes.log("c-m")
