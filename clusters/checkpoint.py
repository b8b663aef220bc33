"""A collection kept in staging, partition by partition: what is there when a cluster is lost is not computed again."""

from __future__ import annotations

import datetime
import logging
from collections.abc import Callable
from typing import Any, TypeVar
from urllib.parse import quote, unquote

import fsspec
from dask._task_spec import GraphNode, Task, TaskRef, convert_legacy_graph, fuse_linear_task_spec
from dask.base import collections_to_expr, compute, is_dask_collection
from dask.core import flatten
from dask.delayed import Delayed
from dask.tokenize import tokenize

from .config import resolve, user
from .errors import CheckpointError
from .fields import seconds
from .identity import identities
from .stored import listing

Collection = TypeVar("Collection")
log = logging.getLogger(__name__)


def checkpoint(name: str, collection: Collection, *, staging: str = "") -> Collection:
    """Compute ``collection`` into staging and return one of the same kind that reads from there.

    Each partition is written as soon as it is computed, whole or not at all. Called again, in this kernel or another,
    on this cluster or the next, it computes only what is missing. Which partition is which, its computation says (see
    `dask_dataproc.clusters.identity`), not its number: one that is computed in another way than last time is computed
    anew, and what it replaces is removed.

    Parameters
    ----------
    name : str
        Yours; two different computations of one name replace each other.
    collection : DataFrame, Series, Bag, Array, Delayed or another collection of Dask
    staging : str, optional
        fsspec URL of a folder that the workers reach; that of the current client's cluster, else the configured one.

    Raises
    ------
    CheckpointError
        ``collection`` is none, or the client is asynchronous.

    Examples
    --------
    >>> cleaned = checkpoint("cleaned", orders.map_partitions(clean))  # doctest: +SKIP
    """
    if not is_dask_collection(collection):
        given = type(collection).__name__
        raise CheckpointError(
            f"checkpoint {name}: {given} given, allowed is a collection of Dask", "dask.delayed(f)(x)"
        )
    folder = _Folder(name, staging)
    optimized, graph, keys = _optimized(collection)
    known = identities(graph)
    folder.complete(graph, {key: known[key] for key in keys})
    read = _reader()
    rebuild, state = optimized.__dask_postpersist__()  # as of futures, so of tasks that read what was written
    return rebuild({key: Task(key, read, folder.file(known[key])) for key in keys}, *state)


def forget_checkpoint(name: str, *, staging: str = "") -> bool:
    """Remove the checkpoint ``name``; return whether there was one.

    Parameters
    ----------
    name, staging : str
        As of `checkpoint`.
    """
    folder = _Folder(name, staging)
    return name in _names(folder) and folder.remove()


def forget_checkpoints(older_than: str, *, staging: str = "") -> list[str]:
    """Remove those of your checkpoints that were last written to ``older_than`` ago or before; return their names.

    Parameters
    ----------
    older_than : str
        A duration, such as ``14d``.
    staging : str, optional
        As of `checkpoint`.
    """
    since = datetime.datetime.now(datetime.UTC) - datetime.timedelta(seconds=seconds(older_than))
    folders = [_Folder(name, staging) for name in _names(_Folder("", staging))]
    return [folder.name for folder in folders if folder.written() <= since and folder.remove()]


class _Folder:
    """Where the partitions of a checkpoint lie: ``{staging}/checkpoints/{user}/{name}/{identity}``."""

    def __init__(self, name: str, staging: str):
        self.name = name
        self.base = f"{(staging or _current_staging(name)).rstrip('/')}/checkpoints/{user()}"
        self._url = f"{self.base}/{quote(name, safe='')}"
        self.filesystem, self._path = fsspec.core.url_to_fs(self._url)

    def file(self, identity: str) -> str:
        """Return the URL of a partition."""
        return f"{self._url}/{identity}"

    def there(self) -> set[str]:
        """Return the names of the files that are there."""
        self.filesystem.invalidate_cache()
        return set(listing(self.filesystem, self._path))

    def complete(self, graph: dict[Any, GraphNode], wanted: dict[Any, str]) -> None:
        """Compute the partitions of ``graph`` that are ``wanted`` and not there; remove what is not wanted."""
        there = self.there()
        missing = {identity: key for key, identity in wanted.items() if identity not in there}
        log.log(*_said(self.name, there, set(wanted.values())))
        if missing:
            write = _writer()
            tasks = {("write", i): Task(("write", i), write, self.file(i), TaskRef(key)) for i, key in missing.items()}
            result = f"checkpoint-{tokenize(self._url, *missing)}"
            all_of_them = Task(result, max, 0, *map(TaskRef, tasks))
            # In one task where that can be: a worker would rather begin the next partition than write the last.
            joined = fuse_linear_task_spec({**graph, **tasks, result: all_of_them}, {result})
            compute(Delayed(result, joined))
        for name in self.there() - set(wanted.values()):
            self.filesystem.rm_file(f"{self._path}/{name}")

    def written(self) -> datetime.datetime:
        """Return when the last of its files was."""
        return max(self.filesystem.modified(f"{self._path}/{name}") for name in self.there())

    def remove(self) -> bool:
        """Remove it; return True."""
        self.filesystem.rm(self._path, recursive=True)
        return True


def _optimized(collection: Any) -> tuple[Any, dict[Any, GraphNode], list[Any]]:
    """Return ``collection`` as Dask would compute it, its tasks, and the keys of its partitions in order."""
    if hasattr(type(collection), "optimize"):  # a frame, which may have other partitions then
        collection = collection.optimize()
        expression = collection.expr
    else:
        expression = collections_to_expr(collection).optimize()
    graph: Any = expression.__dask_graph__()
    return collection, convert_legacy_graph(graph), list(flatten(expression.__dask_keys__()))


def _names(folder: _Folder) -> list[str]:
    """Return the names of all the checkpoints beside ``folder``."""
    folder.filesystem.invalidate_cache()
    _, base = fsspec.core.url_to_fs(folder.base)
    return sorted({unquote(path.partition("/")[0]) for path in listing(folder.filesystem, base)})


def _said(name: str, there: set[str], wanted: set[str]) -> tuple[int, str]:
    kept, number = len(wanted & there), len(wanted)
    if kept == number:
        return logging.INFO, f"checkpoint {name}: all {number} partitions are in staging"
    if there - wanted:
        what = f"{number - kept} of {number} partitions are computed in another way than last time, and so anew"
        return logging.WARNING, f"checkpoint {name}: {what}"
    return logging.INFO, f"checkpoint {name}: {kept} of {number} partitions are in staging, the others are computed"


def _current_staging(name: str) -> str:
    """Return the staging folder of the current client's cluster, else the configured one."""
    from distributed import default_client

    try:
        client = default_client()
    except ValueError:
        return resolve().staging
    if client.asynchronous:
        raise CheckpointError(f"checkpoint {name}: the client is asynchronous", "Client(cluster)")
    spec = getattr(client.cluster, "spec", None)
    return getattr(spec, "staging", "") or resolve().staging


# What runs on workers is made within functions, so that it travels by value: this package is not on the nodes.


def _writer() -> Callable[[str, Any], int]:
    def write(url: str, value: Any) -> int:
        """Put ``value`` into the file ``url``, whole or not at all; return its bytes."""
        import os
        import uuid

        import fsspec
        from distributed.protocol.serialize import serialize_bytes

        filesystem, path = fsspec.core.url_to_fs(url)
        data = serialize_bytes(value)
        if "file" not in filesystem.protocol:  # an object is there once it is complete
            filesystem.pipe_file(path, data)
            return len(data)
        spare = f"{path}.{uuid.uuid4().hex}"
        filesystem.makedirs(os.path.dirname(path), exist_ok=True)
        filesystem.pipe_file(spare, data)
        os.replace(spare, path)
        return len(data)

    return write


def _reader() -> Callable[[str], Any]:
    def read(url: str) -> Any:
        import fsspec
        from distributed.protocol.serialize import deserialize_bytes

        filesystem, path = fsspec.core.url_to_fs(url)
        return deserialize_bytes(filesystem.cat_file(path))

    return read
