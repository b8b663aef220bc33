"""Rules of quality: what may be said, and what a person reads who said something else."""

from __future__ import annotations

import datetime as dt
import json
import subprocess
import sys
from pathlib import Path

import pytest
import yaml
from hypothesis import HealthCheck, given, settings
from hypothesis import strategies as st

from dask_dataproc.clusters.errors import SpecError
from dask_dataproc.pipelines.quality import rules
from dask_dataproc.pipelines.quality.locations import report_location, staged_location
from dask_dataproc.pipelines.quality.rules import read_rules

ROOT = Path(rules.__file__).parents[2]
PAGE = (ROOT / "docs" / "quality.md").read_text()
KINDS = (
    rules.Rules, rules.Rows, rules.Column, rules.Range, rules.Fresh, rules.Partitions, rules.Reference
)  # fmt: skip

WRONG = {
    "rows.min": [-1, 1.5, True, "2", [1]],
    "rows.drop": [1.1, -0.1, "half", True],
    "schema.a": ["int", 3, ["int64"]],
    "extra": ["yes", 1],
    "columns.a.nulls": [2, -1, "0", True],
    "columns.a.unique": [1, "true"],
    "columns.a.min": [[1], True, float("nan"), float("inf")],
    "columns.a.allowed": [[], "F", {"F": 1}],
    "columns.a.matches": ["(", "", 3],
    "columns.a.length": [3, [1, 2]],
    "columns.a.mean.min": ["low"],
    "fresh.within": ["soon", 0, -1, "-2d", True],
    "fresh.as_of": ["yesterday", 3],
    "partitions.every": ["week"],
    "references.a": ["gs://b/c"],
    "custom": ["no colon", "a:b:c", "os.system('x'):y", [], 3],
    "pandera": ["checks"],
}


def nested(path: str, value: object) -> dict:
    head, _, rest = path.partition(".")
    return {head: nested(rest, value) if rest else value}


@pytest.mark.parametrize(("path", "value"), [(path, value) for path, values in WRONG.items() for value in values])
def test_a_value_out_of_bounds_is_one_line_with_field_bound_and_what_was_given(path, value):
    with pytest.raises(SpecError) as refused:
        read_rules(nested(path, value))
    said = str(refused.value)
    assert said.startswith(path)
    assert repr(value) in said
    assert "allowed is" in said
    assert "\n" not in said


@pytest.mark.parametrize(
    ("given", "near"),
    [
        ({"row": {}}, "rows"),
        ({"columns": {"a": {"null": 0}}}, "columns.a.nulls"),
        ({"fresh": {"withn": "2d"}}, "fresh.within"),
        ({"partitions": {"start": "2026-01-01"}}, "partitions."),
        ({"references": {"a": {"dataset": "x"}}}, "references.a."),
    ],
)
def test_a_name_that_no_rule_has_is_refused_with_those_that_there_are(given, near):
    with pytest.raises(SpecError) as refused:
        read_rules(given)
    assert near in refused.value.lines()


@pytest.mark.parametrize(
    ("given", "said"),
    [
        ({"rows": {"min": 3, "max": 2}}, "rows.max: 2 given, allowed is at least min, which is 3"),
        ({"columns": {"a": {"min": "x", "max": 2}}}, "columns.a.max: 2 given, allowed is of the kind of min"),
        ({"fresh": {"column": "day"}}, "fresh.within: nothing given, it is needed"),
        ({"references": {"a": {"to": "x"}}}, "references.a.column: nothing given"),
        ({"partitions": {"column": "d", "from": "2026-01-02", "to": "2026-01-01"}}, "allowed are 1 to 10,000 in order"),
        ({"partitions": {"column": "d", "from": "1026-01-02", "to": "2026-01-01"}}, "allowed are 1 to 10,000 in order"),
        ({"partitions": {"column": "d", "from": 1, "to": "2026-01-01"}}, "two dates or two whole numbers"),
        ({"partitions": {"column": "d"}}, "from None to None given"),
        ([1], "rules: [1] given, allowed is a mapping"),
    ],
)
def test_what_does_not_go_together_is_one_line(given, said):
    with pytest.raises(SpecError) as refused:
        read_rules(given)
    assert said in str(refused.value)


json_values = st.recursive(
    st.none() | st.booleans() | st.integers() | st.floats() | st.text(max_size=20),
    lambda inner: st.lists(inner, max_size=3) | st.dictionaries(st.text(max_size=8), inner, max_size=3),
    max_leaves=8,
)
names = st.sampled_from(sorted({name for kind in KINDS for name in rules.names_of(kind)})) | st.text(max_size=8)


@settings(max_examples=60, suppress_health_check=[HealthCheck.too_slow])
@given(st.dictionaries(names, json_values | st.dictionaries(names, json_values | st.dictionaries(names, json_values))))
def test_whatever_is_given_is_read_or_refused_in_one_line(given):
    said = ""
    try:
        read_rules(given)
    except SpecError as refused:
        said = str(refused)
    assert "\n" not in said
    assert len(said) < 2000


@given(st.integers(0, 10**12), st.integers(0, 10**12), st.floats(0, 1))
def test_what_is_read_is_what_was_given(low, more, share):
    read = read_rules({"rows": {"min": low, "max": low + more}, "columns": {"a b.c": {"nulls": share, "min": low}}})
    assert (read.rows.min, read.rows.max) == (low, low + more)
    assert (read.columns["a b.c"].nulls, read.columns["a b.c"].min) == (share, low)


def test_yaml_s_dates_are_the_texts_they_were():
    read = read_rules(
        yaml.safe_load("{columns: {d: {min: 2026-01-01}}, partitions: {column: d, from: 2026-01-01, to: 2026-01-02}}")
    )
    assert read.columns["d"].min == dt.date(2026, 1, 1).isoformat()
    assert read.partitions is not None
    assert read.partitions.expected() == ["2026-01-01", "2026-01-02"]


@pytest.mark.parametrize(
    ("given", "expected"),
    [
        ({"from": "2024-02-28", "to": "2024-03-01"}, ["2024-02-28", "2024-02-29", "2024-03-01"]),
        ({"from": "2025-11-30", "to": "2026-01-01", "every": "month"}, ["2025-11", "2025-12", "2026-01"]),
        ({"from": "2026-01-01T23:00", "to": "2026-01-02T00:30", "every": "hour"}, ["2026-01-01T23", "2026-01-02T00"]),
        ({"from": 1998, "to": 2000}, ["1998", "1999", "2000"]),
        ({"values": ["F", 3]}, ["F", "3"]),
    ],
)  # fmt: skip
def test_the_partitions_that_have_to_be_there(given, expected):
    read = read_rules({"partitions": {"column": "d", **given}})
    assert read.partitions is not None
    assert read.partitions.expected() == expected


def test_a_run_stages_and_reports_where_readers_of_the_folder_above_do_not_look():
    run = "scheduled__2026-03-01T00:00:00+00:00"
    assert staged_location("gs://lake/a/orders/", run) == f"gs://lake/a/_staged/orders/{run}"
    assert report_location("/data/orders", run) == f"/data/_quality/orders/{run}"
    assert staged_location("file:///data/orders", "1") == "file:///data/_staged/orders/1"


@pytest.mark.parametrize("run", ["", "../x", "a/b", ".hidden", "a b", "x" * 252, "a\n"])
def test_a_run_cannot_lead_elsewhere(run):
    with pytest.raises(SpecError, match="run: "):
        staged_location("gs://lake/orders", run)


@pytest.mark.parametrize("kind", KINDS, ids=lambda kind: kind.__name__)
def test_the_page_has_every_rule_with_what_it_asks(kind):
    for name, asks in rules.names_of(kind).items():
        assert f"| `{name}` | {asks} |" in PAGE


def test_every_example_of_the_page_is_a_rule():
    examples = [part.partition("```")[0] for part in PAGE.split("```yaml\n")[1:]]
    assert len(examples) >= 3
    shown: set[str] = set()
    for example in examples:
        given = yaml.safe_load(example)
        read_rules(given)
        read_rules(json.loads(json.dumps(given, default=str)))
        shown |= {*given, *(name for column in given.get("columns", {}).values() for name in column)}
    assert shown == {*rules.names_of(rules.Rules), *rules.names_of(rules.Column)}


def test_rules_and_locations_need_the_standard_library_alone():
    code = (
        "import sys; import dask_dataproc.pipelines.quality.rules, dask_dataproc.pipelines.quality.locations;"
        "heavy = ('dask', 'pandas', 'pyarrow', 'fsspec', 'yaml', 'pandera', 'distributed');"
        "print([name for name in heavy if name in sys.modules])"
    )
    done = subprocess.run([sys.executable, "-c", code], capture_output=True, text=True, check=True, timeout=60)
    assert done.stdout == "[]\n"
