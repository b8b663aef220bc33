"""A notebook's metadata is changed and nothing else of it; what is wrong is named before anything is written."""

from __future__ import annotations

import json
import re
import stat
from pathlib import Path
from typing import Any

import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

import dask_dataproc
from dask_dataproc.clusters.errors import NotebookError, SpecError
from dask_dataproc.pipelines.edit import check, edited, read_yaml, trouble
from dask_dataproc.pipelines.edit_text import bare, line_of, marked, read_back, written
from dask_dataproc.pipelines.metadata import FIELDS, KEY
from dask_dataproc.pipelines.notebook_file import NotebookFile
from dask_dataproc.pipelines.notebook_text import with_entry
from dask_dataproc.pipelines.parameters import declared_parameters

TEXT = st.text(st.characters(codec="utf-8"))
LEAVES = st.none() | st.booleans() | st.integers() | st.floats(allow_nan=False, allow_infinity=False) | TEXT
VALUES = st.recursive(LEAVES, lambda v: st.lists(v) | st.dictionaries(TEXT, v), max_leaves=8)
ENTRIES = st.dictionaries(TEXT, VALUES, min_size=1, max_size=4)
LAYOUTS = st.sampled_from(
    [{"indent": 1}, {"indent": 2}, {"indent": "\t"}, {}, {"separators": (",", ":")}, {"indent": 0}]
)
CELL = {"cell_type": "code", "metadata": {"tags": ["parameters"]}, "source": "day: str = 'x'  # which"}
NOTEBOOK: dict[str, Any] = {"cells": [CELL], "metadata": {KEY: {"retries": 1}}, "nbformat": 4, "nbformat_minor": 5}


def laid_out(document: dict[str, Any], layout: dict[str, Any], ends: str) -> str:
    return json.dumps(document, **layout).replace("\n", ends) + ends


@st.composite
def documents(draw) -> tuple[dict[str, Any], dict[str, Any], str]:
    """A notebook, with an entry or without, and how some tool lays it out."""
    metadata = draw(st.dictionaries(TEXT.filter(lambda key: key != KEY), VALUES, max_size=3))
    if draw(st.booleans()):
        metadata[KEY] = draw(ENTRIES)
    parts = [("cells", draw(st.lists(VALUES, max_size=2))), ("metadata", metadata), ("nbformat", 4)]
    layout = draw(LAYOUTS) | {"ensure_ascii": draw(st.booleans())}
    return dict(draw(st.permutations(parts))), layout, draw(st.sampled_from(["\n", "\r\n"]))


@settings(max_examples=60)
@given(documents(), ENTRIES)
def test_an_entry_is_put_and_all_around_the_metadata_stays_byte_for_byte(made, entry):
    document, layout, ends = made
    changed = with_entry(laid_out(document, layout, ends), KEY, entry)
    assert json.loads(changed) == document | {"metadata": document["metadata"] | {KEY: entry}}
    head, tail = laid_out(document | {"metadata": "\0"}, layout, ends).split(json.dumps("\0"))
    assert changed.startswith(head)
    assert changed.endswith(tail)


@settings(max_examples=60)
@given(documents(), ENTRIES)
def test_what_is_put_and_taken_out_again_leaves_every_byte(made, entry):
    document, layout, ends = made
    document["metadata"].pop(KEY, None)
    text = laid_out(document, layout, ends)
    assert with_entry(with_entry(text, KEY, entry), KEY, None) == text


def test_a_notebook_without_metadata_gets_some():
    assert json.loads(with_entry('{"cells": []}', KEY, {"retries": 1}))["metadata"] == {KEY: {"retries": 1}}
    assert json.loads(with_entry("{\n}", KEY, {"retries": 1})) == {"metadata": {KEY: {"retries": 1}}}


@pytest.mark.parametrize(
    ("given", "made"),
    [
        (["schedule=@daily"], {"retries": 1, "schedule": "@daily"}),
        (["timeout=90m"], {"retries": 1, "timeout": "90m"}),
        (["retries=3"], {"retries": 3}),
        (["inputs=gs://b/x,gs://b/y"], {"retries": 1, "inputs": ["gs://b/x", "gs://b/y"]}),
        (["cluster.workers=4", "cluster.worker-machine=n2-highmem-4"], None),
        (["cluster={workers: 4, worker_machine: n2-highmem-4}"], None),
        (["cluster.labels=team=risk"], {"retries": 1, "cluster": {"labels": {"team": "risk"}}}),
    ],
)
def test_fields_are_set_typed_and_in_the_order_there_is(given, made):
    cluster = {"retries": 1, "cluster": {"workers": 4, "worker_machine": "n2-highmem-4"}}
    assert edited({"retries": 1}, given) == (cluster if made is None else made)


def test_what_is_unset_goes_and_with_the_last_field_the_cluster():
    entry = {"retries": 1, "timetable": 3, "cluster": {"worker-machine": "n2-standard-8"}}
    assert edited(entry, [], ["timetable", "cluster.worker_machine", "schedule"]) == {"retries": 1}
    assert entry["cluster"] == {"worker-machine": "n2-standard-8"}


@pytest.mark.parametrize(
    ("given", "gone", "said"),
    [
        (["retry=1"], [], "'retry': no such field of a job, the nearest is retries"),
        (["workers=4"], [], "'workers': no such field of a job, it is one of the cluster"),
        (["cluster.worker=4"], [], "'worker': no such field of a cluster, the nearest is workers"),
        (["retries"], [], "--set: 'retries' given, allowed is NAME=VALUE"),
        (["retries=many"], [], "retries: 'many' given, allowed is a whole number, 0 to 10"),
        ([], ["timetable"], "'timetable': no such field of a job"),
    ],
)
def test_what_no_field_takes_is_one_line_with_its_name(given, gone, said):
    with pytest.raises(SpecError) as refused:
        edited({}, given, gone)
    assert str(refused.value).startswith(said)
    assert "\n" not in str(refused.value)


@pytest.mark.parametrize("schedule", ["61 * * * *", "0 6 31 2 *"])
def test_a_schedule_that_never_comes_is_refused(schedule):
    with pytest.raises(NotebookError, match="metadata dask_dataproc: schedule: "):
        check(NOTEBOOK, {"schedule": schedule})


def test_a_parameters_cell_that_is_not_python_is_named_by_its_number():
    with pytest.raises(NotebookError, match="parameters cell 1, line 1"):
        check(NOTEBOOK | {"cells": [CELL | {"source": "day = "}]}, {})


ENTRY = {
    "retries": 2,
    "timetable": "@daily",
    "cluster": {"workers": 4, "labels": {"team": "risk"}, "worker-machine": "x"},
}


def test_an_editors_text_has_every_field_and_is_read_back_as_it_was():
    text = written(ENTRY, "job.ipynb", declared_parameters(NOTEBOOK))
    assert read_back(text) == ENTRY
    assert read_back(written({}, "job.ipynb", {})) == {}
    assert '#   day: str = "x"   cell 1, which' in text
    for name, field in FIELDS.items():
        if name not in ENTRY:
            (said,) = re.findall(rf"^# {name}: (.*)$", text, re.MULTILINE)
            assert field.parse(read_yaml(said)) == field.default


def test_the_line_that_is_said_is_the_one_that_is_edited_next():
    text = written(ENTRY, "job.ipynb", {}).replace("retries: 2", "retries: many")
    for _ in range(2):
        text = bare(text)
        line = line_of(text, ("retries",))
        text = marked(text, f"line {line}: retries: 'many' given")
        assert text.splitlines()[line - 1] == "retries: many"
        assert text.startswith(f"# ✗ line {line}: ")


@pytest.mark.parametrize(
    ("text", "line"),
    [
        ("retries: 1\ntimetable: 3", 2),
        ("retries: 1\ncluster:\n  workers: 1", 3),
        ("cluster:\n  lifetime: 1h", 2),
        ("retries: 1\n\ncluster: 4", 3),
    ],
)
def test_what_is_wrong_is_found_in_its_line(text, line):
    with pytest.raises(NotebookError) as refused:
        check(NOTEBOOK, read_back(text))
    assert line_of(text, trouble(refused.value)) == line


@pytest.mark.parametrize(
    ("text", "said"),
    [("a: 1\nschedule: @daily", "line 2: not YAML: "), ("a: 1\nb: 2\na: 3", "line 3: not YAML: a is given twice")],
)
def test_what_is_not_yaml_is_said_with_its_line(text, said):
    with pytest.raises(SpecError, match=said):
        read_yaml(text)


def test_a_date_stays_the_text_it_is():
    assert read_yaml("min: 2026-01-01") == {"min": "2026-01-01"}


@pytest.fixture
def path(tmp_path):
    (tmp_path / "job.ipynb").write_text(json.dumps(NOTEBOOK, indent=3))
    (tmp_path / "job.ipynb").chmod(0o640)
    return tmp_path / "job.ipynb"


def test_a_file_keeps_its_mode_and_its_link_and_nothing_is_left_beside_it(path):
    link = path.with_name("link.ipynb")
    link.symlink_to(path)
    NotebookFile.read(link).write({"retries": 3})
    assert json.loads(path.read_text())["metadata"] == {KEY: {"retries": 3}}
    assert link.is_symlink()
    assert stat.S_IMODE(path.stat().st_mode) == 0o640
    assert sorted(each.name for each in path.parent.iterdir()) == ["job.ipynb", "link.ipynb"]


def test_a_file_that_has_changed_meanwhile_is_not_written(path):
    file = NotebookFile.read(path)
    path.write_text(path.read_text() + "\n")
    with pytest.raises(NotebookError, match="has changed while it was edited"):
        file.write({"retries": 3})
    assert path.read_bytes() == file.data + b"\n"
    assert [each.name for each in path.parent.iterdir()] == ["job.ipynb"]


def test_only_a_file_is_edited():
    with pytest.raises(NotebookError, match="no file here"):
        NotebookFile.read("gs://b/job.ipynb")


def test_the_page_about_jobs_has_every_field():
    page = (Path(dask_dataproc.__file__).parent / "docs" / "pipelines.md").read_text()
    documented = {name for row in re.findall(r"^\| (`.+?`) \|", page, re.MULTILINE) for name in row.split(", ")}
    assert {f"`{name}`" for name in [*FIELDS, "cluster"]} <= documented
