"""A function's arguments come out of a command line with the type that it declares, or are refused in one line."""

from __future__ import annotations

import json
import shlex
from typing import Any, Literal, Optional

import pytest
from hypothesis import given
from hypothesis import strategies as st

from dask_dataproc import SpecError
from dask_dataproc.clusters.job_config import JobSpec, as_text, gcloud_line, job_message
from dask_dataproc.pipelines.arguments import arguments_of, split, typed

OWN = ("job_module", "job_function")
TEXT = st.text(st.characters(exclude_categories=["Cs"]))
VALUES = {
    "whole: int": st.integers(-(2**53), 2**53),
    "real: float": st.floats(allow_nan=False, allow_infinity=False),
    "word: str": TEXT,
    "flag: bool": st.booleans(),
    "many: list[int]": st.lists(st.integers(-9, 9)),
    "table: dict[str, float]": st.dictionaries(TEXT, st.floats(allow_nan=False, allow_infinity=False)),
    "maybe: str | None": st.none() | TEXT,
    "any_value": st.none() | TEXT | st.integers(-9, 9) | st.lists(st.booleans()),
}


def function(declared: str) -> Any:
    made: dict[str, Any] = {}
    exec(f"def work({declared}): ...", made)
    return made["work"]


def read(words: list[str], work: Any) -> dict[str, Any]:
    own, texts = split(words, OWN)
    assert own.keys() <= set(OWN)
    return typed(texts, arguments_of(work))


@pytest.mark.parametrize("declared", VALUES)
@given(data=st.data())
def test_a_value_arrives_as_it_was_sent_whatever_is_in_it(declared, data):
    value, name = data.draw(VALUES[declared]), declared.partition(":")[0]
    spec = JobSpec("m", "f", {name: as_text(name, value)})
    got = read(spec.words(), function(declared))[name]
    assert (got, type(got)) == (value, type(value))


@given(word=TEXT)
def test_what_is_typed_for_a_text_is_that_text_unless_it_is_quoted_json(word):
    got = read(["--word", word], function("word: str"))["word"]
    assert got == word or json.loads(word) == got


@given(words=st.lists(st.sampled_from(["--a", "--a=1", "b", "--", "", "--b", "-c", "--job-module", "--n=", "7"])))
def test_any_command_line_is_read_or_refused_in_one_line(words):
    said, values = "", {}
    try:
        values = read(words, function("a: int = 1, b: str = ''"))
    except SpecError as error:
        said = str(error)
    assert "\n" not in said
    assert values.keys() <= {"a", "b"}


def work(day: str, share: float = 0.5, mode: Literal["fast", "exact"] = "fast", top: Optional[int] = None): ...  # noqa: UP045


@pytest.mark.parametrize(
    ("words", "said"),
    [
        ("--dya x", "--dya: no argument of the function, allowed: --day, --share, --mode, --top"),
        ("--share 0.1", "--day: none given, allowed is str"),
        ("--day x --share much", "--share: 'much' given, allowed is float"),
        ("--day x --mode quick", "--mode: 'quick' given, allowed is Literal['fast', 'exact']"),
        ("--day x --top 1.5", "--top: '1.5' given, allowed is Optional[int]"),
        ("--day", "--day: no value given, allowed is --day VALUE"),
        ("--day x --day y", "--day: given twice, allowed is once"),
        ("day x", "arguments: 'day' given, allowed is --NAME VALUE"),
    ],
)
def test_what_does_not_fit_is_refused_with_its_name_and_what_is_allowed(words, said):
    with pytest.raises(SpecError) as refused:
        read(words.split(), work)
    assert str(refused.value) == said


def test_names_are_written_with_dashes_or_underscores_and_others_go_to_kwargs():
    def loose(data_size: int, **others): ...

    assert read(["--data-size", "3", "--x_y=[1]", "--z", "-1"], loose) == {"data_size": 3, "x_y": [1], "z": -1}


def test_an_int_fits_a_float_and_a_default_declares_a_type():
    assert read(["--share", "1"], function("share: float")) == {"share": 1.0}
    with pytest.raises(SpecError, match="--share: 'x' given, allowed is float"):
        read(["--share", "x"], function("share=0.5"))


def test_a_function_whose_arguments_have_no_names_is_refused():
    with pytest.raises(SpecError, match="its 'a' cannot be given by name"):
        arguments_of(function("a, /"))
    with pytest.raises(SpecError, match="does not say what it takes"):
        arguments_of(dict.update)  # a builtin without a signature


def test_gclouds_line_is_the_same_job_whatever_is_in_its_arguments():
    spec = JobSpec("jobs.etl", "run", {"word": "a b'$(rm)", "n": "1"}, git_repo="https://h/a.git", git_ref="v1")
    words = shlex.split(gcloud_line(spec, "c", "p", "r"))
    job = job_message(spec, "c", "ana", "j-1")["pyspark_job"]
    assert words[:5] == ["gcloud", "dataproc", "jobs", "submit", "pyspark"]
    assert words[5] == job["main_python_file_uri"] == "file:///opt/dask-dataproc/job.py"
    assert words[words.index("--") + 1 :] == job["args"]
    assert read_back(job["args"]) == ({"job_module": "jobs.etl", "job_function": "run"}, "a b'$(rm)")


def read_back(words: list[str]) -> tuple[dict[str, str], str]:
    own, rest = split(words, OWN)
    return own, rest["word"]


@pytest.mark.parametrize(
    ("fields", "named"),
    [
        ({"module": "no module"}, "job_module: 'no module'"),
        ({"function": ""}, "job_function: ''"),
        ({"arguments": {"git_ref": "x"}}, "arguments: 'git_ref'"),
        ({"git_ref": "main"}, "git_repo: none given"),
    ],
)
def test_a_malformed_job_is_refused_by_field_before_it_is_sent(fields, named):
    with pytest.raises(SpecError, match=named):
        JobSpec(**{"module": "m", "function": "f"} | fields)
