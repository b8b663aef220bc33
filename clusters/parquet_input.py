"""What Parquet files become in memory: fixed-width columns by the footers, texts and nested ones by a few rows.

A footer says how large a column is when it is decompressed, not when it is decoded: a dictionary-encoded text of 20
bytes takes a byte or less in the file and 28 in memory. So the widths of such columns are measured on some rows,
converted as `dask.dataframe.read_parquet` converts them.
"""

from __future__ import annotations

from dataclasses import dataclass, field
from statistics import median
from typing import Any

import pandas as pd
import pyarrow as pa
import pyarrow.parquet as pq
from dask.sizeof import sizeof

ROWS = 20_000
"""Rows that are decoded of one file: the mean is known to 1 % where widths vary as much as they are."""
BUFFER = 1 << 18
"""Bytes read at a time of a column, so that a few rows of a large row group do not fetch all of it."""
GUESSES = 9
"""Times that Dask is asked for a size, of which it guesses that of Python objects from some that it takes at random."""
VALIDITY = 1 / 8
"""Bytes a value's null bit takes in Arrow."""
TEXT = {pa.string(): pd.StringDtype("pyarrow"), pa.large_string(): pd.StringDtype("pyarrow")}


@dataclass(frozen=True, slots=True)
class Footer:
    """What one file's footer says.

    Attributes
    ----------
    bytes, rows, row_groups : int
        Of the file.
    largest_rows : int
        Rows of its largest row group.
    uncompressed : int
        Bytes of all columns, decompressed but still encoded.
    codec : str
        Of its first column, empty for none.
    fixed : float
        Bytes a row takes in memory for all fixed-width columns.
    variable : tuple of str
        Top-level columns whose width a footer cannot say.
    """

    bytes: int
    rows: int
    row_groups: int
    largest_rows: int
    uncompressed: int
    codec: str
    fixed: float
    variable: tuple[str, ...] = field(default=())


def read_footer(filesystem: Any, name: str, size: int) -> Footer:
    """Return what the footer of file ``name`` says.

    Raises
    ------
    ValueError, OSError
        It is no Parquet file (``pyarrow.ArrowInvalid`` is a ValueError), or it cannot be read.
    """
    with filesystem.open(name, "rb") as opened, pq.ParquetFile(opened) as file:
        meta, schema = file.metadata, file.schema_arrow
        groups = [meta.row_group(i) for i in range(meta.num_row_groups)]
        nulls = _columns_with_nulls(groups)
        widths = {column.name: _width(column.type, column.name in nulls) for column in schema}
        codec = groups[0].column(0).compression.lower() if groups and groups[0].num_columns else ""
        return Footer(
            bytes=size,
            rows=meta.num_rows,
            row_groups=len(groups),
            largest_rows=max((group.num_rows for group in groups), default=0),
            uncompressed=sum(group.total_byte_size for group in groups),
            codec="" if codec == "uncompressed" else codec,
            fixed=sum(width for width in widths.values() if width is not None),
            variable=tuple(name for name, width in widths.items() if width is None),
        )


def measured_width(filesystem: Any, name: str, columns: tuple[str, ...]) -> float | None:
    """Return the bytes that ``columns`` take a row in memory, in the file's middle; None where there is no row."""
    with filesystem.open(name, "rb") as opened, pq.ParquetFile(opened, buffer_size=BUFFER) as file:
        groups = [i for i in range(file.metadata.num_row_groups) if file.metadata.row_group(i).num_rows]
        if not groups:
            return None
        middle = [groups[len(groups) // 2]]
        batch = next(file.iter_batches(batch_size=ROWS, row_groups=middle, columns=list(columns), use_threads=False))
        frame = pa.Table.from_batches([batch]).to_pandas(types_mapper=_as_dask_has_it, ignore_metadata=True)
        size = median(sizeof(frame) for _ in range(GUESSES))
        return (size - sizeof(frame.iloc[:0])) / len(frame)


def _as_dask_has_it(kind: pa.DataType) -> Any:
    """Return the pandas type of an Arrow one where Dask does not take pandas' own choice."""
    if pa.types.is_date(kind) or pa.types.is_decimal(kind):
        return pd.ArrowDtype(kind)
    return TEXT.get(kind)


def _columns_with_nulls(groups: list[Any]) -> set[str]:
    """Return the top-level columns that have nulls; those that say nothing of them are taken to have none."""
    found = set()
    for group in groups:
        for i in range(group.num_columns):
            column = group.column(i)
            if column.statistics is not None and column.statistics.null_count:
                found.add(column.path_in_schema.partition(".")[0])
    return found


def _width(kind: pa.DataType, nulls: bool) -> float | None:
    """Return the bytes of one value in pandas, None where that depends on the value."""
    if pa.types.is_integer(kind) or pa.types.is_floating(kind):
        return 8.0 if nulls and pa.types.is_integer(kind) else kind.bit_width / 8
    if pa.types.is_boolean(kind) and not nulls:
        return 1.0
    if pa.types.is_timestamp(kind) or pa.types.is_duration(kind):
        return 8.0
    if pa.types.is_date(kind) or pa.types.is_decimal(kind):
        return kind.bit_width / 8 + (VALIDITY if nulls else 0)
    return None
