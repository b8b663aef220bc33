"""`dask dataproc pipeline`: a real editor's text, what show says, and the exit status of a diff."""

from __future__ import annotations

import json
from pathlib import Path

import pytest
from click.testing import CliRunner

from dask_dataproc.magics.cli import dataproc

NOTEBOOK = {
    "cells": [{"cell_type": "code", "metadata": {"tags": ["parameters"]}, "source": "day: str = 'x'  # which"}],
    "metadata": {"dask_dataproc": {"retries": 1, "cluster": {"project": "p", "staging": "gs://b/dask"}}},
    "nbformat": 4,
}


@pytest.fixture
def job(tmp_path) -> Path:
    (tmp_path / "job.ipynb").write_text(json.dumps(NOTEBOOK, indent=1) + "\n")
    return tmp_path / "job.ipynb"


@pytest.fixture
def editor(tmp_path, monkeypatch):
    """Makes $EDITOR a person who does one sed command each time they are asked, in turn."""

    def edit(*commands: str) -> None:
        script = tmp_path / "editor"
        (tmp_path / "todo").write_text("".join(f"{command}\n" for command in commands))
        turn = f'sed -i "$(head -1 {tmp_path}/todo)" "$1"; sed -i 1d {tmp_path}/todo'
        script.write_text(f'#!/bin/sh\ncat "$1" >> {tmp_path}/seen\n{turn}\n')
        script.chmod(0o755)
        monkeypatch.setenv("EDITOR", str(script))
        monkeypatch.delenv("VISUAL", raising=False)

    return edit


def run(*arguments: object, input: str = "", status: int = 0):
    result = CliRunner().invoke(dataproc, ["pipeline", *map(str, arguments)], input=input)
    assert result.exit_code == status, result.output
    return result


def entry(job: Path) -> dict:
    return json.loads(job.read_text())["metadata"]["dask_dataproc"]


def test_what_an_editor_leaves_is_checked_and_edited_again_until_it_is_right(job, editor, tmp_path):
    editor("s/^retries: 1/retries: many/", "s/^retries: many/retries: 3/")
    result = run("edit", job, input="y\n")
    assert "metadata dask_dataproc: retries: 'many' given, allowed is a whole number, 0 to 10" in result.stderr
    assert "# ✗ NotebookError: line " in (tmp_path / "seen").read_text()
    assert entry(job) == {"retries": 3, "cluster": {"project": "p", "staging": "gs://b/dask"}}
    assert ["retries", "1", "3"] in [line.split() for line in result.stdout.splitlines()]


def test_who_gives_up_leaves_the_notebook_as_it_was(job, editor):
    before = job.read_bytes()
    editor("s/^retries: 1/retries: many/")
    run("edit", job, input="n\n", status=1)
    editor("")
    assert "Nothing has changed" in run("edit", job).stderr
    assert job.read_bytes() == before


def test_show_says_the_contract_and_its_price(job):
    text = run("show", job).stdout
    assert 'day: str = "x"  (cell 1, which)' in text
    assert "at most $" in text
    document = json.loads(run("show", job, "--json").stdout)
    assert document["parameters"] == {"day": {"type": "str", "default": "x", "cell": 1}}
    assert (document["dag"], document["job"]["retries"]) == ("job", 1)
    hours = 2 * 2 + document["job"]["retry_delay"] / 3600
    assert document["price_of_a_run_at_most"] == pytest.approx(document["price_per_hour"] * hours)


def test_a_diff_has_the_status_of_diff_and_writes_nothing(job, tmp_path):
    dags = tmp_path / "dags"
    first = run("export", job, "-o", dags, "--diff", status=1)
    assert f"nothing has been exported to {dags} yet" in first.stdout
    assert not dags.exists()
    run("export", job, "-o", dags)
    assert run("export", job, "-o", dags, "--diff").stdout == ""
    run("edit", job, "--set", "schedule=@daily")
    before = (dags / "job.py").read_bytes()
    told = run("export", job, "-o", dags, "--diff", status=1).stdout
    assert "DAG schedule: None → '@daily'" in told
    assert '+    schedule=CronDataIntervalTimetable("@daily", timezone="UTC"),' in told
    assert (dags / "job.py").read_bytes() == before


def test_a_size_as_it_is_needs_a_session(job):
    assert "as-is: given, and" in run("export", job, "--as-is", status=2).stderr
