"""What a parameters cell declares, and what becomes of the values given for it."""

from __future__ import annotations

import json
import math

import pytest
from hypothesis import given
from hypothesis import strategies as st

from dask_dataproc.clusters.errors import NotebookError, SpecError
from dask_dataproc.pipelines.parameters import check_values, declared_parameters, parse_assignments

CELL = """
# what the job reads
data: str = "gs://bucket/in"  # where the tables are
day = "20250102"
rows = 10
ratio: float = 0.5
debug = False
limit: int | None = None
since: str = None
anything = None
tags: list[str] = ["a"]
weights: dict[str, float] = {}
mode: Literal["fast", "exact"] = "fast"
grid: "list[list[int]]" = [[1], [2]]
stamp = compute()
shape = (1, 2)
first = second = 3
unused: int
data_size = rows * 2
"""

LEAVES = st.none() | st.booleans() | st.integers() | st.floats(allow_nan=False) | st.text(st.characters(codec="utf-8"))
VALUES = st.recursive(LEAVES, lambda v: st.lists(v) | st.dictionaries(st.text(st.characters(codec="utf-8")), v))


def notebook(source: str) -> dict:
    code = {"cell_type": "code", "metadata": {"tags": ["parameters"]}, "source": source.splitlines(keepends=True)}
    return {"cells": [{"cell_type": "markdown", "metadata": {}, "source": "# A job"}, code], "metadata": {}}


DECLARED = declared_parameters(notebook(CELL))


def test_names_defaults_and_comments_are_read():
    assert list(DECLARED) == [
        *("data", "day", "rows", "ratio", "debug", "limit", "since", "anything", "tags", "weights", "mode", "grid"),
        *("stamp", "shape", "first", "second", "data_size"),
    ]
    assert DECLARED["data"].default == "gs://bucket/in"
    assert DECLARED["data"].help == "where the tables are"
    assert DECLARED["data"].cell == 2
    assert DECLARED["stamp"].computed
    assert not DECLARED["rows"].computed
    assert DECLARED["grid"].type == "list[list[int]]"


@pytest.mark.parametrize(
    ("text", "value"),
    [
        ("data=gs://b/x:y,z", "gs://b/x:y,z"),
        ("data=a=b", "a=b"),
        ("data=20250102", "20250102"),
        ("data=null", "null"),
        ('data="in quotes"', "in quotes"),
        ("data=", ""),
        ("day=20250102", "20250102"),
        ("day=true", "true"),
        ("rows=123456789012345678901234567890", 123456789012345678901234567890),
        ("rows=-1", -1),
        ("ratio=2", 2.0),
        ("ratio=1e-3", 0.001),
        ("debug=true", True),
        ("limit=null", None),
        ("limit=3", 3),
        ("since=null", None),
        ("since=2025-01-02", "2025-01-02"),
        ("anything=[1, {}]", [1, {}]),
        ("anything=plain", "plain"),
        ("anything=NaN", "NaN"),
        ('tags=["ä", "\\n"]', ["ä", "\n"]),
        ('weights={"a": 1}', {"a": 1.0}),
        ("mode=exact", "exact"),
        ("grid=[[], [5]]", [[], [5]]),
        ("stamp=2025", 2025),
    ],
)
def test_a_text_becomes_the_declared_type(text: str, value: object):
    (got,) = parse_assignments([text], DECLARED).values()
    assert got == value
    assert type(got) is type(value)
    if isinstance(got, dict):
        assert {type(v) for v in got.values()} == {float}


@pytest.mark.parametrize(
    ("text", "said"),
    [
        ("rows=ten", "parameter 'rows' (cell 2) is int, given 'ten'"),
        ("rows=1.0", "parameter 'rows' (cell 2) is int, given '1.0'"),
        ("rows=true", "parameter 'rows' (cell 2) is int, given 'true'"),
        ("rows=null", "parameter 'rows' (cell 2) is int, given 'null'"),
        ("ratio=NaN", "parameter 'ratio' (cell 2) is float, given 'NaN'"),
        ("debug=1", "parameter 'debug' (cell 2) is bool, given '1'"),
        ("debug=True", "parameter 'debug' (cell 2) is bool, given 'True'"),
        ("limit=x", "parameter 'limit' (cell 2) is int | None, given 'x'"),
        ("tags=[1]", "parameter 'tags' (cell 2) is list[str], given '[1]'"),
        ("mode=slow", "parameter 'mode' (cell 2) is Literal['fast', 'exact'], given 'slow'"),
        ("shape=[1, 2]", "parameter 'shape' (cell 2) is tuple, given '[1, 2]'"),
        ("row=1", "the notebook has no parameter 'row'; did you mean 'rows'?"),
        ("rows", "-p: 'rows' given, allowed is NAME=VALUE"),
        ("data=\udcff", "parameter 'data' (cell 2) is str, given '\\udcff'"),
    ],
)
def test_what_does_not_fit_is_refused_in_one_line(text: str, said: str):
    with pytest.raises((NotebookError, SpecError)) as refused:
        parse_assignments([text], DECLARED)
    assert str(refused.value) == said


def test_a_name_given_twice_is_refused():
    with pytest.raises(SpecError, match="-p: rows given twice, allowed is once"):
        parse_assignments(["rows=1", "rows=2"], DECLARED)


def test_a_notebook_without_parameters_says_how_to_have_some():
    with pytest.raises(NotebookError) as refused:
        parse_assignments(["rows=1"], {})
    assert "declares none" in str(refused.value)
    assert "parameters" in refused.value.hint


def test_a_cell_that_is_not_python_is_named():
    with pytest.raises(NotebookError, match=r"parameters cell 2, line 2, is not Python"):
        declared_parameters(notebook("x = 1\ny <- 2 3\n"))


@pytest.mark.parametrize("value", [{1: "a"}, (1, 2), {"a": {2}}, b"x", "\ud800", float])
def test_a_python_value_that_no_kernel_can_be_given_unchanged_is_refused(value: object):
    with pytest.raises(NotebookError, match="'anything'"):
        check_values({"anything": value}, DECLARED)


@given(VALUES)
def test_any_json_value_passes_an_undeclared_type_unchanged(value: object):
    checked = check_values({"anything": value}, DECLARED)["anything"]
    assert repr(checked) == repr(value)


@given(VALUES)
def test_json_text_of_any_value_is_read_back_equal(value: object):
    try:
        text = json.dumps(value, allow_nan=False)
    except ValueError:  # an infinity has no JSON
        return
    assert repr(parse_assignments([f"anything={text}"], DECLARED)["anything"]) == repr(value)


@given(st.text(st.characters(codec="utf-8")))
def test_a_text_that_is_not_json_text_reaches_a_text_parameter_as_it_is(text: str):
    try:
        expected = json.loads(text)
    except ValueError:
        expected = text
    got = parse_assignments([f"data={text}"], DECLARED)["data"]
    assert got == (expected if isinstance(expected, str) else text)


@given(st.integers())
def test_an_int_is_a_float_only_without_loss(number: int):
    try:
        exact = float(number) == number
    except OverflowError:
        exact = False
    if exact:
        got = check_values({"ratio": number}, DECLARED)["ratio"]
        assert type(got) is float
        assert math.isclose(got, number)
    else:
        with pytest.raises(NotebookError):
            check_values({"ratio": number}, DECLARED)
