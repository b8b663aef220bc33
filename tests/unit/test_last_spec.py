"""What was asked for last is asked for again, where it still means something."""

from __future__ import annotations

import pytest

from dask_dataproc import ClusterSpec
from dask_dataproc.clusters.paths import state_dir
from dask_dataproc.kernel_ext.last_spec import last_spec, remember


@pytest.fixture(autouse=True)
def home(tmp_path, monkeypatch):
    monkeypatch.setenv("XDG_STATE_HOME", str(tmp_path))


def test_nobody_has_asked_for_anything_yet():
    assert last_spec() == {}


def test_fields_come_back_as_they_were_given_but_those_of_one_place_or_cluster():
    remember({"name": "a", "project": "p-1", "zone": "us-central1-a", "workers": 4, "lifetime": "2h", "queue": None})
    assert last_spec() == {"workers": 4, "lifetime": "2h"}


def test_what_is_more_than_the_defaults_allow_together_comes_back_too():
    remember({"workers": 40, "max_workers": 50, "labels": {"team": "risk"}, "tags": ("a", "b")})
    assert ClusterSpec.from_dict(last_spec()).tags == ("a", "b")
    remember({"workers": 40})
    assert last_spec() == {"workers": 40}


@pytest.mark.parametrize("text", ["", "{", "[]", "3", '{"workers": "many"}', '{"no_field": 1}', '{"workers": -1}'])
def test_what_is_broken_or_no_longer_understood_is_ignored(text):
    (state_dir() / "last_spec.json").write_text(text)
    assert last_spec() == {}


def test_it_is_for_nobody_else_to_read():
    remember({"workers": 4})
    assert (state_dir() / "last_spec.json").stat().st_mode & 0o777 == 0o600
