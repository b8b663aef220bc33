"""ADR-002's optimizations by workload, and where each has a place in today's Dask: on workers, the head, or the client.

What has no place is in the table too, with what stands in for it. Pure: it is read on nodes and in notebooks alike.
"""

from __future__ import annotations

from collections.abc import Collection, Mapping
from typing import Any, NamedTuple

MB, GB = 10**6, 10**9


class Choice(NamedTuple):
    """One line of ADR-002's table for a workload.

    Attributes
    ----------
    name, given : str
        As ADR-002 has them.
    note : str
        What it comes to, or what stands in for it.
    workers, head, client : dict
        Dask settings in the workers, in the scheduler, and in the process of whoever uses the cluster.
    """

    name: str
    given: str
    note: str
    workers: Mapping[str, Any] = {}
    head: Mapping[str, Any] = {}
    client: Mapping[str, Any] = {}


CHUNK = "array.chunk-size"
PARTITION = "dataframe.parquet.minimum-partition-size"
WIRE, SPILLED = "distributed.comm.compression", "distributed.worker.memory.spill-compression"
TARGET, SPILL = "distributed.worker.memory.target", "distributed.worker.memory.spill"
BY_MEMORY = (CHUNK, PARTITION)
"""What the partitioning ``by_memory`` sets, as soon as the memory is known."""
SHARE, LEAST, MOST = 16, 128 * MB, 512 * MB
"""``by_memory``: the part of a thread's memory that one partition is, so that input, copies, result and what is kept
of earlier ones have room beside each other; and its bounds in bytes, the lower one being that of ETL."""
FALLBACK = "auto"
"""Dask's own choice of what is installed: lz4, snappy, or no compression."""


def _compression(given: str, codec: str, note: str) -> Choice:
    """Return the choice of ``codec`` for what is spilled, and between the notebook and the head.

    Not between the workers: there it took longer than it saved (benchmarks/profiles.py).
    """
    return Choice("compression", given, note, workers={SPILLED: codec}, head={WIRE: codec}, client={WIRE: codec})


def _shuffle(given: str, note: str) -> Choice:
    """Return the choice of p2p, which is Dask's own while a client is there: a setting would outlast that."""
    return Choice("shuffle", given, note)


PROFILES: dict[str, tuple[Choice, ...]] = {
    "interactive": (),
    "etl": (
        Choice(
            "partitioning",
            "by_input_size",
            "small Parquet files are read together up to 128 MB (filesystem='arrow'); read_csv: blocksize='128MB'",
            client={PARTITION: 128 * MB, CHUNK: 128 * MB},
        ),
        Choice("persistence", "memory_and_disk", "every node's fractions: to disk from 0.85 of a worker's memory on"),
        Choice("serialization", "pickle", "Dask's own for data: pickle 5, its buffers beside it and not copied"),
        _compression("lz4", "lz4", "what is spilled, and between notebook and head; not between workers"),
        _shuffle("tasks", "p2p, which came after ADR-002: as many tasks as partitions, and bounded memory"),
    ),
    "ml": (
        Choice("partitioning", "by_memory", f"a {SHARE}th of the memory of a worker's thread, 128 to 512 MB"),
        Choice(
            "persistence",
            "memory_only",
            "spills only what the process has no room for: with no spilling at all its worker would stay paused for"
            " good; arrays are rechunked in memory",
            workers={TARGET: False},
            client={"distributed.p2p.storage.disk": False},
        ),
        Choice("serialization", "cloudpickle", "Dask's own for functions, and for what pickle cannot do"),
        _compression("blosc", "lz4", "Dask has no blosc; its lz4 leaves alone what a sample does not shrink by 30 %"),
        _shuffle("p2p", "the same today"),
    ),
    "analytics": (
        Choice("partitioning", "by_cpu", "no setting: df.repartition(npartitions=3 * sum(client.nthreads().values()))"),
        Choice(
            "persistence",
            "disk_only",
            "to disk from 0.6 of a worker's memory on, Dask's own fraction: queries get the rest; Dask does not tell"
            " what is persisted from what a query is about to use, so that all of it on disk would be read at once",
            workers={TARGET: 0.6, SPILL: 0.7},
        ),
        Choice("serialization", "arrow", "text is in Arrow columns", client={"dataframe.convert-string": True}),
        _compression("zstd", "zstd", "what is spilled, and between notebook and head; not between workers"),
        _shuffle("disk", "p2p, whose partitions wait on the workers' disks; Dask's 'disk' is for one machine"),
    ),
}


def on_workers(workload: str, codecs: Collection[Any]) -> dict[str, Any]:
    """Return the settings of a worker.

    Parameters
    ----------
    workload : str
        One without a profile, such as a later version's, has no settings.
    codecs : collection of str
        What this process can compress with: ``distributed.protocol.compression.compressions``. In place of another
        one it is Dask's own choice; `missing` tells.
    """
    return _settings(workload, "workers", codecs)


def on_head(workload: str, codecs: Collection[Any]) -> dict[str, Any]:
    """Return the settings of the scheduler; parameters as of `on_workers`."""
    return _settings(workload, "head", codecs)


def on_client(workload: str, codecs: Collection[Any], thread_memory: int | None) -> dict[str, Any]:
    """Return the settings of the process that uses the cluster.

    Parameters
    ----------
    workload, codecs
        As of `on_workers`.
    thread_memory : int or None
        Bytes of a worker's memory for each of its threads, None where that is not known.
    """
    found = _settings(workload, "client", codecs)
    partitioning = {choice.given for choice in PROFILES.get(workload, ()) if choice.name == "partitioning"}
    if partitioning == {"by_memory"} and thread_memory is not None:
        found |= dict.fromkeys(BY_MEMORY, min(max(thread_memory // SHARE, LEAST), MOST))
    return found


def missing(workload: str, codecs: Collection[Any]) -> str:
    """Return what is to be said of the workload's codec if this process does not have it; '' if it does."""
    asked = {codec for side in ("workers", "head", "client") for codec in _codecs(workload, side).values()}
    lacking = ", ".join(sorted(asked - set(codecs)))
    return f"{lacking} is not installed here, which workload {workload} asks for: Dask takes what is" if lacking else ""


def _settings(workload: str, side: str, codecs: Collection[Any]) -> dict[str, Any]:
    lacking = {name: FALLBACK for name, codec in _codecs(workload, side).items() if codec not in codecs}
    return _asked(workload, side) | lacking


def _codecs(workload: str, side: str) -> dict[str, str]:
    return {name: codec for name, codec in _asked(workload, side).items() if name in (WIRE, SPILLED)}


def _asked(workload: str, side: str) -> dict[str, Any]:
    found: dict[str, Any] = {}
    for choice in PROFILES.get(workload, ()):
        found |= getattr(choice, side)
    return found
