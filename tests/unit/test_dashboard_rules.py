"""What may be asked of a dashboard, where it may be, and where it may send a browser."""

from __future__ import annotations

from urllib.parse import quote, unquote, urljoin

import pytest
from hypothesis import given
from hypothesis import strategies as st

from dask_dataproc.clusters.errors import DashboardRefused
from dask_dataproc.kernel_ext.dashboard_rules import may_stage, origin_of, path_there, place_here, query_there

ORIGIN, PREFIX = "https://10.0.0.2:8787", "/user/ana/proxy/dask-dataproc/c"


@pytest.mark.parametrize(
    "path",
    [
        "/status",
        "/individual-plots.json",
        "/status/ws",
        "/static/js/bokeh.min.js",
        "/info/worker/tls%3A%2F%2F10.0.0.3%3A40123.html",
        "/info/task/%28%27sum-1f%27%2C%200%29.html",
        "/info/task/100%25.html",
        "/json/counts.json",
    ],
)
def test_pages_of_the_dashboard_are_asked_for_as_they_are(path):
    assert path_there(path) == path


@given(st.text(max_size=30), st.sampled_from(["", "/", "/status/", "/%2e%2e/", "//", "/proxy/"]))
def test_what_is_asked_never_leaves_the_dashboard(text, before):
    for raw in (before + text, before + quote(text, safe=""), before + quote(quote(text))):
        try:
            path = path_there(raw)
        except DashboardRefused:
            continue
        assert urljoin(ORIGIN, path) == ORIGIN + path  # a client that resolves it asks just that
        assert path.isascii()
        plain = unquote(unquote(path))
        assert not {".", ".."} & set(plain.split("/"))
        assert not plain.lower().lstrip("/").startswith("proxy/")


@given(st.text(max_size=30))
def test_a_redirection_leads_to_the_same_dashboard_or_nowhere(text):
    for said in (text, f"/{text}", f"{ORIGIN}{text}", f"//{text}"):
        try:
            here = place_here(said, "/a/b", ORIGIN, PREFIX)
        except DashboardRefused:
            continue
        assert urljoin(f"https://hub{PREFIX}/a/b", here).startswith(f"https://hub{PREFIX}/")


def test_what_is_for_jupyter_alone_is_not_in_the_query():
    assert query_there("a=1&token=s&b=%20&TOKEN=s&%74oken=s&tokens=2") == "a=1&b=%20&tokens=2"
    for query in ("a b", "a\r\nb", "ü", "a#b"):
        with pytest.raises(DashboardRefused):
            query_there(query)


@pytest.mark.parametrize(
    ("dashboard", "local", "fine"),
    [
        ("https://10.128.0.2:8787", False, True),
        ("https://34.1.2.3:8787", False, True),
        ("http://10.128.0.2:8787", False, False),
        ("https://127.0.0.1:8787", False, False),
        ("http://127.0.0.1:8787", True, True),
        ("https://127.0.0.1:8787", True, True),
        ("http://10.0.0.2:8787", True, False),
        ("https://169.254.169.254:443", False, False),
        ("https://0.0.0.0:8787", True, False),
        ("https://localhost:8787", True, False),
        ("https://metadata.google.internal:443", False, False),
        ("https://10.0.0.2:8787/x", False, False),
        ("https://10.0.0.2:8787@evil:1", False, False),
        ("https://evil@10.0.0.2:8787", False, False),
        ("https://10.0.0.2", False, False),
        ("https://010.0.0.2:8787", False, False),
        ("https://167772162:8787", False, False),
        ("https://[::1]:8787", True, False),
        ("gopher://127.0.0.1:70", True, False),
        ("", True, False),
    ],
)
def test_a_dashboard_is_at_an_address_of_a_network_with_keys_or_is_the_emulators(dashboard, local, fine):
    try:
        assert origin_of(dashboard, local=local) == dashboard
        assert fine
    except DashboardRefused:
        assert not fine


def test_keys_are_read_from_buckets_and_the_emulators_folder_alone():
    assert may_stage("gs://bucket/dask", local=False)
    assert may_stage("file:///home/ana/staging", local=True)
    for staging in ("file:///etc", "http://evil/", "", "gs:/x", "ftp://evil/", "memory://x", "github://a:b@/"):
        assert not may_stage(staging, local=False)
