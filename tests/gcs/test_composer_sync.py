"""A DAG folder in a real object store follows git: what is ours comes and goes, what is another's stays."""

from __future__ import annotations

import json
import subprocess
import sys
import threading
from pathlib import Path
from typing import ClassVar

import gcsfs
import pytest

from dask_dataproc.clusters.clock import Clock
from dask_dataproc.clusters.errors import ConfigError, SyncError
from dask_dataproc.pipelines.composer.manifest import MANIFEST, Manifest, UnderWay
from dask_dataproc.pipelines.composer.sync import sync_dags

FIRST, SECOND = "1" * 40, "2" * 40
KILLED = Path(__file__).with_name("sync_killed.py")


class Bucket:
    """The DAG folder of a new bucket, looked at and changed by another than the sync."""

    def __init__(self, url: str):
        self.url = f"{url}/dags"
        self.store = gcsfs.GCSFileSystem(skip_instance_cache=True, use_listings_cache=False)

    def put(self, name: str, text: str) -> None:
        self.store.pipe_file(f"{self.url}/{name}", text.encode())

    def files(self) -> dict[str, str]:
        found = self.store.find(self.url)
        start = self.url.removeprefix("gs://") + "/"
        texts = {name.removeprefix(start): self.store.cat_file(name).decode() for name in found}
        return {name: text for name, text in texts.items() if name != MANIFEST}

    def manifest(self) -> dict:
        return json.loads(self.store.cat_file(f"{self.url}/{MANIFEST}"))


@pytest.fixture
def bucket(gcs: str) -> Bucket:
    return Bucket(gcs)


@pytest.fixture
def dags(tmp_path: Path) -> Path:
    folder = tmp_path / "dags"
    (folder / "lib").mkdir(parents=True)
    (folder / "etl.py").write_text("etl = 1\n")
    (folder / "lib" / "words.py").write_text("words = 1\n")
    (folder / ".airflowignore").write_text("lib/\n")
    return folder


OURS = {"etl.py": "etl = 1\n", "lib/words.py": "words = 1\n", ".airflowignore": "lib/\n"}


def test_what_changed_is_uploaded_what_git_has_no_more_is_deleted_and_the_commit_is_noted(bucket, dags):
    assert sorted(sync_dags(dags, bucket.url, FIRST).uploaded) == sorted(OURS)
    assert bucket.files() == OURS
    (dags / "etl.py").write_text("etl = 2\n")
    (dags / "lib" / "words.py").unlink()
    second = sync_dags(dags, bucket.url, SECOND)
    assert (second.uploaded, second.deleted, second.unchanged) == (["etl.py"], ["lib/words.py"], 1)
    assert bucket.files() == {"etl.py": "etl = 2\n", ".airflowignore": "lib/\n"}
    assert (bucket.manifest()["commit"], bucket.manifest()["under_way"]) == (SECOND, None)


def test_the_same_commit_again_writes_no_file(bucket, dags):
    sync_dags(dags, bucket.url, FIRST)
    again = sync_dags(dags, bucket.url, FIRST)
    assert (again.uploaded, again.deleted, again.unchanged) == ([], [], 3)


def test_nothing_that_another_put_there_is_deleted_or_written_over(bucket, dags):
    bucket.put("airflow_monitoring.py", "Composer's own\n")
    sync_dags(dags, bucket.url, FIRST)
    bucket.put("by_hand.py", "somebody's\n")
    (dags / "etl.py").unlink()
    sync_dags(dags, bucket.url, SECOND)
    assert bucket.files()["airflow_monitoring.py"] == "Composer's own\n"
    assert bucket.files()["by_hand.py"] == "somebody's\n"
    (dags / "by_hand.py").write_text("ours\n")
    before = bucket.files(), bucket.manifest()
    with pytest.raises(SyncError, match=r"by_hand\.py: is there, and no sync has put it there"):
        sync_dags(dags, bucket.url, FIRST)
    assert (bucket.files(), bucket.manifest()) == before
    sync_dags(dags, bucket.url, FIRST, adopt=True)
    assert bucket.files()["by_hand.py"] == "ours\n"


def test_a_file_that_another_put_there_with_the_same_content_stays_when_git_has_it_no_more(bucket, dags):
    bucket.put("etl.py", "etl = 1\n")
    assert sync_dags(dags, bucket.url, FIRST).alike == ["etl.py"]
    (dags / "etl.py").unlink()
    sync_dags(dags, bucket.url, SECOND)
    assert "etl.py" in bucket.files()


def test_what_somebody_changed_in_the_bucket_is_put_back(bucket, dags):
    sync_dags(dags, bucket.url, FIRST)
    bucket.put("etl.py", "a quick fix\n")
    bucket.store.rm(f"{bucket.url}/lib/words.py")
    assert sorted(sync_dags(dags, bucket.url, FIRST).uploaded) == ["etl.py", "lib/words.py"]
    assert bucket.files() == OURS


def test_killed_at_any_step_the_next_sync_completes_it(bucket, dags, tmp_path):
    """Each life begins with a folder that has one file to change, one to delete, one to add and one of another."""
    ran = subprocess.run(
        [sys.executable, str(KILLED), bucket.url, str(tmp_path)], capture_output=True, text=True, timeout=200
    )
    assert ran.returncode == 0, ran.stderr[-3000:]
    *killed, last = ran.stdout.splitlines()
    assert last == "done"
    assert len(killed) >= 12, killed


def test_of_syncs_at_once_each_waits_for_the_other_and_the_folder_is_wholly_one_commits(bucket, dags, tmp_path):
    folders = {}
    for number in range(4):
        folder = tmp_path / str(number)
        folder.mkdir()
        for name in ("a.py", "b.py", "c.py"):
            (folder / name).write_text(f"commit = {number}\n")
        folders[str(number) * 40] = folder
    done, said = [], []

    def run(commit: str) -> None:
        done.append(sync_dags(folders[commit], bucket.url, commit, say=said.append).commit)

    threads = [threading.Thread(target=run, args=(commit,)) for commit in folders]
    for thread in threads:
        thread.start()
    for thread in threads:
        thread.join(120)
    assert sorted(done) == sorted(folders)
    assert bucket.manifest()["commit"] == done[-1]
    assert set(bucket.files().values()) == {f"commit = {done[-1][0]}\n"}


def test_a_dead_sync_is_waited_for_until_its_time_is_over(bucket, dags):
    hour = Clock(1_790_000_000.0, scale=600)
    other = UnderWay("another", SECOND, hour.now() + 600)
    bucket.put(MANIFEST, Manifest("", {}, other).to_bytes().decode())
    said = []
    sync_dags(dags, bucket.url, FIRST, say=said.append, clock=hour)
    assert said[0] == f"waiting for a sync of commit {SECOND}"
    assert hour.now() > other.until
    assert bucket.manifest()["commit"] == FIRST


@pytest.mark.parametrize(
    ("url", "commit", "message"),
    [
        ("gs://bucket", FIRST, "bucket: 'gs://bucket' given"),
        ("s3://bucket/dags", FIRST, "bucket: 's3://bucket/dags' given"),
        ("gs://no-such-bucket/dags", FIRST, "there is no"),
        ("gs://bucket/dags", "main", "commit: 'main' given"),
    ],
)
def test_what_cannot_be_synced_is_said_in_one_line(gcs, dags, url, commit, message):
    with pytest.raises(ConfigError, match=message):
        sync_dags(dags, url, commit)


def test_a_manifest_that_is_something_else_stops_everything(bucket, dags):
    bucket.put(MANIFEST, "[]")
    with pytest.raises(ConfigError, match="is no manifest of a sync"):
        sync_dags(dags, bucket.url, FIRST)
    assert bucket.files() == {}


def test_a_link_out_of_the_folder_is_not_followed(bucket, dags, tmp_path):
    (tmp_path / "secret.txt").write_text("not for a bucket")
    (dags / "secret.txt").symlink_to(tmp_path / "secret.txt")
    with pytest.raises(SyncError, match=r"secret\.txt: leads out of"):
        sync_dags(dags, bucket.url, FIRST)


@pytest.mark.parametrize(("moved", "said"), [("lib", "leads out of"), ("dags/words", "leads to another folder")])
def test_a_link_to_a_folder_is_refused_and_what_was_synced_of_it_stays(bucket, dags, tmp_path, moved, said):
    sync_dags(dags, bucket.url, FIRST)
    (dags / "lib").rename(tmp_path / moved)
    (dags / "lib").symlink_to(tmp_path / moved)
    with pytest.raises(SyncError, match=rf"lib: {said}"):
        sync_dags(dags, bucket.url, SECOND)
    assert bucket.files() == OURS


def test_hidden_and_compiled_files_stay_at_home(bucket, dags):
    (dags / "__pycache__").mkdir()
    (dags / "__pycache__" / "etl.cpython-311.pyc").write_bytes(b"x")
    (dags / ".env").write_text("TOKEN=1")
    (dags / ".git").mkdir()
    (dags / ".git" / "config").write_text("x")
    sync_dags(dags, bucket.url, FIRST)
    assert bucket.files() == OURS


class Wound(Clock):
    """A clock that goes on when it is wound."""

    jumps: ClassVar[list[float]] = []

    def now(self) -> float:
        return self.origin + sum(self.jumps)


@pytest.fixture
def wound(monkeypatch) -> Wound:
    monkeypatch.setattr(Wound, "jumps", [])
    return Wound(1_790_000_000.0)


def test_a_sync_that_slept_while_another_took_over_touches_nothing_any_more(bucket, dags, tmp_path, wound):
    other = tmp_path / "other"
    other.mkdir()
    (other / "etl.py").write_text("etl = 2\n")

    def sleep_in_the_middle(line: str) -> None:
        if not wound.jumps:
            wound.jumps.append(3600)
            sync_dags(other, bucket.url, SECOND, clock=wound)

    with pytest.raises(SyncError, match="another sync has taken over"):
        sync_dags(dags, bucket.url, FIRST, say=sleep_in_the_middle, clock=wound)
    assert bucket.files() == {"etl.py": "etl = 2\n"}
    assert bucket.manifest()["commit"] == SECOND


def test_a_sync_of_many_minutes_keeps_the_manifest(bucket, dags, wound):
    for number in range(12):
        (dags / f"job_{number}.py").write_text(str(number))
    sync_dags(dags, bucket.url, FIRST, say=lambda _: wound.jumps.append(20), clock=wound)
    assert bucket.manifest()["under_way"] is None
    assert len(bucket.files()) == 15


def test_a_file_that_another_puts_there_during_the_sync_is_left_and_not_called_ours(bucket, dags):
    names = []

    def meanwhile(line: str) -> None:
        if not names:
            names.append(line)
            bucket.put("etl.py", "somebody's\n")

    with pytest.raises(SyncError, match=r"etl\.py: somebody has changed it during the sync"):
        sync_dags(dags, bucket.url, FIRST, say=meanwhile)
    assert bucket.files()["etl.py"] == "somebody's\n"
    assert "etl.py" not in bucket.manifest()["files"]
    assert bucket.manifest()["under_way"] is None
