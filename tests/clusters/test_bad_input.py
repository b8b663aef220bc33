"""Bad input: one clear line before any call is made, and nothing left behind, not even an emulator."""

from __future__ import annotations

from typing import Any

import dask
import pytest
from hypothesis import given
from hypothesis import strategies as st

from dask_dataproc import DataprocCluster
from dask_dataproc.clusters.errors import ConfigError, DaskDataprocError, SpecError
from dask_dataproc.clusters.fields import Field
from dask_dataproc.clusters.spec import FIELDS


@pytest.fixture(scope="module", autouse=True)
def quiet_laptop(new_laptop):
    """A laptop on which nothing is ever started."""
    quiet = new_laptop()
    with quiet.here():
        yield quiet
        assert not quiet.processes()
        assert not [path for path in quiet.folder.rglob("*") if not path.is_dir()]


def out_of_bounds(field: Field) -> st.SearchStrategy[Any]:
    """What ``field`` must refuse."""
    if field.choices:
        return st.text(max_size=20).filter(lambda text: text not in field.choices)
    if field.type is bool:
        return st.text(max_size=20).filter(lambda text: text.lower() not in ("true", "false", "yes", "no", "1", "0"))
    if field.type is int:
        return st.integers(max_value=field.low - 1) | st.integers(min_value=field.high + 1) | st.just("some")
    if field.type is tuple:
        return st.just(["not a tag!"]) | st.integers()
    if field.type is dict:
        return st.just({"NOT A LABEL": "x"}) | st.integers()
    return st.sampled_from(["no\nline", "\x00", " ", ["a", "list"], {"a": "mapping"}])


WRONG = st.sampled_from(list(FIELDS.values())).flatmap(lambda f: st.tuples(st.just(f), out_of_bounds(f)))


@given(WRONG)
def test_whatever_is_wrong_with_a_field_is_said_in_one_line_that_names_it(wrong):
    field, value = wrong
    with pytest.raises(SpecError) as refused:
        DataprocCluster(**{field.name: value})
    line = str(refused.value)
    assert "\n" not in line
    assert line.startswith(f"{field.name}:")
    assert "allowed is" in line
    assert refused.value.hint


@pytest.mark.parametrize(
    ("fields", "said"),
    [
        ({"n_workers": 1}, "workers: 1 given"),
        ({"n_workers": 20}, "workers"),
        ({"min_workers": 8, "max_workers": 4}, "min_workers"),
        ({"name": "Has Capitals"}, "name: 'Has Capitals' given"),
        ({"name": "a" * 52}, "name: '" + "a" * 52),
        ({"lifetime": "5m"}, "lifetime: '5m' given, allowed is a duration such as 45m or 2h, 10m to 14d"),
        ({"network": "a", "subnetwork": "b"}, "network"),
        ({"worker_machine": "n2-standard-5"}, "worker_machine"),
        ({"labels": {"Team": "x"}}, "labels: {'Team': 'x'} given"),
        ({"werkers": 3}, "'werkers': no such field of a cluster, the nearest is workers"),
    ],
)
def test_the_line_says_what_was_given_and_what_is_allowed(fields, said):
    with pytest.raises(SpecError) as refused:
        DataprocCluster(**fields)
    assert said in str(refused.value)
    assert refused.value.hint


@pytest.mark.parametrize("key", ["lease", "timeouts.create", "timeouts.call"])
def test_a_wrong_setting_is_named_before_anything_starts(key):
    with dask.config.set({f"dataproc.{key}": "soon"}), pytest.raises(ConfigError, match=f"dataproc.{key}: 'soon'"):
        DataprocCluster(workers=0)


def test_a_lease_shorter_than_dataproc_can_renew_is_refused():
    with dask.config.set({"dataproc.lease": "10m"}), pytest.raises(ConfigError, match="1200 to"):
        DataprocCluster(workers=0)


def test_a_cloud_project_without_staging_is_told_what_to_give():
    with pytest.raises(ConfigError, match="staging: none given for project my-project") as refused:
        DataprocCluster(project="my-project")
    assert "--staging gs://" in refused.value.hint


@given(st.dictionaries(st.text(max_size=12), st.none() | st.integers() | st.text(max_size=12), min_size=1, max_size=3))
def test_no_mapping_however_strange_gives_anything_but_our_errors(strange):
    with pytest.raises(DaskDataprocError):
        DataprocCluster(strange | {"workers": -1})
