"""Small objects that many processes change and none overwrites: read with a version, swapped only against that one.

A lost answer is part of it: a swap may have happened although it is said that it has not, or although it raised. So
`update` reads again and applies its change to what is there, which must be harmless when the change is in it already.
"""

from __future__ import annotations

import random
import time
from collections.abc import Callable, Iterable
from concurrent.futures import ThreadPoolExecutor
from typing import Protocol, TypeVar

from .errors import ConfigError, WaitTimeout
from .paths import local_path
from .pauses import growing

LIMIT = 60.0
"""Seconds that an update may take."""
GROWTH = 2.0
AT_ONCE = 16
"""Objects of `at_once`."""
Done = TypeVar("Done")
Change = Callable[[bytes | None], bytes | None]
"""Makes an object from what is there; None leaves nothing there."""


class Objects(Protocol):
    """Where the objects of one kind of URL lie."""

    pauses: tuple[float, float]
    """First and longest seconds between two tries of an update."""

    def read(self, url: str) -> tuple[bytes | None, str]:
        """Return what `read` of this module does."""
        ...

    def swap(self, url: str, data: bytes, version: str) -> bool:
        """Return what `swap` of this module does."""
        ...

    def names(self, folder: str) -> list[str]:
        """Return what `names` of this module does."""
        ...

    def put(self, url: str, data: bytes) -> None:
        """Do what `put` of this module does."""
        ...

    def contents(self, folder: str) -> dict[str, bytes]:
        """Return what `contents` of this module does."""
        ...

    def drop(self, url: str) -> None:
        """Do what `drop` of this module does."""
        ...

    def attempt(self, url: str, change: Change) -> tuple[bool, bytes | None]:
        """Try once to let ``change`` make the object from what is there; return whether it is so, and what it made."""
        ...


def read(url: str) -> tuple[bytes | None, str]:
    """Return the object at ``url``, None if there is none, and its version.

    Raises
    ------
    ConfigError
        It cannot be read, or such a URL has no compare-and-swap.
    WaitTimeout
        No answer.
    """
    return _objects(url).read(url)


def swap(url: str, data: bytes, version: str) -> bool:
    """Write ``data`` to ``url`` if the object there is still of ``version``.

    Returns
    -------
    bool
        Whether it was written. False may also mean that it was, the answer was lost and the try after it was refused.

    Raises
    ------
    ConfigError
        It cannot be written, or such a URL has no compare-and-swap.
    WaitTimeout
        No answer: it may have been written.
    """
    return _objects(url).swap(url, data, version)


def update(url: str, change: Change, limit: float = LIMIT) -> bytes | None:
    """Let ``change`` make the object at ``url`` from what is there, and return what it made.

    Parameters
    ----------
    url : str
    change : callable
        Given the object, or None. It may be called again on what others, or a try of its own whose answer was lost,
        have written meanwhile. If it returns what it was given, or None, nothing is written; if it raises neither.
    limit : float
        Seconds.

    Raises
    ------
    ConfigError
        As of `read` and `swap`.
    WaitTimeout
        Not done within ``limit``: others were always quicker, or there was no answer. It may have been written.
    """
    objects = _objects(url)
    pauses = growing(*objects.pauses, GROWTH)
    end = time.monotonic() + limit
    while True:
        why, made = _tried(objects, url, change)
        if not why:
            return made
        pause = random.uniform(0, next(pauses))
        if time.monotonic() + pause > end:
            raise WaitTimeout(f"{url}: not changed within {limit:g} s: {why}", "the same again in a minute")
        time.sleep(pause)


def at_once(act: Callable[[str], Done], urls: Iterable[str]) -> list[Done]:
    """Return what ``act``, a function of this module, returns for each of ``urls``; sixteen at a time are under way."""
    with ThreadPoolExecutor(AT_ONCE) as pool:
        return list(pool.map(act, urls))


def names(folder: str) -> list[str]:
    """Return the names of the objects that lie directly in ``folder``, sorted; none if there is no such folder.

    Raises
    ------
    ConfigError, WaitTimeout
        As of `read`.
    """
    return _objects(folder).names(folder)


def put(url: str, data: bytes) -> None:
    """Write ``data`` to ``url``, where nothing is or the same: an object that is written once and never changed.

    Raises
    ------
    ConfigError, WaitTimeout
        As of `swap`.
    """
    _objects(url).put(url, data)


def contents(folder: str) -> dict[str, bytes]:
    """Return what was `put` directly into ``folder``, by name; none if there is no such folder.

    Raises
    ------
    ConfigError, WaitTimeout
        As of `read`.
    """
    return _objects(folder).contents(folder)


def drop(url: str) -> None:
    """Remove the object at ``url``; that it is gone already is as good.

    Raises
    ------
    ConfigError, WaitTimeout
        It may not be removed, or there is no answer.
    """
    _objects(url).drop(url)


def _tried(objects: Objects, url: str, change: Change) -> tuple[str, bytes | None]:
    """Return why it has to be tried again, if so, and what is there now by ``change``."""
    try:
        done, made = objects.attempt(url, change)
    except WaitTimeout as error:
        return error.message.removeprefix(f"{url}: "), None
    return "" if done else "others change it all the time", made


def _objects(url: str) -> Objects:
    if local_path(url) is not None:
        from .store_folder import FolderObjects

        return FolderObjects()
    scheme = url.partition("://")[0]
    if scheme in ("gs", "gcs"):
        from .store_bucket import BucketObjects

        return BucketObjects()
    allowed = "gs://BUCKET/… or a folder of this machine"
    raise ConfigError(f"{url}: {scheme}:// given, allowed is {allowed}, which can compare and swap", "gs://BUCKET/dask")
