"""A run whose output is an object: current while it runs, whole whenever it is read, final at its end."""

from __future__ import annotations

import json
import threading
from pathlib import Path

import fsspec
import nbformat
import pytest

from dask_dataproc.clusters.errors import NotebookError
from dask_dataproc.pipelines import output
from dask_dataproc.pipelines.run import run_notebook


@pytest.fixture
def store(gcs):
    fsspec.get_filesystem_class("gs").clear_instance_cache()
    return fsspec.filesystem("gs", skip_instance_cache=True, use_listings_cache=False)


def write(folder: Path, *sources: str) -> Path:
    cells = [nbformat.v4.new_code_cell(source) for source in sources]
    cells[0].metadata.tags = ["parameters"]
    nbformat.write(nbformat.v4.new_notebook(cells=cells), folder / "job.ipynb")
    return folder / "job.ipynb"


def read(store, url: str) -> nbformat.NotebookNode:
    return nbformat.reads(store.cat_file(url).decode(), as_version=4)


def test_the_executed_notebook_is_in_the_bucket(gcs, store, tmp_path):
    url = f"{gcs}/runs/2026/job.ipynb"
    assert run_notebook(write(tmp_path, "x = 1", "print(x)"), url, {"x": 7}, progress=False) == url
    assert read(store, url).cells[2].outputs[0].text == "7\n"


def test_a_notebook_is_read_from_a_bucket(gcs, store, tmp_path):
    store.put_file(str(write(tmp_path, "x = 1", "print(x)")), f"{gcs}/jobs/job.ipynb")
    run_notebook(f"{gcs}/jobs/job.ipynb", tmp_path / "out.ipynb", {"x": 8}, progress=False)
    assert nbformat.read(tmp_path / "out.ipynb", as_version=4).cells[2].outputs[0].text == "8\n"


def test_a_failing_cell_leaves_its_traceback_in_the_bucket(gcs, store, tmp_path):
    with pytest.raises(NotebookError, match=r"cell 2 of gs://\S+ failed: ZeroDivisionError"):
        run_notebook(write(tmp_path, "x = 1", "1 / 0"), f"{gcs}/job.ipynb", progress=False)
    assert read(store, f"{gcs}/job.ipynb").cells[1].outputs[0].ename == "ZeroDivisionError"


def test_a_bucket_that_is_not_there_is_one_line_before_a_cell_runs(gcs, tmp_path):
    mark = tmp_path / "ran"
    notebook = write(tmp_path, "where = ''", "open(where, 'w')")
    with pytest.raises(NotebookError, match=r"output gs://no-such-bucket/job\.ipynb cannot be written"):
        run_notebook(notebook, "gs://no-such-bucket/job.ipynb", {"where": str(mark)}, progress=False)
    assert not mark.exists()


def test_the_object_is_renewed_during_the_run_and_no_more_often_than_it_may(gcs, store, tmp_path, monkeypatch):
    """The last cell ends when the first one's output is in the bucket; every state seen there is a whole notebook."""
    monkeypatch.setattr(output.ObjectOutput.__init__, "__defaults__", (1.0,))
    url, gate = f"{gcs}/job.ipynb", tmp_path / "gate"
    wait = "import os, time\nwhile not os.path.exists(gate):\n    time.sleep(0.01)"
    notebook = write(tmp_path, "gate = ''", *["print('tick')"] * 60, wait)
    job = threading.Thread(
        target=run_notebook, args=(notebook, url, {"gate": str(gate)}), kwargs={"progress": False}, daemon=True
    )
    job.start()
    seen: set[str] = set()
    while job.is_alive() and not any("tick" in text for text in seen):
        if store.exists(url):
            seen.add(store.cat_file(url).decode())
    assert job.is_alive(), "the run ended before its output was seen in the bucket"
    gate.touch()
    job.join()
    assert all(json.loads(text)["nbformat"] == 4 for text in seen)
    assert len(seen) < 10
