"""Dashboards that ask for keys, reached directly or through a tunnel. gcloud is a stand-in, which really forwards."""

from __future__ import annotations

import asyncio
import contextlib
import json
import os
import socket
import ssl
import sys
import threading
from collections.abc import Iterator
from pathlib import Path
from typing import Any

import psutil
import pytest

from dask_dataproc.clusters.connection import find
from dask_dataproc.clusters.errors import NoDashboard, WaitTimeout
from dask_dataproc.clusters.sync import run
from dask_dataproc.init_actions.connection import security
from dask_dataproc.kernel_ext import tunnel
from dask_dataproc.kernel_ext.tunnel import dig

NOWHERE = "192.0.2.1"
"""An address that is nobody's (RFC 5737)."""


class Door:
    """A port of loopback that asks for keys and leads to a dashboard that asks for none, as the head's own does."""

    def __init__(self, keys: ssl.SSLContext, there: int):
        self._loop = asyncio.new_event_loop()
        self._there = there
        threading.Thread(target=self._loop.run_forever, daemon=True).start()
        opened = asyncio.start_server(self._join, "127.0.0.1", 0, ssl=keys)
        self._server = asyncio.run_coroutine_threadsafe(opened, self._loop).result(10)
        self.port = self._server.sockets[0].getsockname()[1]

    async def _join(self, reader: asyncio.StreamReader, writer: asyncio.StreamWriter) -> None:
        there, back = await asyncio.open_connection("127.0.0.1", self._there)

        async def carry(source: asyncio.StreamReader, sink: asyncio.StreamWriter) -> None:
            with contextlib.suppress(OSError):
                while data := await source.read(65536):
                    sink.write(data)
                    await sink.drain()
            sink.close()

        await asyncio.gather(carry(reader, back), carry(there, writer))

    def close(self) -> None:
        self._loop.call_soon_threadsafe(self._server.close)
        self._loop.call_soon_threadsafe(self._loop.stop)


@pytest.fixture(scope="module")
def door(cluster) -> Iterator[Door]:
    """The dashboard of the cluster, behind its own keys."""
    found = run(find(cluster.record.staging, cluster.record.uuid))
    keys = security({"certificate": found.certificate, "key": found.key}).get_listen_args("scheduler")["ssl_context"]
    there = Door(keys, int(found.dashboard.rpartition(":")[2]))
    yield there
    there.close()


class Gcloud:
    """The stand-in on the PATH of whoever has its folder there."""

    def __init__(self, folder: Path):
        self.folder = folder
        folder.mkdir(exist_ok=True)
        program = folder / "gcloud"
        program.write_text(f"#!{sys.executable}\n" + Path(__file__).with_name("gcloud.py").read_text())
        program.chmod(0o755)

    def does(self, **what: Any) -> None:
        (self.folder / "does.json").write_text(json.dumps(what))

    def asked(self) -> list[str]:
        return json.loads((self.folder / "asked.json").read_text())

    def running(self) -> list[psutil.Process]:
        found = []
        for process in psutil.process_iter():
            with contextlib.suppress(psutil.Error):
                if str(self.folder / "gcloud") in process.cmdline() and process.status() != psutil.STATUS_ZOMBIE:
                    found.append(process)
        return found


@pytest.fixture
def gcloud(shared_laptop) -> Iterator[Gcloud]:
    """A gcloud where the Jupyter server looks for one."""
    there = Gcloud(shared_laptop.folder / "bin")
    yield there
    (there.folder / "gcloud").unlink()


def test_a_head_that_asks_for_keys_gets_them_for_pages_and_sockets(server, made, cluster, door):
    with made(dashboard=f"https://127.0.0.1:{door.port}", like=cluster.record.uuid) as name:
        assert server.dashboard(name, "/health").text == "ok"
        asyncio.run(_greeted(server, name))


async def _greeted(server: Any, name: str) -> None:
    """Open the stream of events of a dashboard, and wait for its first word."""
    line = await server.socket(f"/{name}/eventstream", server.token)
    assert json.loads(await asyncio.wait_for(line.read_message(), 30))["name"]
    line.close()


def test_a_head_with_other_keys_is_not_talked_to(server, made, cluster, door, laptop):
    with made() as other:
        uuid = laptop.clusters()[other].uuid
        published = laptop.folder / "elsewhere" / "clusters" / uuid / "connection.json"
        laptop.until(published.exists)
        said = json.loads(published.read_text())
        published.write_text(json.dumps(said | {"dashboard": f"https://127.0.0.1:{door.port}"}))
        answer = server.dashboard(other, "/health")
        assert (answer.status, answer.text.splitlines()[1]) == (502, f"  Try:  %dask_cluster status {other}")
        assert f"{other}: its dashboard does not answer" in answer.text


def test_outside_the_vpc_without_gcloud_one_is_told_what_to_do(server, made, cluster):
    with made(dashboard=f"https://{NOWHERE}:8787", like=cluster.record.uuid) as name:
        answer = server.dashboard(name, "/health")
        assert answer.status == 502
        assert f"{name}: https://{NOWHERE}:8787 does not answer from here, and there is no gcloud" in answer.text
        assert "--component-gateway" in answer.text


def test_outside_the_vpc_one_tunnel_of_gclouds_is_shared_and_ends_with_its_cluster(
    server, made, cluster, door, gcloud, laptop
):
    gcloud.does(port=door.port)
    with made(dashboard=f"https://{NOWHERE}:8787", like=cluster.record.uuid) as name:
        assert [server.dashboard(name, "/health").text for _ in range(3)] == ["ok"] * 3
        asyncio.run(_greeted(server, name))
        assert len(gcloud.running()) == 1
        *command, zone, project, quiet = gcloud.asked()
        assert command == ["compute", "start-iap-tunnel", f"{name}-m", "8787", "--local-host-port=localhost:0"]
        assert (zone[:19], project, quiet) == ("--zone=us-central1-", "--project=local", "--quiet")
    laptop.until(lambda: server.dashboard(name, "/health").status == 404)
    laptop.until(lambda: not gcloud.running())


def test_gclouds_last_line_is_what_one_reads_when_it_fails(server, made, cluster, gcloud):
    gcloud.does(fail="ERROR: (gcloud.compute.start-iap-tunnel) Error while connecting [4033: 'not authorized'].")
    with made(dashboard=f"https://{NOWHERE}:8787", like=cluster.record.uuid) as name:
        answer = server.dashboard(name, "/health")
        assert (answer.status, "4033: 'not authorized'" in answer.text) == (502, True)


@pytest.fixture
def own(tmp_path, monkeypatch) -> Gcloud:
    """A gcloud on the PATH of this process."""
    monkeypatch.setenv("PATH", str(tmp_path), prepend=os.pathsep)
    return Gcloud(tmp_path)


def test_a_tunnel_that_nobody_uses_ends_and_one_in_use_stays(own, laptop):
    own.does(port=1)

    async def life() -> None:
        made = await dig("m", 8787, "z", "p", idle=0.2)
        with made.used():
            await asyncio.sleep(0.5)  # longer than it may be unused
            assert made.alive
            with socket.create_connection(("127.0.0.1", made.port), timeout=5):
                pass
        while made.alive:  # noqa: ASYNC110  # that it has ended is said by nothing else
            await asyncio.sleep(0.02)

    asyncio.run(asyncio.wait_for(life(), 20))
    laptop.until(lambda: not own.running())


def test_a_gcloud_that_keeps_silent_is_given_up(own, laptop, monkeypatch):
    own.does(port=1, says=False)
    monkeypatch.setattr(tunnel, "OPEN", 1.0)
    with pytest.raises(WaitTimeout, match="tunnel to m: gcloud did not listen"):
        asyncio.run(dig("m", 8787, "z", "p"))
    laptop.until(lambda: not own.running())
    own.does(fail="")
    with pytest.raises(NoDashboard, match="ended and said nothing"):
        asyncio.run(dig("m", 8787, "z", "p"))


def test_tunnels_end_with_the_process_that_dug_them(own, laptop):
    own.does(port=1)
    script = """
        import asyncio
        from dask_dataproc.kernel_ext.tunnel import dig
        async def main():
            assert (await dig("m", 8787, "z", "p")).alive
        asyncio.run(main())
    """
    process = laptop.start(script)
    assert process.communicate(timeout=30)[1] == ""
    laptop.until(lambda: not own.running())


def test_tunnels_end_with_a_server_whose_loop_is_closed_before(own, laptop):
    own.does(port=1)
    script = """
        import asyncio
        from dask_dataproc.kernel_ext.tunnel import dig
        loop = asyncio.new_event_loop()
        tunnel = loop.run_until_complete(dig("m", 8787, "z", "p"))
        loop.close()
    """
    process = laptop.start(script)
    assert "RuntimeError" not in process.communicate(timeout=30)[1]
    laptop.until(lambda: not own.running())
