"""Any text becomes a label's value that Google Cloud takes, and one person's names become the same."""

import pytest
from hypothesis import given
from hypothesis import strategies as st

from dask_dataproc.clusters.labels import label_value
from dask_dataproc.clusters.spec import LABEL_VALUE


@given(st.text(max_size=200))
def test_a_value_is_one_that_labels_take_and_its_own_value(text):
    value = label_value(text)
    assert LABEL_VALUE.fullmatch(value)
    assert label_value(value) == value
    assert not value.startswith("-")
    assert not value.endswith("-")


@pytest.mark.parametrize("name", ["Ana.María", "ana_maria", "ANA MARÍA", "ana-maria"])
def test_a_person_is_one_owner_however_a_login_or_a_notebook_writes_the_name(name):
    assert label_value(name) == "ana-maria"
