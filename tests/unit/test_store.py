"""An object in a folder changes whole or not at all, and only from what was read; other places are refused."""

from __future__ import annotations

import fcntl
import threading
from concurrent.futures import ThreadPoolExecutor
from pathlib import Path

import pytest

from dask_dataproc import ConfigError, WaitTimeout
from dask_dataproc.clusters import store, store_folder


def plus_one(found: bytes | None) -> bytes:
    return str(int(found or 0) + 1).encode()


@pytest.fixture(params=["file://", ""])
def url(request, tmp_path: Path) -> str:
    return f"{request.param}{tmp_path}/ledger/users/ana.json"


def test_what_was_written_is_read_and_what_is_not_there_is_none(url):
    nothing, version = store.read(url)
    assert nothing is None
    assert store.swap(url, b"one", version)
    assert store.read(url)[0] == b"one"


def test_a_swap_against_an_earlier_version_is_refused(url):
    _, absent = store.read(url)
    assert store.swap(url, b"one", absent)
    assert not store.swap(url, b"two", absent)
    _, first = store.read(url)
    assert store.swap(url, b"two", first)
    assert not store.swap(url, b"three", first)
    assert store.read(url)[0] == b"two"


def test_no_update_of_many_threads_is_lost(url):
    with ThreadPoolExecutor(8) as threads:
        list(threads.map(lambda _: store.update(url, plus_one), range(80)))
    assert store.read(url)[0] == b"80"


def test_an_update_that_raises_or_changes_nothing_writes_nothing(url, tmp_path):
    store.update(url, plus_one)
    (file,) = tmp_path.rglob("ana.json")
    before = file.stat().st_ino

    def refuse(found):
        raise ValueError("no")

    with pytest.raises(ValueError, match="no"):
        store.update(url, refuse)
    assert store.update(url, lambda found: found or b"") == b"1"
    assert file.stat().st_ino == before


def test_names_are_those_of_the_objects(url, tmp_path):
    folder = url.rpartition("/")[0]
    assert store.names(folder) == []
    store.update(url, plus_one)
    store.update(f"{folder}/ben.json", plus_one)
    assert store.names(folder) == ["ana.json", "ben.json"]


def test_a_lock_that_is_never_given_back_ends_in_one_line(url, tmp_path, monkeypatch):
    monkeypatch.setattr(store_folder, "LOCKED", 0.05)
    store.update(url, plus_one)
    (lock,) = tmp_path.rglob(".ana.json.lock")
    with lock.open() as held:
        fcntl.flock(held, fcntl.LOCK_EX)
        with pytest.raises(WaitTimeout, match=r"not changed within 0\.1 s: locked by another process"):
            store.update(url, plus_one, limit=0.1)
    assert store.update(url, plus_one) == b"2"


def test_a_reader_never_sees_half_an_object(url):
    sizes = (10, 1_000_000)
    store.update(url, lambda _: b"x" * sizes[0])
    done = threading.Event()

    def write() -> None:
        for number in range(60):
            store.update(url, lambda _, size=sizes[number % 2]: b"x" * size)
        done.set()

    with ThreadPoolExecutor(1) as threads:
        writing = threads.submit(write)
        seen = set()
        while not done.is_set() and not writing.done():
            found, _ = store.read(url)
            seen.add(len(found or b""))
        writing.result()
    assert seen <= set(sizes)


def test_a_folder_that_cannot_be_written_is_named(tmp_path):
    (tmp_path / "file").write_text("")
    with pytest.raises(ConfigError, match=r"file/ana\.json cannot be written: File exists"):
        store.update(f"{tmp_path}/file/ana.json", plus_one)


@pytest.mark.parametrize("url", ["memory://ledger/ana.json", "s3://bucket/ana.json", "file+x://a"])
def test_a_place_without_compare_and_swap_is_refused_with_what_works(url):
    for refused in (
        store.read,
        store.names,
        lambda url: store.swap(url, b"", ""),
        lambda url: store.update(url, plus_one),
    ):
        with pytest.raises(ConfigError, match=r"allowed is gs://BUCKET/… or a folder of this machine") as error:
            refused(url)
        assert error.value.hint.startswith("gs://")
