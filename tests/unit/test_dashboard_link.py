"""Which link to its dashboard a cluster shows: on this machine, or as a Jupyter server or a person configures it."""

from __future__ import annotations

import os
import subprocess
import sys

import dask.config

from dask_dataproc.clusters.dashboard import shown_link
from dask_dataproc.kernel_ext.server import BASE_URL, LINK, tell_kernels

HERE = "http://127.0.0.1:40000"


def link_of_a_kernel() -> str:
    """What a process that this one starts, as a Jupyter server does its kernels, shows as the link."""
    said = f"from dask_dataproc.clusters.dashboard import shown_link; print(shown_link('c-1', {HERE!r}))"
    return subprocess.check_output([sys.executable, "-c", said], text=True).strip()


def test_with_nothing_configured_it_is_on_this_machine(monkeypatch):
    monkeypatch.delenv(LINK, raising=False)
    assert link_of_a_kernel() == f"{HERE}/status"


def test_in_a_kernel_of_jupyter_it_leads_through_the_server(monkeypatch):
    for name in (BASE_URL, LINK):
        monkeypatch.setenv(name, "")
        monkeypatch.delenv(name)
    tell_kernels("/user/ana/")
    assert link_of_a_kernel() == "/user/ana/proxy/dask-dataproc/c-1/status"
    tell_kernels("/inner/")  # a server in a terminal of that server
    assert os.environ[LINK] == "/inner/proxy/dask-dataproc/{name}/status"


def test_what_a_person_has_configured_wins(monkeypatch):
    monkeypatch.delenv(BASE_URL, raising=False)
    monkeypatch.delenv(LINK, raising=False)
    with dask.config.set({"dataproc.dashboard-link": "https://hub/{name}"}):
        tell_kernels("/")
        assert LINK not in os.environ
        assert shown_link("c-1", HERE) == "https://hub/c-1"
        with dask.config.set({"distributed.dashboard.link": "/proxy/{port}/status"}):
            assert shown_link("c-1", HERE) == "/proxy/40000/status"
