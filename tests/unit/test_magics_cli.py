"""The one set of commands: light to load, with the exit status and the streams that scripts lean on."""

from __future__ import annotations

import subprocess
import sys

import click
import pytest
from click.testing import CliRunner

from dask_dataproc.magics.cli import HOMES, dataproc
from dask_dataproc.magics.completion import completions
from dask_dataproc.magics.pipeline_verbs import pipeline

HEAVY = ("dask", "distributed", "google", "grpc", "IPython", "yaml", "pandas", "papermill", "bokeh", "ipywidgets")


def loaded_after(statement: str) -> set[str]:
    script = f"import sys\n{statement}\nprint(*sys.modules)"
    done = subprocess.run([sys.executable, "-c", script], capture_output=True, text=True, check=True)
    return {name.partition(".")[0] for name in done.stdout.splitlines()[-1].split()}


def test_loading_the_commands_loads_nothing_heavy():
    assert not loaded_after("import dask_dataproc.magics.cli") & set(HEAVY)


def test_showing_the_help_of_all_verbs_loads_nothing_heavy():
    called = "from dask_dataproc.magics.cli import dataproc; dataproc.main(['up', '--help'], standalone_mode=False)"
    assert not loaded_after(called) & set(HEAVY)


@pytest.mark.parametrize("verb", HOMES)
def test_every_verb_is_a_command_that_says_what_it_does(verb):
    command = dataproc.get_command(click.Context(dataproc), verb)
    assert command is not None
    assert command.name == verb
    help_text = command.get_short_help_str(limit=75)
    assert help_text.endswith(".")
    assert not help_text.endswith("...")


def test_an_unknown_verb_is_a_usage_error_that_names_the_nearest():
    result = CliRunner().invoke(dataproc, ["stat"])
    assert result.exit_code == 2
    assert "did you mean status?" in result.stderr


@pytest.mark.parametrize("arguments", [["scale"], ["scale", "many"], ["up", "--nonsense"], ["logs", "--of", "nobody"]])
def test_what_cannot_be_asked_has_status_2_and_nothing_on_stdout(arguments):
    result = CliRunner().invoke(dataproc, arguments)
    assert (result.exit_code, result.stdout) == (2, "")


@pytest.mark.parametrize("arguments", [["run", "/nowhere.ipynb"], ["dag", "/nowhere.ipynb"]])
def test_an_expected_failure_has_status_1_and_one_line_on_stderr(arguments):
    result = CliRunner().invoke(dataproc, arguments)
    assert (result.exit_code, result.stdout) == (1, "")
    assert result.stderr.startswith("NotebookError: notebook /nowhere.ipynb cannot be read")
    assert len(result.stderr.splitlines()) == 1


def test_a_parameter_a_notebook_does_not_have_is_refused(tmp_path):
    notebook = tmp_path / "empty.ipynb"
    notebook.write_text('{"cells": [], "metadata": {}, "nbformat": 4, "nbformat_minor": 5}')
    result = CliRunner().invoke(dataproc, ["run", str(notebook), "-p", "nosuch=1"])
    assert result.exit_code == 1
    assert "nosuch" in result.stderr


def test_dag_writes_one_file_named_after_the_notebook_and_says_where(tmp_path):
    notebook = tmp_path / "daily-sums.ipynb"
    notebook.write_text('{"cells": [], "metadata": {}, "nbformat": 4, "nbformat_minor": 5}')
    result = CliRunner().invoke(dataproc, ["dag", str(notebook), "-o", str(tmp_path / "dags")])
    assert result.exit_code == 0, result.stderr
    assert [str(path) for path in (tmp_path / "dags").glob("*.py")] == [result.stdout.strip()]


def test_this_notebook_is_no_notebook_in_a_shell():
    result = CliRunner().invoke(pipeline, ["export"])
    assert result.exit_code == 2
    assert "notebook: none given, allowed is the path of one" in result.stderr


@pytest.mark.parametrize(
    ("line", "expected"),
    [
        ("%dask_cluster em", ["emulator"]),
        ("%dask_cluster emulator st", ["start", "status", "stop"]),
        ("%dask_cluster emulator fault s", ["stockout", "slow-create"]),
        ("%dask_cluster up --secondary-t", ["--secondary-type"]),
        ("%dask_cluster up --workers 2 --disk-type pd-s", ["pd-standard", "pd-ssd"]),
        ("%dask_cluster logs --of b", ["boot"]),
        ("%dask_cluster up --workers nonsense --queue b", ["batch", "background"]),
        ("%dask_cluster nosuch em", ["emulator"]),
        ('%dask_cluster up --name "open --queue b', ["batch", "background"]),
    ],
)
def test_tab_offers_what_may_follow(line, expected):
    assert completions(line, dataproc) == expected
