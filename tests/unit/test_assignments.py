"""NAME=VALUE on a line of commands."""

from __future__ import annotations

import pytest
from hypothesis import given
from hypothesis import strategies as st

from dask_dataproc.clusters.assignments import taken_apart
from dask_dataproc.clusters.errors import SpecError

names = st.from_regex(r"[a-z][a-z_.]{0,10}", fullmatch=True)


@given(st.dictionaries(names, st.text()))
def test_whatever_the_value_is_it_arrives_as_it_is_and_in_order(values):
    assert list(taken_apart([f"{name}={text}" for name, text in values.items()], "-p").items()) == list(values.items())


@pytest.mark.parametrize(
    ("texts", "said"),
    [
        (["rows"], "--set: 'rows' given, allowed is NAME=VALUE"),
        (["=1"], "--set: '=1' given, allowed is NAME=VALUE"),
        (["a_b=1", "a-b=2"], "--set: a-b given twice, allowed is once"),
    ],
)
def test_what_is_none_is_refused_in_one_line(texts, said):
    with pytest.raises(SpecError) as refused:
        taken_apart(texts, "--set")
    assert str(refused.value) == said


def test_the_hint_can_be_pasted():
    with pytest.raises(SpecError) as refused:
        taken_apart(["rows"], "--set")
    assert refused.value.hint == "--set rows=VALUE"
