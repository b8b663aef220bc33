"""`%dask_pipeline`: a notebook makes a DAG of itself, and a run."""

from __future__ import annotations

import ast
from pathlib import Path

import nbformat
import pytest

LOAD = "%load_ext dask_dataproc"


@pytest.fixture
def job(tmp_path) -> Path:
    """A notebook with one parameter."""
    cells = [nbformat.v4.new_code_cell("x: int = 1"), nbformat.v4.new_code_cell("print('x is', x)")]
    cells[0].metadata.tags = ["parameters"]
    nbformat.write(nbformat.v4.new_notebook(cells=cells), tmp_path / "job.ipynb")
    return tmp_path / "job.ipynb"


def test_export_in_a_live_notebook_writes_its_own_dag(kernel, job):
    live = kernel(str(job))
    assert not live.run(LOAD).error
    ran = live.run(f"%dask_pipeline export -o {job.parent / 'dags'}")
    assert ran.error == ""
    written = job.parent / "dags" / "job.py"
    assert ran.text.strip() == str(written)
    ast.parse(written.read_text())


def test_run_executes_a_notebook_with_typed_parameters(execute, job):
    done = job.parent / "done.ipynb"
    document = execute(LOAD, f"%dask_pipeline run {job} -p x=41 -o {done}")
    assert str(done) in "".join(out.get("text", "") for out in document.cells[1].outputs)
    assert nbformat.read(done, as_version=4).cells[-1].outputs[0].text == "x is 41\n"
