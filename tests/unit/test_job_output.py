"""A driver's output is read as it grows: each character once, in order, over all its parts."""

from __future__ import annotations

import fsspec
import pytest

from dask_dataproc.clusters.job_output import DriverOutput
from dask_dataproc.pipelines.result import RESULT, result_of


@pytest.fixture
def store():
    filesystem = fsspec.filesystem("memory")
    yield filesystem
    filesystem.store.clear()


def test_parts_are_read_in_order_and_nothing_twice(store):
    output = DriverOutput("memory://b/jobs/j/driveroutput")
    assert output.more() == ""
    store.pipe_file("/b/jobs/j/driveroutput.000000000", b"one\n")
    store.pipe_file("/b/jobs/j/control", b"not of it")
    assert (output.more(), output.more()) == ("one\n", "")
    store.pipe_file("/b/jobs/j/driveroutput.000000000", b"one\ntwo\n")
    store.pipe_file("/b/jobs/j/driveroutput.000000001", b"three\n")
    assert output.more() == "two\nthree\n"


def test_a_character_that_is_half_written_waits_for_its_other_half(tmp_path):
    file = tmp_path / "driveroutput"
    file.write_bytes("wört".encode()[:2])
    output = DriverOutput(file.as_uri())
    assert output.more() == "w"
    file.write_bytes("wört".encode())
    assert output.more() == "ört"


@pytest.mark.parametrize(
    ("output", "result"),
    [("a\n" + RESULT + '{"n": 1}\n', {"n": 1}), ("a\n", None), ("", None), (RESULT + "1\nmore\n", None)],
)
def test_the_result_is_the_last_line(output, result):
    assert result_of(output) == result
