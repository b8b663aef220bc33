"""Who has no keys gets nothing from a node, whatever port; who has them gets the dashboard. Debian nodes."""

from __future__ import annotations

import json
import signal
import subprocess
import sys
from pathlib import Path

import pytest
import requests
from bokeh.client import pull_session

from dask_dataproc.init_actions.keys import make_keys

from .online import listening, living

REQUEST = "GET /status HTTP/1.1\r\nHost: head\r\nConnection: close\r\n\r\n"
STRANGER = """
import json, socket, ssl, sys

def heard(place, pem, request):
    said = b""
    try:
        with socket.create_connection(place, timeout=5) as sock:
            if pem is not None:
                context = ssl.SSLContext(ssl.PROTOCOL_TLS_CLIENT)
                context.check_hostname, context.verify_mode = False, ssl.CERT_NONE
                if pem:
                    context.load_cert_chain(pem)
                sock = context.wrap_socket(sock)
            sock.sendall(request)
            while data := sock.recv(4096):
                said += data
    except ConnectionRefusedError:
        raise
    except OSError:  # reset, an alert of TLS, no word within the time
        pass
    return said.hex()

places, pem, request = json.load(sys.stdin)
manners = {"no TLS": None, "no keys": "", "other keys": pem}
print(json.dumps([[*place, {name: heard(tuple(place), how, request.encode()) for name, how in manners.items()}]
                  for place in places]))
"""
SHELL = """
import sys
from dask_dataproc.magics.cli import dataproc
dataproc(sys.argv[1:], prog_name="dask dataproc")
"""
HELD = "It is there until you end this (Ctrl-C): only this process has the cluster's keys"
ALERT = "15"
"""The first byte of TLS's own "no", in hexadecimal."""


@pytest.fixture
def keys(tmp_path: Path) -> Path:
    """The file of a stranger's own certificate and key."""
    file = tmp_path / "stranger.pem"
    file.write_text("".join(make_keys()))
    return file


def test_a_stranger_on_the_network_of_the_nodes_gets_nothing_from_any_port(online, shared_cluster, keys):
    nodes = living(online, shared_cluster)
    ports = {node: {place for place in listening(online, node) if place[0] != "127.0.0.1"} for node in nodes}
    head = online.address(nodes[0])
    assert {(head, 8786), (head, 8787)} <= ports[nodes[0]]
    assert {len(ports[node]) for node in nodes[1:]} == {2}, "a worker and its nanny"
    places = sorted(place for node in nodes for place in ports[node])
    given = json.dumps([places, str(keys), REQUEST])
    bridge = ["nsenter", "--target", str(online.machines.lab.pid), "--net", sys.executable, "-c", STRANGER]
    ran = subprocess.run(bridge, input=given, capture_output=True, text=True, timeout=120)
    assert ran.returncode == 0, ran.stderr
    answers = {(host, port): said for host, port, said in json.loads(ran.stdout)}
    assert set(answers) == set(places)
    told = {place: said for place, said in answers.items() if said["no keys"] or said["other keys"]}
    assert told == {}
    plain = [said["no TLS"] for said in answers.values()]
    assert [said for said in plain if said and (not said.startswith(ALERT) or len(said) > 14)] == []


def test_the_dashboard_is_seen_with_the_keys_pages_and_moving_plots(shared_cluster):
    assert shared_cluster.dashboard.there.startswith("https://10.")
    assert shared_cluster.dashboard_link.startswith("http://127.0.0.1:")
    assert "bokeh.min.js" in requests.get(shared_cluster.dashboard_link, timeout=30).text
    plots = pull_session(url=shared_cluster.dashboard_link)  # by bokeh's web socket
    assert plots.document.roots
    plots.close()


def test_on_the_master_itself_the_dashboard_asks_for_no_keys(online, shared_cluster):
    assert online.run(f"{shared_cluster.name}-m", "curl -sf http://127.0.0.1:8787/health") == "ok"


@pytest.mark.parametrize("shared_cluster", ["standalone"], indirect=True)
def test_a_shell_shows_it_for_as_long_as_it_is_asked_to(online, shared_cluster):
    shell = online.laptop.start(SHELL, "dashboard", shared_cluster.name, "--local")
    link = shell.stdout.readline().removeprefix("dashboard").strip()
    assert requests.get(link, timeout=30).ok
    shell.send_signal(signal.SIGINT)
    _, said = shell.communicate(timeout=30)
    assert (shell.returncode, said.splitlines()) == (0, [HELD])
    with pytest.raises(requests.ConnectionError):
        requests.get(link, timeout=30)
    status = online.laptop.start(SHELL, "status", shared_cluster.name, "--local")
    assert f"dask dataproc dashboard {shared_cluster.name}" in status.communicate(timeout=60)[0]
