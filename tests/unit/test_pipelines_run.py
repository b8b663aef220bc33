"""A notebook executed as a job: real kernels, real files."""

from __future__ import annotations

import json
import subprocess
import sys
import threading
from pathlib import Path

import nbformat
import pytest
from hypothesis import HealthCheck, Phase, given, settings
from hypothesis import strategies as st

from dask_dataproc.clusters.errors import NotebookError
from dask_dataproc.pipelines.run import run_notebook

CHARACTERS = st.characters(codec="utf-8")
LEAVES = st.none() | st.booleans() | st.integers() | st.floats(allow_nan=False) | st.text(CHARACTERS)
VALUES = st.recursive(LEAVES, lambda v: st.lists(v) | st.dictionaries(st.text(CHARACTERS), v))
CHOSEN = [
    "gs://b/x:y,z",
    "it's \"quoted\" '''thrice''' \\ and \\n",
    "lines\nand\r\ntabs\t\0",
    "{braces} {{jinja}} %s $HOME",
    "ünïcödé 🦆 \u2028",
    "20250102",
    "None",
    None,
    True,
    False,
    10**40,
    -(2**63) - 1,
    -0.0,
    1e-320,
    float("inf"),
    [[], [[1, [None, {"a b": [True]}]]]],
    {"": {"'": '"'}},
]


@pytest.fixture
def write(tmp_path: Path):
    """Write a notebook of code cells; the first one is the parameters cell."""

    def write(*sources: str, name: str = "job.ipynb") -> Path:
        cells = [nbformat.v4.new_code_cell(source) for source in sources]
        cells[0].metadata.tags = ["parameters"]
        path = tmp_path / name
        nbformat.write(nbformat.v4.new_notebook(cells=cells), path)
        return path

    return write


def outputs(path: Path) -> str:
    cells = nbformat.read(path, as_version=4).cells
    return "".join(o.get("text", "") for cell in cells for o in cell.get("outputs", []))


def test_any_values_arrive_with_equal_value_and_type(write, tmp_path):
    """One kernel run for all: what hypothesis draws is gathered first."""
    drawn: list[object] = []

    @settings(max_examples=300, phases=[Phase.generate], suppress_health_check=list(HealthCheck), database=None)
    @given(VALUES)
    def draw(value: object) -> None:
        drawn.append(value)

    draw()
    values = {f"v{number}": value for number, value in enumerate([*CHOSEN, *drawn])}
    cell = "\n".join(f"{name} = None" for name in values)
    show = "import os\nwith open(where, 'w') as file:\n    file.write(repr([globals()[n] for n in names]))"
    notebook = write(f"{cell}\nwhere = ''\nnames = []", show)

    run_notebook(
        notebook,
        tmp_path / "out.ipynb",
        values | {"where": str(tmp_path / "seen"), "names": list(values)},
        progress=False,
    )

    assert (tmp_path / "seen").read_text() == repr(list(values.values()))


def test_defaults_stay_where_nothing_is_given(write, tmp_path):
    run_notebook(write("x = 1", "print(x + 1)"), tmp_path / "new" / "folder" / "out.ipynb", progress=False)
    assert outputs(tmp_path / "new" / "folder" / "out.ipynb") == "2\n"


def test_the_output_goes_under_out_unless_told(write, tmp_path, monkeypatch):
    monkeypatch.chdir(tmp_path)
    assert run_notebook(write("x = 1"), progress=False) == Path("out/job.ipynb")
    assert Path("out/job.ipynb").is_file()


def test_relative_paths_are_found_from_the_notebooks_folder_as_in_jupyterlab(write, tmp_path, monkeypatch):
    (tmp_path / "here.txt").write_text("found")
    monkeypatch.chdir("/")
    done = run_notebook(write("x = 1", "print(open('here.txt').read())"), tmp_path / "done.ipynb", progress=False)
    assert outputs(done) == "found\n"


def test_the_lines_of_a_cell_are_one_output(write, tmp_path):
    source = "import sys, time\nfor n in range(5): print(n, flush=True); time.sleep(0.02)"
    done = run_notebook(write("x = 1", source), tmp_path / "done.ipynb", progress=False)
    assert [o.text for o in nbformat.read(done, 4).cells[-1].outputs] == ["0\n1\n2\n3\n4\n"]


def test_braces_in_a_path_are_no_template(write, tmp_path):
    made = run_notebook(write("x = 1", name="{x}.ipynb"), tmp_path / "{y}.ipynb", {"x": 2}, progress=False)
    assert made == tmp_path / "{y}.ipynb"
    assert nbformat.read(made, as_version=4).metadata.papermill.parameters == {"x": 2}


@pytest.mark.parametrize("wrong", [{"y": 1}, {"x": "text"}])
def test_a_wrong_parameter_is_refused_before_anything_is_started_or_written(write, tmp_path, wrong):
    with pytest.raises(NotebookError, match="parameter"):
        run_notebook(write("x = 1", "print(x)"), tmp_path / "out.ipynb", wrong, kernel_name="no such kernel")
    assert not (tmp_path / "out.ipynb").exists()


def test_a_failing_cell_is_one_line_and_a_traceback_in_the_output(write, tmp_path):
    out = tmp_path / "out.ipynb"
    with pytest.raises(NotebookError) as failed:
        run_notebook(write("x = 1", "y = 2", "1 / 0\n", "print('never')"), out, progress=False)
    assert str(failed.value) == f"cell 3 of {out} failed: ZeroDivisionError: division by zero"
    cells = nbformat.read(out, as_version=4).cells
    assert cells[2].outputs[0].ename == "ZeroDivisionError"
    assert [c.metadata.papermill.status for c in cells] == ["completed", "completed", "failed", "pending"]


def test_a_kernel_that_dies_names_its_cell(write, tmp_path):
    out = tmp_path / "out.ipynb"
    with pytest.raises(NotebookError) as died:
        run_notebook(write("import os", "os._exit(3)"), out, progress=False)
    assert str(died.value) == f"the kernel died in cell 2 of {out}"
    assert [c.metadata.papermill.status for c in nbformat.read(out, as_version=4).cells] == ["completed", "failed"]


def test_an_unknown_kernel_is_named_with_those_there_are(write, tmp_path):
    with pytest.raises(NotebookError, match=r"no kernel is named 'cobol'; there are .*python3"):
        run_notebook(write("x = 1"), tmp_path / "out.ipynb", kernel_name="cobol")


def test_the_notebook_itself_is_never_overwritten(write, tmp_path):
    notebook = write("x = 1")
    with pytest.raises(NotebookError, match="is the notebook itself"):
        run_notebook(notebook, tmp_path / "." / "job.ipynb")


def test_an_output_that_cannot_be_written_is_one_line(write, tmp_path):
    (tmp_path / "file").touch()
    with pytest.raises(NotebookError, match=r"out.ipynb cannot be written: (Not a directory|File exists)"):
        run_notebook(write("x = 1"), tmp_path / "file" / "out.ipynb", progress=False)


def test_a_notebook_that_is_none_is_one_line(tmp_path):
    (tmp_path / "a.ipynb").write_text("{}")
    with pytest.raises(NotebookError, match="is not a notebook of format 4"):
        run_notebook(tmp_path / "a.ipynb")
    with pytest.raises(NotebookError, match="cannot be read: No such file"):
        run_notebook(tmp_path / "b.ipynb")


def test_the_output_is_current_while_a_silent_cell_runs_and_never_half_written(write, tmp_path):
    """The last cell ends when the test has seen the first one's output on disk; every read of the file is whole."""
    out = tmp_path / "out.ipynb"
    wait = "import os, time\nwhile not os.path.exists(gate):\n    time.sleep(0.01)"
    notebook = write("gate = ''", "print('first')", wait)
    job = threading.Thread(
        target=run_notebook, args=(notebook, out, {"gate": str(tmp_path / "gate")}), kwargs={"progress": False}
    )
    job.start()
    while job.is_alive() and not (out.exists() and "first" in outputs(out)):
        if out.exists():
            json.loads(out.read_text())
    assert job.is_alive(), "the run ended before its first cell's output was on disk"
    (tmp_path / "gate").touch()
    job.join()
    assert [path.name for path in tmp_path.iterdir() if path.name.startswith(".")] == []


def test_the_kernel_finishes_what_it_does_at_its_exit(write, tmp_path):
    """A notebook's cluster is deleted at exit: Jupyter would give that two and a half seconds."""
    at_exit = "import atexit, pathlib, time\natexit.register(lambda: (time.sleep(4), pathlib.Path(where).touch()))"
    run_notebook(write("where = ''", at_exit), tmp_path / "out.ipynb", {"where": str(tmp_path / "x")}, progress=False)
    assert (tmp_path / "x").exists()


def test_papermill_is_imported_lean_and_whole():
    """Without the storage client at first, and with its own gs:// access found when asked for."""
    code = """
import sys
from dask_dataproc.pipelines.lean import import_papermill
papermill = import_papermill()
assert not {"gcsfs", "pyarrow"} & set(sys.modules)
import papermill.iorw as storage
assert storage.GCSFileSystem(token="anon").protocol[0] in ("gs", "gcs"), storage.GCSFileSystem(token="anon").protocol
assert storage.gs_is_retriable(TimeoutError()) in (True, False)
assert storage.FileSelector("/x").base_dir == "/x"
"""
    subprocess.run([sys.executable, "-c", code], check=True, timeout=60)
