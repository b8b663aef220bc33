"""Publishing, in a folder and in a bucket: killed wherever, a reader has one version, and a second call completes."""

from __future__ import annotations

import errno
import importlib.util
import subprocess
import sys
from pathlib import Path
from types import ModuleType

import dask.dataframe as dd
import fsspec
import pytest
from distributed import Client

from dask_dataproc.clusters.errors import GateClosed, QualityError, SpecError
from dask_dataproc.pipelines.quality import publish_folder
from dask_dataproc.pipelines.quality.gate import gate
from dask_dataproc.pipelines.quality.publish import is_published, publish, published, staged_location

HERE = Path(__file__).parent


def loaded(path: Path) -> ModuleType:
    spec = importlib.util.spec_from_file_location(path.stem, path)
    assert spec is not None
    assert spec.loader is not None
    module = importlib.util.module_from_spec(spec)
    spec.loader.exec_module(module)
    return module


killed = loaded(HERE / "publish_killed.py")
OLD, NEW = list(killed.OLD), list(killed.NEW)


@pytest.fixture(params=["folder", "bucket"])
def url(request) -> str:
    if request.param == "folder":
        return str(request.getfixturevalue("tmp_path"))
    bucket = request.getfixturevalue("gcs")
    fsspec.get_filesystem_class("gs").clear_instance_cache()
    return bucket


@pytest.fixture
def final(url) -> str:
    """An output that has been published once, and a new version of it is staged."""
    return killed.prepare(url)


def keys(what) -> list[int]:
    fsspec.get_filesystem_class("gs").clear_instance_cache()
    return sorted(dd.read_parquet(what).compute(scheduler="sync")["o_orderkey"])


def files(url: str) -> list[str]:
    store, folder = fsspec.url_to_fs(url)
    store.invalidate_cache()
    return sorted(name.removeprefix(folder) for name in store.find(folder))


def told_apart(final: str) -> tuple[str, ...]:
    """What lies at ``final``, and what its manifest names: where that is alike, a reader sees the same."""
    named = published(final)
    store, folder = fsspec.url_to_fs(final)
    return (
        *(f"{name}:{store.info(folder + name)['size']}" for name in files(final)),
        *(Path(name).name for name in named if isinstance(named, list)),
    )


def test_killed_at_any_step_a_reader_has_one_version_whole_and_a_second_call_completes(url):
    command = [sys.executable, str(HERE / "publish_killed.py"), url]
    done = subprocess.run(command, capture_output=True, text=True, timeout=200)
    assert done.returncode == 0, done.stderr
    where = done.stdout.splitlines()
    assert where[-1] == "done"
    assert len(where) > 20
    states: dict[tuple[str, ...], list[int]] = {}
    seen = []
    for step, killed_at in enumerate(where):
        final = f"{url}/{step}/orders"
        state = told_apart(final)
        if state not in states:
            states[state] = keys(published(final))
            assert states[state] in (OLD, NEW), killed_at
            assert url.startswith("gs:") or keys(final) == states[state], killed_at
        seen.append(states[state])
        publish(staged_location(final, "2"), final)
        left = files(f"{url}/{step}")
        assert [name for name in left if not name.startswith("/orders/")] == [], killed_at
        assert len([name for name in left if name.endswith(".parquet")]) == 3, killed_at
    for final in {told_apart(f"{url}/{step}/orders"): f"{url}/{step}/orders" for step in range(len(where))}.values():
        assert keys(published(final)) == keys(final) == NEW
    assert seen == sorted(seen), "the new version was there, and then the old one again"
    assert OLD in seen
    assert seen.count(NEW) > 1


def test_what_is_published_takes_the_place_of_all_that_was_there(final):
    publish(staged_location(final, "2"), final)
    assert keys(final) == NEW
    assert is_published(staged_location(final, "2"), final)
    assert not is_published(staged_location(final, "1"), final)


def test_a_staging_place_may_be_used_again(final):
    staged = staged_location(final, "2")
    publish(staged, final)
    killed.stage(staged, range(20, 24))
    assert not is_published(staged, final)
    publish(staged, final)
    assert keys(final) == [20, 21, 22, 23]


def test_an_output_whose_name_begins_like_another_s_is_left_alone(final):
    killed.stage(f"{final}_of_2025", range(2))
    publish(staged_location(final, "2"), final)
    assert keys(f"{final}_of_2025") == [0, 1]


def test_folders_of_partitions_stay_what_they_are(final):
    staged = staged_location(final, "3")
    for day in ("1", "2"):
        killed.stage(f"{staged}/day={day}", range(2))
    publish(staged, final)
    for what in (final, published(final)):
        read = dd.read_parquet(what).compute(scheduler="sync")
        assert sorted(zip(read["day"].astype(str), read["o_orderkey"], strict=True)) == [
            ("1", 0), ("1", 1), ("2", 0), ("2", 1),
        ]  # fmt: skip


def test_a_gate_holds_back_and_lets_through_where_the_output_is(url, final):
    outputs = [{"staged": staged_location(final, "2"), "final": final, "rules": {"rows": {"min": 7}}}]
    with Client(processes=False, n_workers=1, threads_per_worker=1, dashboard_address=None):
        with pytest.raises(GateClosed, match=r"orders is not published: rows\.min \(6 rows, at least 7 asked\)"):
            gate(outputs)
        assert keys(published(final)) == OLD
        outputs[0]["rules"] = {"rows": {"min": 6, "drop": 0}, "columns": {"o_orderkey": {"unique": True}}}
        (said,) = gate(outputs)["outputs"]
    assert keys(published(final)) == NEW
    assert sorted(files(f"{url}/_quality")) == ["/orders/2.html", "/orders/2.json"]
    assert said["rows"] == 6


def test_an_output_that_nobody_wrote_keeps_back_the_others_of_its_gate_until_it_is_there(url, final):
    other = f"{url}/items"
    places = [{"staged": staged_location(each, "2"), "final": each, "rules": {}} for each in (final, other)]
    with pytest.raises(QualityError, match=r"_staged/items/2: (nothing|no folder) is there"):
        gate(places)
    assert keys(published(final)) == OLD
    killed.stage(staged_location(other, "2"), range(2))
    gate(places)
    assert (keys(published(final)), keys(published(other))) == (NEW, [0, 1])


def test_nothing_staged_is_one_line_and_leaves_what_there_is(final):
    with pytest.raises(QualityError, match=r"staged .*/_staged/orders/9: (nothing|no folder) is there") as failed:
        publish(staged_location(final, "9"), final)
    assert "\n" not in str(failed.value)
    assert keys(final) == OLD


@pytest.mark.parametrize("final", ["gs://bucket", "gs://bucket/", "/", "", "s3://b/x*", "file:///", ".."])
def test_a_root_is_never_published_over(final):
    with pytest.raises(SpecError, match=r"final: .* given, allowed is a folder in a bucket or in a folder"):
        publish("/somewhere/else", final)


def test_staged_within_the_output_is_refused(tmp_path):
    with pytest.raises(QualityError, match="lie within each other"):
        publish(str(tmp_path / "orders" / "new"), str(tmp_path / "orders"))


def test_a_file_system_that_exchanges_no_folders_gets_there_too(tmp_path, monkeypatch):
    def unknown(one: Path, other: Path) -> None:
        raise OSError(errno.EINVAL, "Invalid argument", str(one))

    final = str(tmp_path / "orders")
    killed.stage(final, killed.OLD)
    killed.stage(staged_location(final, "2"), killed.NEW)
    monkeypatch.setattr(publish_folder, "_rename_exchange", unknown)
    publish(staged_location(final, "2"), final)
    assert keys(final) == NEW
    assert [path.name for path in tmp_path.iterdir() if path.name.startswith(".")] == []
