"""How a client finds the scheduler: the connection file that the cluster's head leaves in staging."""

from __future__ import annotations

import asyncio
import contextlib
import json
import shutil
from collections.abc import Awaitable, Callable
from dataclasses import dataclass, field
from typing import TYPE_CHECKING

from .paths import local_path
from .pauses import growing

if TYPE_CHECKING:
    from distributed.security import Security

LOCAL_POLL, REMOTE_POLL = (0.003, 0.3), (1.0, 1.0)
"""First and longest seconds between two looks for a connection."""


@dataclass(frozen=True, slots=True)
class Connection:
    """A scheduler's address and the keys to it; the keys are in no repr.

    Attributes
    ----------
    scheduler : str
        ``tls://host:port``.
    dashboard : str
        ``https://host:port``, for holders of the keys; on loopback, the emulator's, ``http://host:port``.
    certificate, key : str
        PEM.
    """

    scheduler: str
    dashboard: str
    certificate: str = field(repr=False)
    key: str = field(repr=False)

    def security(self) -> Security:
        """Return Dask's TLS settings for a client."""
        from distributed.security import Security

        return Security(
            tls_ca_file=self.certificate,
            tls_client_cert=self.certificate,
            tls_client_key=self.key,
            require_encryption=True,
        )


async def find(staging: str, uuid: str) -> Connection:
    """Return the connection of cluster ``uuid`` as soon as its head has published it; the caller bounds the wait."""
    read, poll = _reader(f"{_folder(staging, uuid)}/connection.json")
    pauses = growing(*poll)
    while True:
        try:
            said = json.loads(await read())
            return Connection(**{name: said[name] for name in Connection.__dataclass_fields__})
        except FileNotFoundError:
            await asyncio.sleep(next(pauses))


async def published(staging: str, uuid: str) -> bool:
    """Return whether there is a connection of cluster ``uuid``, be it of a head that has gone."""
    read, _ = _reader(f"{_folder(staging, uuid)}/connection.json")
    try:
        await read()
    except FileNotFoundError:
        return False
    return True


async def forget(staging: str, uuid: str) -> None:
    """Remove what cluster ``uuid`` left in staging, if that may be done: the keys of one that has gone open nothing."""
    folder = _folder(staging, uuid)
    path = local_path(folder)
    if path is not None:
        shutil.rmtree(path, ignore_errors=True)
        return

    def remote() -> None:
        import fsspec

        filesystem, target = fsspec.core.url_to_fs(folder)
        filesystem.rm(target, recursive=True)

    with contextlib.suppress(Exception):  # each file system has its own errors
        await asyncio.to_thread(remote)


async def sweep(staging: str, place: str, living: Callable[[], Awaitable[set[str]]]) -> None:
    """Remove what clusters left in staging that ended by their leases, when nobody was there to `forget` them.

    Parameters
    ----------
    staging : str
    place : str
        ``PROJECT/REGION``: clusters elsewhere, which may share the folder, are left alone.
    living : callable
        Returns the uuids of the clusters of ``place``; asked after the folder is read, so that none is too new for it.
    """
    left = await asyncio.to_thread(left_of, staging)
    for uuid in left - await living() if left else ():
        read, _ = _reader(f"{_folder(staging, uuid)}/connection.json")
        with contextlib.suppress(FileNotFoundError, ValueError):
            if json.loads(await read()).get("place") == place:
                await forget(staging, uuid)


def left_of(staging: str) -> set[str]:
    """Return the uuids of the clusters that have something in staging, living or not."""
    folder = f"{staging.rstrip('/')}/clusters"
    path = local_path(folder)
    if path is not None:
        return {found.name for found in path.glob("*")}
    import fsspec

    filesystem, target = fsspec.core.url_to_fs(folder)
    with contextlib.suppress(FileNotFoundError):
        return {found.rstrip("/").rpartition("/")[2] for found in filesystem.ls(target, detail=False)}
    return set()


def _folder(staging: str, uuid: str) -> str:
    return f"{staging.rstrip('/')}/clusters/{uuid}"


def _reader(url: str) -> tuple[Callable[[], Awaitable[str | bytes]], tuple[float, float]]:
    path = local_path(url)
    if path is not None:

        async def local() -> str:
            return path.read_text()

        return local, LOCAL_POLL

    def remote() -> bytes:
        import fsspec

        filesystem, target = fsspec.core.url_to_fs(url)
        filesystem.invalidate_cache()
        return filesystem.cat_file(target)

    return lambda: asyncio.to_thread(remote), REMOTE_POLL
