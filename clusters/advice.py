"""How an input should be cut into partitions, and what to type for it. Pure."""

from __future__ import annotations

import math
from dataclasses import dataclass

from .dataset import Input, in_words
from .forecast import PARTITION

LOW, HIGH = 100_000_000, 200_000_000
"""Bytes in memory that a partition should have: Dask advises some 100 MB, several of them for each thread."""
READERS = {"parquet": "dd.read_parquet", "csv": "dd.read_csv", "json": "dd.read_json"}


@dataclass(frozen=True, slots=True)
class Partitions:
    """How data should be cut.

    Attributes
    ----------
    count : int
        Partitions, at least 1.
    bytes : float
        Of each in memory, on the whole.
    read : str
        What to type; empty where no reader of Dask's is known.
    reasons : tuple of str
        In words, never empty.
    """

    count: int
    bytes: float
    read: str
    reasons: tuple[str, ...]


def partitions(input: Input, threads: int) -> Partitions:
    """Return how ``input`` should be cut for workers of ``threads`` in all."""
    decoded = max(1.0, input.decoded.mid)
    count = max(1, math.ceil(decoded / PARTITION))
    if count < threads:  # smaller ones rather than idle threads, down to where a task is its own overhead
        count = max(count, min(threads, math.ceil(decoded / (PARTITION / 4))))
    if input.pieces is not None:
        count = min(count, input.pieces)
    each = decoded / count
    cut = "one partition" if count == 1 else f"{count} partitions"
    reasons = [f"{cut} of {in_words(each)} in memory"]
    if input.largest_piece > HIGH:
        reasons.append(_too_large(input))
    elif input.pieces is not None and input.pieces > 2 * count:
        reasons.append(f"its {input.pieces} pieces are small ({in_words(decoded / input.pieces)}): several in each")
    return Partitions(count, each, _read(input, count), tuple(reasons))


def _read(input: Input, count: int) -> str:
    reader = READERS.get(input.format)
    if reader is None:
        return ""
    if input.format != "parquet" and input.compression:
        return f'{reader}("{input.path}", blocksize=None)' + ("" if input.format == "csv" else ", lines=True")
    stored = max(1, round(input.unpacked / count / 1e6))
    lines = ", lines=True" if input.format == "json" else ""
    return f'{reader}("{input.path}"{lines}, blocksize="{stored}MB")'


def _too_large(input: Input) -> str:
    large = in_words(input.largest_piece)
    if input.format == "parquet":
        rows = round((input.rows or 0) * PARTITION / max(1.0, input.decoded.mid))
        return f"its largest row group has {large} in memory: write it anew with row groups of {rows:,} rows"
    return f"its largest file has {large} in memory and cannot be cut: unpack it, or write smaller files"
