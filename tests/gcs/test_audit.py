"""The audit trail in a folder and in a bucket: what was begun is never lost, counts once, and waits for nobody."""

from __future__ import annotations

import importlib.util
import logging
import subprocess
import sys
from concurrent.futures import ThreadPoolExecutor
from dataclasses import replace
from pathlib import Path
from types import ModuleType

import fsspec
import pytest

from dask_dataproc.clusters import outbox, store, trail
from dask_dataproc.clusters.audit import Event

HERE = Path(__file__).parent


def loaded(path: Path) -> ModuleType:
    spec = importlib.util.spec_from_file_location(path.stem, path)
    assert spec is not None
    assert spec.loader is not None
    module = importlib.util.module_from_spec(spec)
    spec.loader.exec_module(module)
    return module


killed = loaded(HERE / "audit_killed.py")
NOW, OLD = killed.NOW, killed.OLD
DAY = 86400.0


@pytest.fixture(params=["folder", "bucket"])
def url(request, tmp_path, gcs, monkeypatch) -> str:
    """Where a trail may lie; what waits to be sent to it waits in a folder of this test's own."""
    monkeypatch.setenv("XDG_STATE_HOME", str(tmp_path / "state"))
    fsspec.get_filesystem_class("gs").clear_instance_cache()
    return str(tmp_path / "audit") if request.param == "folder" else f"{gcs}/audit"


def event(n: int, **changed: object) -> Event:
    return replace(OLD[0], **{"at": NOW, "id": f"e{n}", "cluster": f"c{n}", **changed})


def test_what_is_told_is_read_by_everybody_with_who_and_through_what(url):
    trail.note(url, event(1, detail="Failed:  token=abc\n twice"))
    (found,) = trail.read_trail(url, NOW - 1)
    assert (found.cluster, found.by, found.detail) == ("c1", "ana", "Failed: token=[redacted] twice")
    assert found.through
    assert len(found.id) == 16
    assert outbox.waiting() == []


def test_many_who_tell_at_once_lose_nothing_and_one_who_puts_together_meanwhile_neither(url):
    old = [event(n, at=NOW - 4 * DAY + n) for n in range(60)]

    def tell(each: Event) -> None:
        store.put(f"{url}/new/{each.name}", each.line().encode())

    with ThreadPoolExecutor(8) as pool:
        told = [pool.submit(tell, each) for each in old]
        put = [pool.submit(trail.put_together, url, NOW, 30.0) for _ in range(4)]
        seen = [pool.submit(trail.read_trail, url, NOW - 5 * DAY) for _ in range(4)]
        assert all(len({e.id for e in each.result()}) == len(each.result()) for each in seen)
        for each in [*told, *put]:
            each.result()
    assert trail.put_together(url, NOW, 30) >= 0
    assert [each.id for each in trail.read_trail(url, NOW - 5 * DAY)] == [each.id for each in old]
    assert store.names(f"{url}/new") == []
    assert len(store.names(f"{url}/days")) == 1


def test_an_event_that_comes_late_goes_into_its_day_too(url):
    killed.ready(url)
    assert trail.put_together(url, NOW, 30) == 2
    late = event(9, at=OLD[0].at + 60)
    store.put(f"{url}/new/{late.name}", late.line().encode())
    assert trail.put_together(url, NOW, 30) == 1
    assert [each.id for each in trail.read_trail(url, OLD[0].at)] == ["id0", "id1", "e9"]


def test_a_trail_that_cannot_be_written_is_warned_of_once_and_told_later(url, tmp_path, caplog, monkeypatch):
    monkeypatch.setattr(outbox.OUTBOX, "_warned", False)
    away = f"{tmp_path}/none/audit" if "://" not in url else "gs://there-is-no-such-bucket/audit"
    (tmp_path / "none").write_text("in the way")
    with caplog.at_level(logging.WARNING):
        trail.note(away, event(1))
        trail.note(away, event(2, at=NOW + 1))
        assert outbox.OUTBOX.drain(30)
    (warning,) = [record.message for record in caplog.records if record.name == outbox.__name__]
    assert f"its events wait in {outbox.waiting_room()} to be sent later: " in warning
    trail.note(url, event(3, at=NOW + 2))  # elsewhere: it need not wait for those
    assert [each.cluster for each in trail.read_trail(url, NOW - 1)] == ["c3"]
    assert len(outbox.waiting()) == 2
    for file in outbox.waiting_room().glob("[0-9]*.json"):
        file.write_text(file.read_text().replace(away, url))  # it is there again
    assert [each.cluster for each in trail.read_trail(url, NOW - 1)] == ["c1", "c2", "c3"]
    assert outbox.waiting() == []


def test_a_process_killed_at_any_step_has_told_what_it_began_and_no_day_loses_a_line(url, tmp_path, monkeypatch):
    command = [sys.executable, HERE / "audit_killed.py", url, str(tmp_path / "states")]
    ran = subprocess.run(command, capture_output=True, text=True, timeout=120)
    assert ran.returncode == 0, ran.stderr
    *steps, done = [line.split() for line in ran.stdout.splitlines()]
    assert done == ["done"]
    assert {"told", "days"} == {place.partition("-")[0] for place, _ in steps}
    for place, where in steps:
        monkeypatch.setenv("XDG_STATE_HOME", str(tmp_path / "states" / place))
        found = trail.read_trail(f"{url}/{place}", OLD[0].at)
        if place.startswith("told"):
            assert len(found) == 1 or (where.startswith("add") and not found), where
            continue
        assert [each.id for each in found] == ["id0", "id1"], where
        trail.put_together(f"{url}/{place}", NOW, 30)
        assert [each.id for each in trail.read_trail(f"{url}/{place}", OLD[0].at)] == ["id0", "id1"], where
        assert store.names(f"{url}/{place}/new") == [], where
