"""What one server leaves on disk, the next one has, and only one of them."""

from __future__ import annotations

import os
import subprocess
import sys

import pytest

from dask_dataproc.clusters.paths import state_dir
from dask_dataproc.kernel_ext.sidebar_made import Made, all_made, begun, left

A = Made("a", "p-1", "us-central1")
HOLDS = """
import sys
from dask_dataproc.kernel_ext.sidebar_made import Made, begun
file = begun(Made("a", "p-1", "us-central1", "u-1", True))
print("held", flush=True)
sys.stdin.read()
"""


@pytest.fixture(autouse=True)
def home(tmp_path, monkeypatch):
    monkeypatch.setenv("XDG_STATE_HOME", str(tmp_path))


def test_a_record_is_its_servers_until_that_is_killed():
    server = subprocess.Popen(
        [sys.executable, "-c", HOLDS], stdin=subprocess.PIPE, stdout=subprocess.PIPE, env=dict(os.environ)
    )
    assert server.stdout is not None
    assert server.stdout.readline() == b"held\n"
    assert left() == []
    assert all_made() == [Made("a", "p-1", "us-central1", "u-1", ready=True)]
    server.kill()
    server.communicate(timeout=10)
    (found,) = left()
    assert found.made == all_made()[0]
    assert left() == [], "it is ours now"


def test_what_was_cleared_is_not_left_to_anybody():
    file = begun(A)
    file.clear()
    assert all_made() == left() == []
    assert list((state_dir() / "sidebar").iterdir()) == []


def test_what_was_let_go_of_is_the_next_ones():
    begun(A).release()
    assert [file.made for file in left()] == [A]


def test_what_cannot_be_read_is_cleared():
    (state_dir() / "sidebar").mkdir()
    (state_dir() / "sidebar" / "x.json").write_text("{")
    assert left() == all_made() == []
    assert list((state_dir() / "sidebar").iterdir()) == []
