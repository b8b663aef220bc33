"""The dashboard of a cluster through the Jupyter server: its pages, its moving plots, and what does not travel."""

from __future__ import annotations

import asyncio
import json
import re
from urllib.parse import urljoin

import pytest
from bokeh.protocol import Protocol
from bokeh.util.token import generate_jwt_token, generate_session_id


@pytest.fixture(scope="module")
def plots(shared_laptop, server, cluster) -> dict[str, str]:
    """The dashboard's list of its plots, once the head has imported them: the first of an emulator does it aside."""
    return shared_laptop.until(lambda: server.dashboard(cluster.name, "/individual-plots.json").json())


def test_every_plot_and_every_page_answers(server, cluster, plots):
    pages = ["/status", "/workers", "/tasks", "/system", "/profile", "/graph", "/groups", "/info/main/workers.html"]
    asked = [*pages, *plots.values()]
    assert len(plots) > 20
    assert {path: server.dashboard(cluster.name, path).status for path in asked} == dict.fromkeys(asked, 200)


def test_what_a_page_loads_is_where_the_page_says(server, cluster, plots):
    at = f"{server.base}proxy/dask-dataproc/{cluster.name}/status"
    page = server.ask(at).text
    loaded = re.findall(r'(?:src|href)="((?!https?:)[^"#]+\.(?:js|css|ico|svg)[^"]*)"', page)
    assert any("bokeh.min.js" in link for link in loaded)
    assert {link: server.ask(urljoin(at, link)).status for link in loaded} == dict.fromkeys(loaded, 200)


def test_plots_move_over_the_web_socket(server, cluster, plots):
    async def kinds(wanted: str) -> list[str]:
        """The kinds of messages that a page gets, up to the wanted one."""
        path = f"/{cluster.name}/individual-workers-cpu-timeseries/ws"
        socket = await server.socket(
            path, server.token, subprotocols=["bokeh", generate_jwt_token(generate_session_id())]
        )
        seen = [json.loads(await socket.read_message())["msgtype"]]
        asked = Protocol().create("PULL-DOC-REQ")
        for part in (asked.header_json, asked.metadata_json, asked.content_json):
            await socket.write_message(part)
        while wanted not in seen:
            part = await socket.read_message()
            assert part is not None
            if "msgtype" in (said := json.loads(part)):
                seen.append(said["msgtype"])
        socket.close()
        return seen

    assert asyncio.run(asyncio.wait_for(kinds("PATCH-DOC"), 30))[:2] == ["ACK", "PULL-DOC-REPLY"]


def test_the_pages_of_a_worker_are_reached_from_the_table_of_workers(server, cluster, plots):
    at = f"{server.base}proxy/dask-dataproc/{cluster.name}/info/main/workers.html"
    links = [link for link in re.findall(r'href="([^"]+)"', server.ask(at).text) if "worker/tls" in link]
    assert len(links) == 2
    assert [server.ask(urljoin(at, link)).status for link in links] == [200, 200]


def test_without_a_path_one_comes_to_the_status_page(server, cluster):
    for path in ("", "/"):
        answer = server.dashboard(cluster.name, path)
        assert answer.status in (301, 302)
        assert answer.headers["Location"] == f"{server.base}proxy/dask-dataproc/{cluster.name}/status"


def test_a_cluster_that_nobody_knows_has_no_dashboard(server):
    answer = server.dashboard("dask-nobody-1", "/status")
    assert (answer.status, answer.text) == (
        404,
        "ClusterNotFound: no cluster dask-nobody-1\n  Try:  %dask_cluster list",
    )
