"""Objects that are files of this machine: changed under a lock, by a new file in the old one's place.

A process may be killed at any point: the kernel gives its lock back, and what lies under the object's name is whole, as
it was or as it was to be. Machines that share a folder over NFS have no such locks; they need a bucket.
"""

from __future__ import annotations

import contextlib
import fcntl
import hashlib
import os
import random
import time
from collections.abc import Callable, Iterator
from pathlib import Path

from .errors import ConfigError, WaitTimeout
from .paths import local_path
from .pauses import growing

LOCKED = 10.0
"""Seconds to wait for a lock: it is held for a few milliseconds, unless its holder was stopped."""
POLL, GROWTH = (0.001, 0.05), 1.5
"""First and longest seconds between two tries to take it."""
ABSENT = ""


class FolderObjects:
    """See `store.Objects`. A version is the hash of what was read: a file that is as it was has not changed."""

    pauses = (0.002, 0.1)

    def read(self, url: str) -> tuple[bytes | None, str]:
        """Return the file's bytes and their version."""
        try:
            found = _path(url).read_bytes()
        except FileNotFoundError:
            return None, ABSENT
        except OSError as error:
            raise ConfigError(f"{url} cannot be read: {error.strerror}") from error
        return found, hashlib.sha256(found).hexdigest()

    def swap(self, url: str, data: bytes, version: str) -> bool:
        """Put ``data`` in the file's place if it is still of ``version``."""
        with _writing(url):
            if self.read(url)[1] != version:
                return False
            _replace(_path(url), data)
        return True

    def attempt(self, url: str, change: Callable[[bytes | None], bytes | None]) -> tuple[bool, bytes | None]:
        """Read, change and replace under one lock, so that many who want to do not do it in vain."""
        with _writing(url):
            found, _ = self.read(url)
            made = change(found)
            if made is not None and made != found:
                _replace(_path(url), made)
        return True, made

    def put(self, url: str, data: bytes) -> None:
        """Write the file, whole or not at all; nobody else writes under its name, so there is no lock."""
        path = _path(url)
        try:
            path.parent.mkdir(parents=True, exist_ok=True)
        except OSError as error:
            raise ConfigError(f"{url} cannot be written: {error.strerror}") from error
        _replace(path, data)

    def contents(self, folder: str) -> dict[str, bytes]:
        """Return the files; one that is removed meanwhile is not there."""
        found = {}
        for name in self.names(folder):
            data, _ = self.read(f"{folder}/{name}")
            if data is not None:
                found[name] = data
        return found

    def drop(self, url: str) -> None:
        """Remove the file."""
        try:
            _path(url).unlink(missing_ok=True)
        except OSError as error:
            raise ConfigError(f"{url} cannot be removed: {error.strerror}") from error

    def names(self, folder: str) -> list[str]:
        """Return the names of the files, without ours that are beside them."""
        try:
            return sorted(found.name for found in os.scandir(_path(folder)) if _is_object(found))
        except (FileNotFoundError, NotADirectoryError):
            return []
        except OSError as error:
            raise ConfigError(f"{folder} cannot be read: {error.strerror}") from error


def _is_object(found: os.DirEntry[str]) -> bool:
    return found.is_file() and not found.name.startswith(".")


def _path(url: str) -> Path:
    path = local_path(url)
    assert path is not None, url
    return path


@contextlib.contextmanager
def _writing(url: str) -> Iterator[None]:
    """Hold the lock of ``url``, a file beside it that stays: to remove it would let two hold it."""
    path = _path(url)
    try:
        path.parent.mkdir(parents=True, exist_ok=True)
        lock = os.open(path.with_name(f".{path.name}.lock"), os.O_RDWR | os.O_CREAT | os.O_CLOEXEC, 0o666)
    except OSError as error:
        raise ConfigError(f"{url} cannot be written: {error.strerror}") from error
    try:
        _take(lock, url)
        yield
    finally:
        fcntl.flock(lock, fcntl.LOCK_UN)  # also for a process that was forked meanwhile and has it too
        os.close(lock)


def _take(lock: int, url: str) -> None:
    pauses, end = growing(*POLL, GROWTH), time.monotonic() + LOCKED
    while not _taken(lock):
        if time.monotonic() > end:
            raise WaitTimeout(f"{url}: locked by another process for {LOCKED:g} s")
        time.sleep(random.uniform(0, next(pauses)))


def _taken(lock: int) -> bool:
    try:
        fcntl.flock(lock, fcntl.LOCK_EX | fcntl.LOCK_NB)
    except BlockingIOError:
        return False
    return True


def _replace(path: Path, data: bytes) -> None:
    """Put ``data`` under the name of ``path`` at once; what a killed process left is written over."""
    new = path.with_name(f".{path.name}.new")
    try:
        with new.open("wb") as file:
            file.write(data)
            file.flush()
            os.fsync(file.fileno())  # before the name: after a power cut there would be an empty file
        new.replace(path)
    except OSError as error:
        raise ConfigError(f"{path} cannot be written: {error.strerror}") from error
