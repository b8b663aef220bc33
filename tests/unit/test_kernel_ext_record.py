"""The record of a notebook: its owner's alone, one kernel's at a time, whole or not there."""

from __future__ import annotations

import os
import signal
import stat
import subprocess
import sys

import pytest

from dask_dataproc.kernel_ext.notebook_record import NotebookRecord, Own, record_path

OWN = Own("dask-ana-3f2c", "uuid", "local", "us-central1", keep=False, names=["client", "cluster"])
CLAIM = """
import sys
from dask_dataproc.kernel_ext.notebook_record import NotebookRecord
record = NotebookRecord(sys.argv[1])
print(record.ours, record.read() is not None)
record.clear()
"""

FORKS = """
import os, signal, sys
from dask_dataproc.kernel_ext.notebook_record import NotebookRecord
record = NotebookRecord(sys.argv[1])
if not os.fork():
    print(os.getpid(), record.ours, flush=True)
signal.pause()
"""


@pytest.fixture(autouse=True)
def home(monkeypatch, tmp_path):
    monkeypatch.setenv("XDG_STATE_HOME", str(tmp_path))


def other_process(notebook: str) -> str:
    done = subprocess.run([sys.executable, "-c", CLAIM, notebook], capture_output=True, text=True, check=True)
    return done.stdout.strip()


def test_what_is_written_is_read_by_the_next_kernel_and_by_nobody_else():
    record = NotebookRecord("/a.ipynb")
    assert record.read() is None
    record.write(OWN)
    assert record.read() == OWN
    assert stat.S_IMODE(record.path.stat().st_mode) == 0o600
    assert stat.S_IMODE(record.path.parent.stat().st_mode) == 0o700
    record.clear()
    assert record.read() is None


def test_notebooks_have_records_of_their_own():
    assert record_path("/a.ipynb") != record_path("/b.ipynb")


def test_a_second_kernel_of_the_notebook_neither_reads_nor_clears():
    record = NotebookRecord("/a.ipynb")
    record.write(OWN)
    assert other_process("/a.ipynb") == "False False"
    assert record.read() == OWN


def test_a_forked_child_that_outlives_its_kernel_does_not_hold_the_notebook():
    kernel = subprocess.Popen([sys.executable, "-c", FORKS, "/a.ipynb"], stdout=subprocess.PIPE, text=True)
    assert kernel.stdout is not None
    child, ours = kernel.stdout.readline().split()
    try:
        assert ours == "False"
        assert not NotebookRecord("/a.ipynb").ours, "the kernel lives"
        kernel.kill()
        kernel.wait(10)
        assert NotebookRecord("/a.ipynb").ours
    finally:
        kernel.kill()
        os.kill(int(child), signal.SIGKILL)
        kernel.stdout.close()


@pytest.mark.parametrize("garbage", ["", "{", "[]", '{"name": "x"}', "null"])
def test_a_record_that_cannot_be_read_is_none(garbage):
    record = NotebookRecord("/a.ipynb")
    record.path.write_text(garbage)
    assert record.read() is None
