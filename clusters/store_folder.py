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
from collections.abc import Iterator
from pathlib import Path

from .errors import ConfigError, WaitTimeout
from .paths import local_path
from .pauses import growing

LOCKED = 10.0
"""Seconds to wait for a lock: it is held for a few milliseconds, unless its holder was stopped."""
POLL = (0.0005, 0.02)
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
        path = _path(url)
        try:
            path.parent.mkdir(parents=True, exist_ok=True)
            with _locked(path):
                if self.read(url)[1] != version:
                    return False
                _replace(path, data)
        except OSError as error:
            raise ConfigError(f"{url} cannot be written: {error.strerror}") from error
        return True

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
def _locked(path: Path) -> Iterator[None]:
    """Hold the lock of ``path``, a file beside it that stays: to remove it would let two hold it."""
    lock = os.open(path.with_name(f".{path.name}.lock"), os.O_RDWR | os.O_CREAT | os.O_CLOEXEC, 0o666)
    try:
        _take(lock, path)
        yield
    finally:
        os.close(lock)


def _take(lock: int, path: Path) -> None:
    pauses, end = growing(*POLL), time.monotonic() + LOCKED
    while True:
        try:
            return fcntl.flock(lock, fcntl.LOCK_EX | fcntl.LOCK_NB)
        except BlockingIOError:
            if time.monotonic() > end:
                raise WaitTimeout(f"{path}: locked by another process for {LOCKED:g} s") from None
        time.sleep(random.uniform(0, next(pauses)))


def _replace(path: Path, data: bytes) -> None:
    """Put ``data`` under the name of ``path``, at once and lasting; what a killed process left is written over."""
    new = path.with_name(f".{path.name}.new")
    with new.open("wb") as file:
        file.write(data)
        file.flush()
        os.fsync(file.fileno())
    new.replace(path)
    folder = os.open(path.parent, os.O_RDONLY)
    try:
        os.fsync(folder)
    finally:
        os.close(folder)
