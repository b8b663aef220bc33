"""A folder of DAGs to a Composer environment's bucket: only what changed, and nothing of what others put there.

The manifest in the folder says what is ours before any of it is there, so a sync that was killed is completed by the
next. One sync at a time: the manifest is swapped against its generation, and says until when its holder acts; every
object is written and deleted against the generation it was seen at.
"""

from __future__ import annotations

import hashlib
import os
import re
import secrets
import time
from collections.abc import Callable, Iterator
from dataclasses import dataclass, replace
from pathlib import Path

from ...clusters.clock import REAL, Clock
from ...clusters.errors import ConfigError, SyncError, WaitTimeout
from ...clusters.store_bucket import CALL, BucketObjects
from .manifest import IGNORE, MANIFEST, Manifest, Steps, UnderWay, claimed, read_manifest, steps

LEASE = 4 * CALL
"""Seconds that a sync may act after it has said so; it says so again while half of it is left."""
PATIENCE = 600.0
"""Seconds to wait for another sync."""
POLL = 1.0
COMMIT = r"[0-9a-f]{7,64}"


@dataclass(frozen=True, slots=True)
class Synced:
    """What a sync did.

    Attributes
    ----------
    commit : str
    uploaded, deleted : list of str
    unchanged : int
        Files that were in line already.
    alike : list of str
        Files that another has put there with the same content: they stay when git has them no more.
    """

    commit: str
    uploaded: list[str]
    deleted: list[str]
    unchanged: int
    alike: list[str]

    def __str__(self) -> str:
        said = f"at commit {self.commit}: {len(self.uploaded)} uploaded, {len(self.deleted)} deleted"
        said += f", {self.unchanged} as they were"
        return said + (f"; not put there by a sync, and left: {', '.join(self.alike)}" if self.alike else "")


def sync_dags(
    folder: Path,
    url: str,
    commit: str,
    *,
    adopt: bool = False,
    say: Callable[[str], None] = lambda _: None,
    clock: Clock = REAL,
) -> Synced:
    """Bring the DAG folder ``url`` in line with ``folder`` as it is at ``commit``.

    Parameters
    ----------
    folder : Path
    url : str
        ``gs://BUCKET/dags``.
    commit : str
        Noted in the manifest.
    adopt : bool
        Take over files of the same names that another put there.
    say : callable
        Told each file that is uploaded or deleted, and whom it waits for.
    clock : Clock
        By which the holder of the manifest acts.

    Raises
    ------
    ConfigError
        ``url`` or ``commit`` is none; the bucket is not there or not allowed; the manifest is something else.
    SyncError
        A file of another is in the way, or somebody changed one at the same time. What is another's is as it was.
    WaitTimeout
        Another sync was at it all the time, or Cloud Storage did not answer; the same again completes it.
    """
    if not re.fullmatch(r"gs://[^/\s]+/\S*[^/\s]", url.rstrip("/")):
        raise ConfigError(f"bucket: {url!r} given, allowed is a DAG folder like gs://BUCKET/dags")
    if not re.fullmatch(COMMIT, commit):
        raise ConfigError(f"commit: {commit!r} given, allowed is a commit's hash", "--commit $(git rev-parse HEAD)")
    files = {name: (folder / name).read_bytes() for name in sources(folder)}
    return _Sync(url.rstrip("/"), commit, files, adopt, say, clock).run()


def sources(folder: Path) -> Iterator[str]:
    """Yield the names of the files in ``folder`` that are synced: no hidden ones but .airflowignore, nothing compiled.

    Raises
    ------
    SyncError
        A link leads out of the folder, or to a folder, which is not followed.
    """
    home = folder.resolve()
    for path in sorted(folder.rglob("*")):
        name = path.relative_to(folder)
        hidden = any(part.startswith(".") and part != IGNORE for part in name.parts)
        if hidden or "__pycache__" in name.parts or path.suffix == ".pyc":
            continue
        if not path.resolve().is_relative_to(home):
            raise SyncError(f"{path}: leads out of {folder}, to {os.readlink(path)}", "what it leads to in its place")
        if path.is_dir():
            if path.is_symlink():
                raise SyncError(
                    f"{path}: leads to another folder, {os.readlink(path)}", "the folder itself in its place"
                )
            continue
        yield name.as_posix()


class _Sync:
    """One sync, from taking the manifest to giving it back."""

    def __init__(
        self, url: str, commit: str, files: dict[str, bytes], adopt: bool, say: Callable[[str], None], clock: Clock
    ):
        self.url, self.commit, self.files, self.adopt = url, commit, files, adopt
        self.say, self.clock = say, clock
        self.wanted = {name: hashlib.md5(data, usedforsecurity=False).hexdigest() for name, data in files.items()}
        self.objects = BucketObjects()
        self.place = f"{url}/{MANIFEST}"
        self.run_id = secrets.token_hex(8)
        self.manifest = Manifest()
        self.version = ""

    def run(self) -> Synced:
        before, todo = self.begin()
        for name, generation in todo.upload.items():
            self.hold()
            self.upload(name, generation, ours=name in before.files)
            self.say(f"{name}: uploaded")
        kept = {name: md5 for name, md5 in self.wanted.items() if name not in todo.alike}
        for name, generation in todo.delete.items():
            self.hold()
            gone = self.objects.remove(f"{self.url}/{name}", generation)
            self.say(f"{name}: deleted" if gone else f"{name}: left, somebody has changed it meanwhile")
        self.write(Manifest(self.commit, kept))
        unchanged = len(self.wanted) - len(todo.upload) - len(todo.alike)
        return Synced(self.commit, list(todo.upload), list(todo.delete), unchanged, todo.alike)

    def begin(self) -> tuple[Manifest, Steps]:
        """Take the manifest, with what will be ours in it, as soon as no other sync has it."""
        end = time.monotonic() + PATIENCE
        while True:
            data, version = self.objects.read(self.place)
            manifest = read_manifest(data, self.place)
            if other := manifest.held(self.clock.now()):
                self._wait(other, end)
                continue
            there = self.objects.under(self.url)
            there.pop(MANIFEST, None)
            todo = steps(manifest, self.wanted, there, adopt=self.adopt)
            if todo.foreign:
                raise SyncError(
                    f"{self.url}/{todo.foreign[0]}: is there, and no sync has put it there ({len(todo.foreign)} such)",
                    "another name for it, or --adopt to take it over",
                )
            files = claimed(manifest, self.wanted, todo.alike)
            mine = Manifest(manifest.commit, files, self._under_way())
            if self.objects.swap(self.place, mine.to_bytes(), version) or self._is_mine():
                self.manifest = mine
                self.version = self._read_mine()
                return manifest, todo

    def hold(self) -> None:
        """See to it that what is done next is done while the manifest is held."""
        way = self.manifest.under_way
        if way is None or way.until - self.clock.now() < LEASE / 2:
            self.write(replace(self.manifest, under_way=self._under_way()))
            self.version = self._read_mine()

    def upload(self, name: str, generation: str, *, ours: bool) -> None:
        """Upload one file in the place of what was seen there."""
        place = f"{self.url}/{name}"
        if self.objects.swap(place, self.files[name], generation):
            return
        if self.objects.read(place)[0] == self.files[name]:  # the answer of the first try was lost
            return
        self.write(replace(self.manifest if ours else self.manifest.without(name), under_way=None))
        raise SyncError(f"{place}: somebody has changed it during the sync", "the same sync again")

    def write(self, manifest: Manifest) -> None:
        """Write the manifest that is held."""
        now, way = self.clock.now(), self.manifest.under_way
        if way is None or way.until < now or not self._swapped(manifest):
            raise self._overtaken()
        self.manifest = manifest

    def _swapped(self, manifest: Manifest) -> bool:
        data = manifest.to_bytes()
        return self.objects.swap(self.place, data, self.version) or self.objects.read(self.place)[0] == data

    def _under_way(self) -> UnderWay:
        return UnderWay(self.run_id, self.commit, self.clock.now() + LEASE)

    def _is_mine(self) -> bool:
        way = read_manifest(self.objects.read(self.place)[0], self.place).under_way
        return way is not None and way.run == self.run_id

    def _read_mine(self) -> str:
        data, version = self.objects.read(self.place)
        way = read_manifest(data, self.place).under_way
        if way is None or way.run != self.run_id:
            raise self._overtaken()
        return version

    def _overtaken(self) -> SyncError:
        return SyncError(f"{self.place}: another sync has taken over from this of {self.commit}", "the same sync again")

    def _wait(self, other: UnderWay, end: float) -> None:
        if time.monotonic() > end:
            raise WaitTimeout(f"{self.place}: a sync of commit {other.commit} is under way", "the same sync later")
        self.say(f"waiting for a sync of commit {other.commit}")
        time.sleep(min(POLL, max(0.0, other.until - self.clock.now()) / self.clock.scale))
