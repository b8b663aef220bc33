"""Durations are read as people write them, and a field reads Python, YAML and options alike."""

import math

import pytest
from hypothesis import given
from hypothesis import strategies as st

from dask_dataproc.clusters.errors import SpecError
from dask_dataproc.clusters.fields import SHOWN, Field, duration_text, refusal, seconds, unknown


@pytest.mark.parametrize(
    ("text", "value"),
    [
        ("90s", 90),
        ("30m", 1800),
        ("30min", 1800),
        ("2 h", 7200),
        ("1.5h", 5400),
        ("2d", 172800),
        (" 600 ", 600),
        (600, 600),
        (600.9, 600),
    ],
)
def test_a_duration_is_whole_seconds(text, value):
    assert seconds(text) == value


@pytest.mark.parametrize("text", ["", "h", "-5m", "5 weeks", "1e3", "٣m", "1h30m", None, True, math.nan])
def test_what_is_no_duration_is_refused(text):
    with pytest.raises(ValueError, match=r"."):
        seconds(text)


@given(st.integers(0, 10**9))
def test_a_duration_survives_being_written(value):
    assert seconds(duration_text(value)) == value


@pytest.mark.parametrize(("value", "text"), [(0, "0s"), (90, "90s"), (5400, "90m"), (7200, "2h"), (172800, "2d")])
def test_a_duration_is_written_in_the_largest_unit_that_keeps_it_whole(value, text):
    assert duration_text(value) == text


@pytest.mark.parametrize(
    ("kind", "given", "value"),
    [
        (str, 7, "7"),
        (int, "12", 12),
        (bool, "Yes", True),
        (bool, 0, False),
        (tuple, "a, b,,c", ("a", "b", "c")),
        (tuple, ["a", 1], ("a", "1")),
        (dict, "a=1, b=x=y", {"a": "1", "b": "x=y"}),
        (dict, '{"a": "1,2"}', {"a": "1,2"}),
        (dict, ["a=1", "b=2"], {"a": "1", "b": "2"}),
        (dict, {"a": 1.5}, {"a": "1.5"}),
    ],
)
def test_a_field_reads_python_and_options_alike(kind, given, value):
    assert Field("field", kind, value, "for a test").parse(given) == value


@pytest.mark.parametrize(
    ("kind", "given"),
    [
        (str, None),
        (str, True),
        (str, "two\nlines"),
        (str, "\ud800"),
        (int, 2.0),
        (int, True),
        (int, "٣"),
        (int, math.inf),
        (bool, "maybe"),
        (tuple, {"a": "b"}),
        (tuple, b"ab"),
        (tuple, 5),
        (dict, "a"),
        (dict, [1]),
        (dict, '{"a"'),
        (dict, {"a": None}),
    ],
)
def test_a_field_refuses_what_it_would_have_to_guess(kind, given):
    with pytest.raises(SpecError, match=r"^field: .* given, allowed is "):
        Field("field", kind, None, "for a test").parse(given)


@pytest.mark.parametrize(
    ("bounds", "words"),
    [
        ({}, "a whole number"),
        ({"low": 2}, "a whole number, at least 2"),
        ({"high": 5}, "a whole number, at most 5"),
        ({"low": 0, "high": 5}, "a whole number, 0 to 5"),
        ({"low": 600, "high": 86400, "unit": "duration"}, "a duration such as 45m or 2h, 10m to 1d"),
    ],
)
def test_a_field_says_its_bounds_in_words(bounds, words):
    assert Field("field", int, 3, "for a test", **bounds).allowed == words


def test_an_error_repeats_something_long_only_in_part_and_on_one_line():
    class Table:
        def __repr__(self):
            return "row\n" * SHOWN

    for given_value in (Table(), "x" * 10_000):
        message = str(refusal("field", given_value, "text"))
        assert "\n" not in message
        assert len(message) < SHOWN + 60


def test_an_unknown_name_is_refused_with_the_nearest():
    refused = unknown("zome", ["region", "zone"], "field")
    assert str(refused) == "'zome': no such field, the nearest is zone"
    assert refused.hint == "zone"
    assert unknown("x", ["region", "zone"], "field").hint == "one of region, zone"
