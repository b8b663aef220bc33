"""`%dask_pipeline`: a notebook makes a DAG of itself, and a run."""

from __future__ import annotations

import ast
import re
from pathlib import Path

import nbformat
import pytest

from dask_dataproc.pipelines.notebook_file import NotebookFile

LOAD = "%load_ext dask_dataproc"
PANEL = """
from dask_dataproc.kernel_ext.session import session_of
from dask_dataproc.magics.pipeline_panel import panel_of_job
panel = panel_of_job(session_of(get_ipython()))
"""


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


def metadata(job: Path) -> dict:
    return nbformat.read(job, as_version=4).metadata.get("dask_dataproc", {})


def test_edit_in_a_kernel_without_jupyterlab_writes_the_file_and_says_to_load_it_again(kernel, job):
    live = kernel(str(job))
    live.run(LOAD)
    before = job.read_text()
    ran = live.run("%dask_pipeline edit --set schedule=@daily --set retries=2")
    assert "load it again" in ran.text
    assert metadata(job) == {"schedule": "@daily", "retries": 2}
    assert "SpecError: retries: '11' given" in live.run("%dask_pipeline edit --set retries=11").error
    assert "the panel" in live.run("%dask_pipeline edit").error
    live.run("%dask_pipeline edit --unset schedule --unset retries")
    assert job.read_text() == before


def test_show_says_what_the_notebook_is_as_a_job(kernel, job):
    live = kernel(str(job))
    live.run(LOAD)
    shown = live.run("%dask_pipeline show")
    assert "x: int = 1  (cell 1)" in shown.text
    assert "by hand only" in shown.text
    assert "<table>" in shown.html


def test_an_export_takes_the_sessions_cluster_at_the_size_that_was_used_and_diff_tells_what_changes(kernel, job, name):
    live = kernel(str(job))
    live.run(LOAD)
    assert live.run(f"%dask_cluster up --wait --name {name} --workers 4 --worker-machine n2-standard-2").error == ""
    assert live.run("import time; client.submit(time.sleep, 0.5).result()").error == ""
    dags = job.parent / "dags"
    exported = live.run(f"%dask_pipeline export -o {dags}")
    assert "Taken from this session: 4 × n2-standard-2; its threads were busy" in exported.text
    (fewer,) = re.findall(r"The job gets ([23]) × n2-standard-2 \(\$", exported.text)
    assert f'"num_instances": {fewer}' in (dags / "job.py").read_text()

    told = live.run(f"%dask_pipeline export -o {dags} --as-is --diff")
    assert f"cluster worker_config.num_instances: {fewer} → 4" in told.text
    assert '+        "num_instances": 4,' in told.text
    assert f'"num_instances": {fewer}' in (dags / "job.py").read_text()
    live.run("%dask_cluster down")
    ended = live.run(f"%dask_pipeline export -o {dags} --diff")
    assert "Taken from this session: 4 × n2-standard-2; its threads were busy" in ended.text
    assert "is as it would be written now" in ended.text

    live.run("%dask_pipeline edit --set cluster.workers=7")
    own = live.run(f"%dask_pipeline export -o {dags}")
    assert "the one of the notebook's metadata" in own.text
    assert '"num_instances": 7' in (dags / "job.py").read_text()
    assert "as-is: given, and the notebook's metadata has a cluster" in live.run("%dask_pipeline export --as-is").error


def test_without_a_verb_there_is_a_panel_of_the_job_that_a_saved_notebook_keeps_as_a_table(kernel, job):
    live = kernel(str(job))
    live.run(LOAD)
    shown = live.run("%dask_pipeline")
    assert "%dask_pipeline shows it" in shown.text
    assert "x: int = 1  (cell 1)" in shown.html
    live.run(PANEL)
    live.run("panel.form.controls['retries'].input.value = 3; panel.form.controls['schedule'].input.value = 'soon'")
    assert "True" in live.run("print(panel.save.disabled, panel.form.controls['schedule']._note.value)").text
    live.run("panel.form.controls['schedule'].input.value = '@hourly'; panel.save.click()")
    assert metadata(job) == {"retries": 3, "schedule": "@hourly"}


def test_what_somebody_else_has_saved_meanwhile_is_not_overwritten_by_the_panel(kernel, job):
    live = kernel(str(job))
    live.run(LOAD)
    live.run("%dask_pipeline")
    live.run(PANEL)
    NotebookFile.read(job).write({"owner": "risk"})
    live.run("panel.form.controls['retries'].input.value = 3; panel.save.click()")
    assert "nothing is saved" in live.run("print(panel._line.value)").text
    assert metadata(job) == {"owner": "risk"}
    live.run("panel.again.click(); panel.form.controls['retries'].input.value = 3; panel.save.click()")
    assert metadata(job) == {"owner": "risk", "retries": 3}


def test_headless_there_is_the_help(execute):
    document = execute(LOAD, "%dask_pipeline")
    assert "Make a job of a notebook" in document.cells[1].outputs[0].text


def test_run_executes_a_notebook_with_typed_parameters(execute, job):
    done = job.parent / "done.ipynb"
    document = execute(LOAD, f"%dask_pipeline run {job} -p x=41 -o {done}")
    assert str(done) in "".join(out.get("text", "") for out in document.cells[1].outputs)
    assert nbformat.read(done, as_version=4).cells[-1].outputs[0].text == "x is 41\n"
