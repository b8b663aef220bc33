"""A look at an input through fsspec: what is there, and what it will be in memory; bounded in bytes and in time.

Nothing is read but the listing, some footers and some blocks: of 64 files at most, so a look at a bucket takes seconds
and costs a fraction of a cent whatever lies there.
"""

from __future__ import annotations

import dataclasses
from collections import Counter
from collections.abc import Callable, Mapping
from concurrent.futures import ThreadPoolExecutor
from pathlib import PurePosixPath
from typing import Any, TypeVar

from .bounded import within
from .dataset import Estimate, Input, extrapolated, in_words
from .errors import InputError, WaitTimeout
from .listing import Listed, listed, one_line
from .parquet_input import Footer, measured_width, read_footer
from .text_input import CODECS, Place, text_places

Result = TypeVar("Result")

FOOTERS = 64
"""Footers that are read, spread over the files by size: the error of a mean of 64 is an eighth of one's own."""
SAMPLED = 8
"""Files of which rows or lines are parsed."""
SPOTS = (0.05, 0.35, 0.65, 0.95)
"""Where in a text file: a file often changes from its beginning to its end."""
AT_ONCE = 16
"""Requests at a time: a bucket answers in some 50 ms, so 64 footers of two requests take half a second."""
PATIENCE = 60.0
"""Seconds that a look may take in all; a bucket lists some 10,000 files a second at best."""
FORMATS = {
    ".parquet": "parquet",
    ".parq": "parquet",
    ".pq": "parquet",
    ".csv": "csv",
    ".tsv": "csv",
    ".tbl": "csv",
    ".json": "json",
    ".jsonl": "json",
    ".ndjson": "json",
}
UNKNOWN_GROWTH = Estimate(1, 3, 10)
"""Of a format that is not looked into: from binary arrays, which stay as they are, to well-packed columns of text."""
KEY_BYTES = 1
"""Bytes that a row's value of a partition key takes: Dask makes it a categorical, of up to 127 values in one byte."""
TEXT_ERROR, PARQUET_ERROR = 0.1, 0.05
"""What no number of samples improves on: types that Dask takes from a file's head, Arrow's padding."""


def look(path: str, storage_options: Mapping[str, Any] | None = None, *, patience: float = PATIENCE) -> Input:
    """Return what is at ``path``.

    Parameters
    ----------
    path : str
        A file, a folder with all below it, or a pattern; of any scheme that fsspec knows.
    storage_options : mapping, optional
        Arguments of the file system.
    patience : float
        Seconds it may take.

    Raises
    ------
    InputError
        Nothing is there, it may not be read, its scheme is not known, a Parquet file is broken (the line names it), or
        the look takes too long.
    """
    try:
        return within(patience, lambda: _look(path, dict(storage_options or {})), path)
    except WaitTimeout as error:
        raise InputError(f"{path}: not looked at within {patience:g} s", "a folder or a pattern in it") from error
    except OSError as error:
        raise _explained(path, error) from error


def _look(path: str, options: dict[str, Any]) -> Input:
    files = listed(path, options)
    formats = {name: _format(name) for name in files.sizes}
    octets = Counter[str]()
    for name, size in files.sizes.items():
        octets[formats[name]] += size
    format = octets.most_common(1)[0][0]
    if format == "other" and _is_parquet(files):
        return _parquet(files, "parquet")
    same = {name: size for name, size in files.sizes.items() if formats[name] == format}
    found = READ[format](dataclasses.replace(files, sizes=same), format)
    rest = files.total - octets[format]
    return _noted(found, f"{in_words(rest)} in files of other formats are left out") if rest else found


def _parquet(files: Listed, format: str) -> Input:
    names = files.spread(FOOTERS)
    footers = dict(zip(names, _each(files, names, _footer), strict=True))
    known = [footer for footer in footers.values() if footer.rows]
    keys = files.keys
    widths = _variable_widths(files, footers)
    total, counted = files.total, sum(footer.bytes for footer in footers.values())
    rows = sum(footer.rows for footer in known) * total / counted
    fixed = sum(f.rows * (f.fixed + KEY_BYTES * len(keys)) for f in known) / max(1, sum(f.rows for f in known))
    width = Estimate(fixed + widths.low, fixed + widths.mid, fixed + widths.high)
    groups = round(sum(footer.row_groups for footer in footers.values()) * len(files.sizes) / len(names))
    return Input(
        files.path,
        "parquet",
        total,
        len(files.sizes),
        width * rows * _files_alike(files, known) * Estimate.about(1, PARQUET_ERROR),
        compression=_common(footer.codec for footer in footers.values()),
        rows=round(rows),
        row_groups=groups,
        pieces=max(1, groups),
        largest_piece=width.mid * max((footer.largest_rows for footer in known), default=0),
        partitioned_by=keys,
        looked_at=len(names),
        notes=_lake_notes(files),
    )


def _files_alike(files: Listed, known: list[Footer]) -> Estimate:
    """Return how far the rows of the files whose footers were not read may be from those of the others: about 1."""
    if len(known) >= len(files.sizes) or not known:
        return Estimate(1, 1, 1)
    each = extrapolated([f.rows / f.bytes for f in known], [f.bytes for f in known], PARQUET_ERROR)
    return each * (1 / each.mid)


def _variable_widths(files: Listed, footers: Mapping[str, Footer]) -> Estimate:
    """Return the bytes a row takes for its texts and nested values."""
    asked = [name for name, footer in footers.items() if footer.variable and footer.rows]
    some = asked[:: max(1, len(asked) // SAMPLED)][:SAMPLED]
    measured = _each(files, some, lambda fs, name, _: measured_width(fs, name, footers[name].variable))
    known = [(width, footers[name].rows) for width, name in zip(measured, some, strict=True) if width is not None]
    if not known:
        return Estimate(0, 0, 0)
    return extrapolated([width for width, _ in known], [rows for _, rows in known], PARQUET_ERROR)


def _text(files: Listed, format: str) -> Input:
    names = files.spread(SAMPLED)
    by_file = dict(zip(names, _each(files, names, _sampler(format, len(names))), strict=True))
    places = [place for found in by_file.values() for place in found]
    if not places:
        return _noted(_unknown(files, format), f"no line of it could be parsed as {format}")
    weights = [files.sizes[name] / len(found) for name, found in by_file.items() for _ in found]
    grown = extrapolated([place.growth * place.unpacked for place in places], weights, TEXT_ERROR)
    row = extrapolated([place.row / place.unpacked for place in places], weights, TEXT_ERROR)
    total = files.total
    packed = _common(CODECS.get(_codec_suffix(name), "") for name in files.sizes)
    return Input(
        files.path,
        format,
        total,
        len(files.sizes),
        grown * total,
        compression=packed,
        unpacked=round(total * sum(p.unpacked * w for p, w in zip(places, weights, strict=True)) / sum(weights)),
        rows=round(total / row.mid),
        pieces=len(files.sizes) if packed else None,
        largest_piece=max(files.sizes.values()) * grown.mid if packed else 0.0,
        partitioned_by=files.keys,
        looked_at=len(names),
    )


def _sampler(format: str, names: int) -> Callable[[Any, str, int], tuple[Place, ...]]:
    """Return what looks at a text file, in fewer places where there are several files."""
    shares = SPOTS if names <= 2 else SPOTS[::2]

    def sampled(filesystem: Any, name: str, size: int) -> tuple[Place, ...]:
        try:
            return text_places(filesystem, name, size, _codec(name), format == "json", shares)
        except ValueError:  # whatever it is, it is not what its name says, and no reason not to size it
            return ()

    return sampled


def _unknown(files: Listed, format: str) -> Input:
    total = files.total
    note = "the format is not known, so what it takes in memory is a guess from its size: 1 to 10 times as much"
    return Input(files.path, format, total, len(files.sizes), UNKNOWN_GROWTH * total, notes=(note,))


def _footer(filesystem: Any, name: str, size: int) -> Footer:
    return read_footer(filesystem, name, size)


def _each(files: Listed, names: list[str], act: Callable[[Any, str, int], Result]) -> list[Result]:
    """Return what ``act`` gives for each of ``names``, several at once.

    Raises
    ------
    InputError
        It fails for one: the line names it.
    """

    def one(name: str) -> Result:
        try:
            return act(files.filesystem, name, files.sizes[name])
        except PermissionError:
            raise
        except (ValueError, OSError) as error:
            raise InputError(f"{name}: it is broken: {one_line(error)}", "look at the rest by a pattern") from error

    with ThreadPoolExecutor(AT_ONCE) as pool:
        return list(pool.map(one, names))


def _explained(path: str, error: OSError) -> InputError:
    if isinstance(error, FileNotFoundError):
        return InputError(f"{path}: nothing is there", "a file, a folder, or a pattern such as data/*.parquet")
    if isinstance(error, PermissionError) or getattr(error, "code", None) in (401, 403):
        hint = "gcloud auth application-default login, or storage.objects.get and .list on it"
        return InputError(f"{path}: it may not be read: {one_line(error)}", hint)
    return InputError(f"{path}: it cannot be read: {one_line(error)}")


def _format(name: str) -> str:
    return FORMATS.get(PurePosixPath(name.removesuffix(_codec_suffix(name))).suffix.lower(), "other")


def _codec_suffix(name: str) -> str:
    suffix = PurePosixPath(name).suffix.lower()
    return suffix if suffix in CODECS else ""


def _codec(name: str) -> str:
    return CODECS.get(_codec_suffix(name), "")


def _is_parquet(files: Listed) -> bool:
    return files.filesystem.cat_file(next(iter(files.sizes)), start=0, end=4) == b"PAR1"


def _lake_notes(files: Listed) -> tuple[str, ...]:
    lake = files.lake()
    return (f"it looks like a {lake} table: files of its earlier versions are counted too",) if lake else ()


def _common(names: Any) -> str:
    found = set(names)
    return found.pop() if len(found) == 1 else "mixed"


def _noted(found: Input, note: str) -> Input:
    return dataclasses.replace(found, notes=(*found.notes, note))


READ: dict[str, Callable[[Listed, str], Input]] = {
    "parquet": _parquet,
    "csv": _text,
    "json": _text,
    "other": _unknown,
}
