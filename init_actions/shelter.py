"""The shelter: a worker on the head's machine that runs no task and keeps in staging what else would be lost.

When the last workers leave, their data has nowhere to go. A process is started then that is a worker to the scheduler:
what it holds counts as in memory, so no future is cancelled and nothing is computed again. Its values are files in
staging. The next worker that joins takes them over, and the shelter ends.
"""

from __future__ import annotations

import asyncio
import hashlib
import json
import sys
from collections.abc import Iterator, MutableMapping
from typing import Any

import fsspec
from distributed import Worker
from distributed.core import Status
from distributed.protocol.serialize import deserialize_bytes, serialize_bytes

from . import connection


class Staged(MutableMapping[Any, Any]):
    """Values by key, each a file.

    Parameters
    ----------
    folder : str
        URL of the folder; it is made if need be.
    """

    def __init__(self, folder: str):
        self._fs, self._folder = fsspec.core.url_to_fs(folder)
        self._fs.makedirs(self._folder, exist_ok=True)
        self._paths: dict[Any, str] = {}

    def __setitem__(self, key: Any, value: Any) -> None:
        path = f"{self._folder}/{hashlib.sha256(repr(key).encode()).hexdigest()}"
        self._fs.pipe_file(path, serialize_bytes(value))
        self._paths[key] = path

    def __getitem__(self, key: Any) -> Any:
        return deserialize_bytes(self._fs.cat_file(self._paths[key]))

    def __delitem__(self, key: Any) -> None:
        self._fs.rm_file(self._paths.pop(key))

    def __iter__(self) -> Iterator[Any]:
        return iter(self._paths)

    def __len__(self) -> int:
        return len(self._paths)


_status: Any = Worker.status  # a property; super() can read but not set one


class Shelter(Worker):
    """A worker that is paused from the beginning: it gives and takes data, and gets no task."""

    @property
    def status(self) -> Status:
        """Where Dask would let it run, it is paused."""
        return super().status

    @status.setter
    def status(self, value: Status) -> None:
        _status.__set__(self, Status.paused if value == Status.running else value)


async def main(told: dict[str, str]) -> None:
    """Be the shelter of the scheduler that ``told`` names until it has closed us or is gone."""
    data = Staged(told["folder"])
    async with Shelter(
        told["scheduler"],
        name=told["name"],
        nthreads=1,
        memory_limit=0,
        security=connection.security(told),
        host=told["host"],
        data=data,
        dashboard=False,
        dashboard_address="127.0.0.1:0",  # its metrics are not for all who reach the machine
    ) as shelter:
        sys.stdout.write(f"{shelter.address}\n")
        sys.stdout.flush()
        await shelter.finished()
    data.clear()  # moved, or of no use without its scheduler


if __name__ == "__main__":
    asyncio.run(main(json.load(sys.stdin)))
