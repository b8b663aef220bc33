"""The data that are looked at: which files, of which types, how old, and the Dask frame of them."""

from __future__ import annotations

from collections.abc import Mapping
from concurrent.futures import ThreadPoolExecutor
from dataclasses import dataclass, field
from datetime import UTC, datetime
from typing import Any

import pyarrow as pa
import pyarrow.parquet as pq
from pyarrow import types

from ...clusters.errors import InputError
from ...clusters.inputs import AT_ONCE, FORMATS
from ...clusters.listing import Listed, listed, one_line
from .publish import published

WORDS = (
    (types.is_boolean, "bool"),
    (types.is_decimal, "decimal"),
    (types.is_date, "date"),
    (types.is_timestamp, "timestamp"),
    (types.is_time, "time"),
    (types.is_duration, "duration"),
    (types.is_map, "map"),
    (types.is_struct, "struct"),
    (lambda kind: types.is_nested(kind), "list"),
    (lambda kind: types.is_string(kind) or types.is_large_string(kind) or types.is_string_view(kind), "string"),
    (lambda kind: "binary" in str(kind), "binary"),
)
ABSENT = (FileNotFoundError, NotADirectoryError)
"""What file systems say where nothing is: the cause of the `InputError` that tells so."""
FLOATS = {"halffloat": "float16", "float": "float32", "double": "float64"}


@dataclass(slots=True)
class Dataset:
    """Files of one format.

    Attributes
    ----------
    path, format : str
    files : Listed
    types : dict of str to str
        Columns and the words for their types.
    odd : dict of str to str
        Columns that are not alike in all files, and how.
    rows : int or None
        What the files say of themselves; None where they say nothing.
    """

    path: str
    format: str
    files: Listed
    types: dict[str, str] = field(default_factory=dict)
    odd: dict[str, str] = field(default_factory=dict)
    rows: int | None = None

    def frame(self) -> Any:
        """Return the Dask frame of all of it."""
        import dask.dataframe as dd

        urls = [self.files.filesystem.unstrip_protocol(name) for name in sorted(self.files.sizes)]
        if self.format == "parquet":
            return dd.read_parquet(urls)
        if self.format == "json":
            return dd.read_json(urls, lines=True)
        return dd.read_csv(urls)

    def newest(self) -> float:
        """Return when the newest file was written, in Unix seconds."""
        about = self.files.filesystem.find(self.files.inside, detail=True)
        return max(_written(about[name]) for name in self.files.sizes if name in about)


def dataset_at(path: str) -> Dataset:
    """Return the data at ``path``: Parquet, CSV, or JSON by lines.

    Raises
    ------
    InputError
        Nothing is there, it may not be read, or it is of no such format.
    """
    try:
        files = _listed(path)
        format = _format(path, files)
        made = Dataset(path, format, files)
        _parquet(made) if format == "parquet" else _text(made)
    except ABSENT as error:
        raise InputError(f"{path}: nothing is there", "a folder of Parquet, CSV or JSON files") from error
    except (OSError, pa.ArrowException, ValueError) as error:
        raise InputError(f"{path}: it cannot be read: {one_line(error)}") from error
    return made


def _listed(path: str) -> Listed:
    """Return the files, of a publication in an object store those that its manifest names."""
    found = listed(path, {})
    named = published(path) if not any(mark in path for mark in "*?[") else path
    if isinstance(named, str):
        return found
    inside = {found.filesystem._strip_protocol(name) for name in named}
    sizes = {name: size for name, size in found.sizes.items() if name in inside}
    return Listed(found.filesystem, found.path, found.inside, sizes)


def _format(path: str, files: Listed) -> str:
    found = {format for suffix, format in FORMATS.items() if any(_is_of(name, suffix) for name in files.sizes)}
    if len(found) != 1:
        said = f"files of several formats: {', '.join(sorted(found))}" if found else "no Parquet, CSV or JSON files"
        raise InputError(f"{path}: {said}", f"{path.rstrip('/')}/*.parquet")
    return found.pop()


def _is_of(name: str, suffix: str) -> bool:
    return name.endswith(suffix) or f"{suffix}." in name.rpartition("/")[2]


def _parquet(made: Dataset) -> None:
    names = sorted(made.files.sizes)
    with ThreadPoolExecutor(AT_ONCE) as pool:
        footers = list(pool.map(lambda name: _footer(made.files.filesystem, name), names))
    made.rows = sum(rows for _, rows in footers)
    made.types = dict(footers[0][0])
    for name, (found, _) in zip(names, footers, strict=True):
        for column in {*made.types, *found}:
            here, first = found.get(column, "missing"), made.types.get(column, "missing")
            if here != first and column not in made.odd:
                made.odd[column] = f"{here} in {_base(name)}, {first} in {_base(names[0])}"
    for column in made.odd:
        made.types.setdefault(column, "missing")
    made.types |= dict.fromkeys(made.files.keys, "string")


def _footer(filesystem: Any, name: str) -> tuple[dict[str, str], int]:
    with filesystem.open(name) as file:
        footer = pq.ParquetFile(file)
        return words(footer.schema_arrow), footer.metadata.num_rows


def _text(made: Dataset) -> None:
    made.types = words(pa.Schema.from_pandas(made.frame()._meta_nonempty, preserve_index=False))


def words(schema: pa.Schema) -> dict[str, str]:
    """Return the words for the types of a schema, by column; pandas' own index is none."""
    named = {field.name: word(field.type) for field in schema}
    return {name: kind for name, kind in named.items() if not name.startswith("__index_level_")}


def word(kind: pa.DataType) -> str:
    """Return the word for an Arrow type."""
    if types.is_dictionary(kind):
        return word(kind.value_type)
    found = next((said for holds, said in WORDS if holds(kind)), str(kind))
    return FLOATS.get(found, found)


def _base(name: str) -> str:
    return name.rpartition("/")[2]


def _written(about: Mapping[str, Any]) -> float:
    said = about.get("mtime") or about.get("updated") or about.get("LastModified") or about.get("created") or 0.0
    if isinstance(said, str):
        said = datetime.fromisoformat(said)
    return said.astimezone(UTC).timestamp() if isinstance(said, datetime) else float(said)
