"""TLS always, and no key where it does not belong."""

from __future__ import annotations

import asyncio
import json
import os
import ssl
import stat
from pathlib import Path
from urllib.parse import urlsplit

import psutil
import pytest
from distributed import Client, Security
from distributed.comm import connect

from dask_dataproc import DataprocCluster
from dask_dataproc.clusters.connection import find
from dask_dataproc.clusters.sync import run
from dask_dataproc.init_actions.keys import make_keys

REFUSED_AFTER = 5
"""Seconds in which a connection that is refused says so; Dask tries again until then."""


@pytest.fixture(scope="module")
def ports(cluster) -> dict[str, str]:
    """What listens: the scheduler, a worker and its nanny."""
    worker, info = next(iter(cluster.scheduler_info["workers"].items()))
    return {"scheduler": cluster.scheduler_address, "worker": worker, "nanny": info["nanny"]}


@pytest.fixture(scope="module")
def connection_file(shared_laptop, cluster) -> Path:
    return shared_laptop.state / "staging" / "clusters" / cluster.record.uuid / "connection.json"


@pytest.fixture(scope="module")
def secrets(connection_file) -> list[str]:
    """The lines of the private key that no other key has; its first line begins like that of any key."""
    _, first, *rest, _, _ = json.loads(connection_file.read_text())["key"].split("\n")
    return [first[-24:], *rest]


def ask(address: str, context: ssl.SSLContext | None) -> str:
    """Ask who listens at ``address``, as Dask's own parts do."""

    async def identity() -> str:
        comm = await connect(address, timeout=REFUSED_AFTER, ssl_context=context)
        try:
            await comm.write({"op": "identity", "reply": True})
            return (await comm.read())["id"]
        finally:
            comm.abort()

    return run(asyncio.wait_for(identity(), 2 * REFUSED_AFTER))


def context_of(security: Security) -> ssl.SSLContext:
    return security.get_connection_args("client")["ssl_context"]


def keys(trusted: str, certificate: str, key: str) -> ssl.SSLContext:
    pem = {"tls_ca_file": trusted, "tls_client_cert": certificate, "tls_client_key": key}
    return context_of(Security(**pem, require_encryption=True))


@pytest.mark.parametrize("port", ["scheduler", "worker", "nanny"])
def test_the_clusters_own_keys_open_every_port(ports, cluster, port):
    assert ports[port].startswith("tls://")
    assert ask(ports[port], context_of(cluster.security))


@pytest.mark.parametrize("port", ["scheduler", "worker", "nanny"])
def test_other_keys_and_no_keys_and_no_encryption_are_refused(ports, connection_file, port):
    theirs = json.loads(connection_file.read_text())["certificate"]
    stranger, key = make_keys()
    without = ssl.create_default_context(cadata=theirs)
    without.check_hostname = False
    attempts = {
        "other keys": lambda: ask(ports[port], keys(stranger, stranger, key)),
        "other keys that trust the cluster's": lambda: ask(ports[port], keys(theirs, stranger, key)),
        "no keys": lambda: ask(ports[port], without),
        "no encryption": lambda: ask(ports[port].replace("tls://", "tcp://"), None),
    }
    for attempt in attempts.values():
        with pytest.raises((OSError, asyncio.TimeoutError)):
            attempt()


def test_a_dask_client_without_the_keys_gets_nowhere(cluster):
    async def connected(address: str) -> None:
        client = Client(address, timeout="2s", asynchronous=True)
        try:
            await asyncio.wait_for(client, REFUSED_AFTER)  # Dask itself does not bound its handshake
        finally:
            await client.close()

    for address in (cluster.scheduler_address, cluster.scheduler_address.replace("tls://", "tcp://")):
        with pytest.raises((OSError, TypeError, asyncio.TimeoutError)):  # a TLS address without any keys is a TypeError
            run(connected(address))


def test_what_is_not_tls_gets_no_word_out_of_a_port(ports):
    async def first_word(address: str) -> bytes:
        parts = urlsplit(address)
        reader, writer = await asyncio.open_connection(parts.hostname, parts.port)
        writer.write(b"GET / HTTP/1.1\r\n\r\n")
        try:
            return await asyncio.wait_for(reader.read(), REFUSED_AFTER)
        except ConnectionResetError:
            return b""
        finally:
            writer.close()

    for address in ports.values():
        assert len(run(first_word(address))) < 16, "an alert of TLS at most"


def test_the_connection_file_the_folders_and_the_socket_are_the_users_alone(shared_laptop, connection_file):
    def mode(path: Path) -> str:
        return oct(stat.S_IMODE(path.stat().st_mode))

    assert mode(connection_file) == "0o600"
    assert mode(connection_file.parent) == mode(shared_laptop.state / "staging") == "0o700"
    assert mode(shared_laptop.runtime / "dataproc.sock") == mode(shared_laptop.runtime / "emulator.json") == "0o600"
    assert mode(shared_laptop.runtime) == mode(shared_laptop.state) == "0o700"
    assert {mode(log) for log in shared_laptop.state.glob("emulator/machines/*/*/log.txt")} == {"0o600"}


def test_the_key_is_in_one_file_only(shared_laptop, connection_file, secrets):
    """In no log of the emulator or a machine, no state file, no machine's metadata."""
    files = [path for path in shared_laptop.folder.rglob("*") if path.is_file()]
    assert {"emulator.log", "log.txt", "metadata.json"} <= {path.name for path in files}
    assert [path for path in files if _any_in(secrets, path.read_text(errors="replace"))] == [connection_file]


def test_the_key_is_in_no_process_argument_and_no_environment(shared_laptop, cluster, secrets):
    processes = [psutil.Process(), *shared_laptop.processes()]
    assert len(processes) >= 6, "this, the emulator, its zygote, and three machines"
    texts = [Path(f"/proc/{process.pid}/{file}").read_text(errors="replace")
             for process in processes for file in ("cmdline", "environ")]  # fmt: skip
    assert not [text for text in [*texts, *os.environ.values()] if _any_in(secrets, text)]


def test_the_key_is_in_no_repr_label_metadata_phase_or_log(shared_laptop, cluster, secrets):
    connection = run(find(cluster.spec.staging, cluster.record.uuid))
    assert _any_in(secrets, connection.key), "the test looks for the right thing"
    with cluster.get_client() as client:
        shown = [cluster, client, cluster.security, connection, cluster.spec, cluster.record, cluster.scheduler_info]
        texts = [repr(each) for each in shown] + [str(each) for each in shown]
        texts += [each._repr_html_() for each in (cluster, client, cluster.security, cluster.scheduler_info)]
        texts += [repr(cluster.get_logs()), repr(cluster.phases), repr(vars(shared_laptop))]
        texts += [str(cluster.record.metadata), str(cluster.record.labels), cluster.spec.to_yaml()]
        texts += [str(client.scheduler_info()), client.run_on_scheduler(lambda dask_scheduler: repr(dask_scheduler))]
    assert not [text for text in texts if _any_in(secrets, text)]


def test_each_cluster_has_keys_of_its_own(laptop, cluster):
    with DataprocCluster(workers=0) as other, pytest.raises((OSError, asyncio.TimeoutError)):
        ask(other.scheduler_address, context_of(cluster.security))


def _any_in(secrets: list[str], text: str) -> bool:
    return any(secret in text for secret in secrets)
