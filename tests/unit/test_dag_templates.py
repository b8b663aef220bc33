"""Settings of a template on their way from a command line into its function, and the file that comes of them."""

from __future__ import annotations

import ast
import collections.abc
from typing import Literal

import pytest

from dask_dataproc.clusters.errors import SpecError
from dask_dataproc.pipelines.cleanup import cleanup_dag
from dask_dataproc.pipelines.dag_templates import TEMPLATES, Duration, settings_of, template, write_template


def example(
    *,
    dag_id: str,
    rows: int = 1,
    share: float = 0.5,
    wait: Duration = 60,
    keep: bool = False,
    rules: dict[str, int] = {},  # noqa: B006
    config: collections.abc.Mapping[str, int] = {},
    paths: list[str] = [],  # noqa: B006
    size: Literal["small", "large"] = "small",
    owner: str | None = None,
) -> str:
    return dag_id


@pytest.mark.parametrize(
    ("assignment", "value"),
    [
        ("rows=3", 3),
        ("share=0.25", 0.25),
        ("wait=90m", 5400),
        ("keep=true", True),
        ('rules={"a": 1}', {"a": 1}),
        ('config={"a": 1}', {"a": 1}),
        ('paths=["a", "b=c"]', ["a", "b=c"]),
        ("size=large", "large"),
        ("owner=ana", "ana"),
        ("owner=null", None),
        ("dag-id=x", "x"),
    ],
)
def test_a_setting_gets_the_type_of_its_parameter(assignment, value):
    name = assignment.partition("=")[0].replace("-", "_")
    others = [] if name == "dag_id" else ["dag_id=a"]
    assert settings_of("example", example, [*others, assignment])[name] == value


@pytest.mark.parametrize(
    ("assignments", "line"),
    [
        (["row=3"], "'row': no such setting of the template example, the nearest is rows"),
        (["rows=three"], "rows: 'three' given, allowed is a whole number"),
        (["wait=soon"], "wait: 'soon' given, allowed is a duration"),
        (["keep=yes"], "keep: 'yes' given, allowed is true or false"),
        (["rules=[1]"], "rules: '[1]' given, allowed is a JSON object"),
        (["paths={"], "paths: '{' given, allowed is a JSON list"),
        (["size=huge"], "size: 'huge' given, allowed is one of small, large"),
        (["rows"], "--set: 'rows' given, allowed is NAME=VALUE"),
        (["rows=1"], "dag_id: not given, the template example needs it"),
    ],
)
def test_a_setting_that_is_wrong_is_named_with_what_is_allowed(assignments, line):
    with pytest.raises(SpecError) as refused:
        settings_of("example", example, assignments)
    assert line in refused.value.message


@pytest.mark.parametrize("name", TEMPLATES)
def test_every_template_there_is_can_be_called_by_its_name(name):
    assert callable(template(name))


def test_the_cleanup_dag_is_the_same_at_every_making_and_is_named_by_its_id(tmp_path):
    settings = ["max_age=4h", "schedule=@daily", "dag_id=night.clean-up"]
    first, second = (write_template("cleanup", settings, tmp_path / n).read_text() for n in "ab")
    assert first == second
    assert (tmp_path / "a" / "night_clean_up.py").exists()
    ast.parse(first)
    assert "Param(14400," in first
    assert "dask_dataproc" not in first


@pytest.mark.parametrize(
    "given", [{"schedule": "sometimes"}, {"schedule": "99 * * * *"}, {"max_age": -1}, {"max_age": 15 * 86400}]
)
def test_the_cleanup_dag_is_not_made_of_what_it_cannot_be(given):
    with pytest.raises(SpecError):
        cleanup_dag(**given)


@pytest.mark.parametrize("dag_id", ["", "a b", "../../etc/x", "a\n"])
def test_a_dag_id_that_is_no_file_name_is_refused(dag_id, tmp_path):
    with pytest.raises(SpecError, match="dag_id"):
        write_template("cleanup", [f"dag_id={dag_id}"], tmp_path)
    assert list(tmp_path.iterdir()) == []
