"""What a job brings is found on every machine: where it was made, or by way of staging; a later job's replaces it."""

from __future__ import annotations

import sys
import tempfile
from pathlib import Path

import pytest

from dask_dataproc.pipelines import bundles
from dask_dataproc.pipelines.bundles import CODE, PACKAGES, Bundle, arrive, found, offer

MODULE = "dask_dataproc_trial_bundle"


@pytest.fixture(autouse=True)
def process(tmp_path, monkeypatch):
    """A process that has been brought nothing yet, with a /tmp of its own."""
    monkeypatch.setattr(sys, "path", list(sys.path))
    monkeypatch.setattr(bundles, "_here", {})
    monkeypatch.setattr(tempfile, "tempdir", str(tmp_path / "tmp"))
    (tmp_path / "tmp").mkdir()
    yield
    sys.modules.pop(MODULE, None)


@pytest.fixture
def bundle(tmp_path):
    """Makes bundles of one module, as a checkout with a history."""

    def make(key: str, kind: str = CODE) -> Bundle:
        folder = tmp_path / "made" / key
        (folder / "src").mkdir(parents=True)
        (folder / ".git").mkdir()
        (folder / ".git" / "config").write_text("[remote]\n")
        (folder / "src" / f"{MODULE}.py").write_text(f"KEY = {key!r}\n")
        return Bundle(kind, key, str(folder), ("src", ""))

    return make


def key_here() -> str:
    return __import__(MODULE).KEY


def test_it_is_used_where_it_lies_and_the_code_of_the_job_before_goes(bundle):
    arrive([bundle("one")])
    assert key_here() == "one"
    before = list(sys.path)
    arrive([bundle("two")])
    assert key_here() == "two"
    assert len(sys.path) == len(before)
    assert not [path for path in sys.path if path.endswith("made/one")]


def test_another_machine_gets_it_from_staging_once_and_without_its_history(bundle, tmp_path):
    staging = f"file://{tmp_path}/staging"
    made = offer(bundle("one"), staging)
    assert offer(made, staging) == made
    assert [path.name for path in (tmp_path / "staging/carried").iterdir()] == ["code-one.zip"]
    Path(made.folder).rename(tmp_path / "elsewhere")
    there = Path(found(made))
    assert there.is_relative_to(tmp_path / "tmp")
    assert not (there / ".git").exists()
    (tmp_path / "staging/carried/code-one.zip").unlink()
    arrive([made])
    assert key_here() == "one"


def test_packages_and_code_are_there_at_once_and_the_code_comes_first(bundle):
    arrive([bundle("packages", PACKAGES), bundle("code")])
    assert key_here() == "code"
