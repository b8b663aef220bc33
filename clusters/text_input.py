"""What CSV files and files of JSON lines become in memory: some places of some files, parsed as Dask parses them."""

from __future__ import annotations

import io
from collections.abc import Sequence
from dataclasses import dataclass
from typing import Any

import pandas as pd
import pyarrow as pa
from dask.sizeof import sizeof

BLOCK = 1 << 18
"""Bytes read at each place: some thousand lines, which is where the growth of a place is known to a per cent or two."""
COMPRESSED_BLOCK = 1 << 20
"""Bytes read of a compressed file, always its start: bzip2 gives nothing before it has some 200 kB."""
UNPACKED = 8 << 20
"""Most bytes that are unpacked of one: a file of zeros has a ratio of 1000."""
CODECS = {".gz": "gzip", ".bz2": "bz2", ".zst": "zstd"}
"""Suffixes of compressed files, and pyarrow's names of what they are packed with."""
SEPARATORS = ",\t|;"
STRINGS = "string[pyarrow]"


@dataclass(frozen=True, slots=True)
class Place:
    """What was found at one place of a file.

    Attributes
    ----------
    growth : float
        Bytes in memory for each byte of text.
    row : float
        Bytes of text in a line.
    unpacked : float
        Bytes of text for each byte in storage, 1 for what is not compressed.
    """

    growth: float
    row: float
    unpacked: float


def text_places(
    filesystem: Any, name: str, size: int, codec: str, json: bool, shares: Sequence[float]
) -> tuple[Place, ...]:
    """Return what is found in file ``name`` at ``shares`` of its length; of a compressed one at its start only.

    Raises
    ------
    ValueError
        Nothing that can be parsed is there.
    OSError
        It cannot be read, or is not packed as its name says.
    """
    start = _start(filesystem, name, size, codec)
    head = b"" if json else start.text.partition(b"\n")[0] + b"\n"
    if codec:
        return (_place(head, _whole_lines(start.text[len(head) :], start.all), start.ratio, json),)
    places = []
    for share in shares:
        begin = max(len(head), int(share * (size - BLOCK)))
        text = filesystem.cat_file(name, start=begin, end=begin + BLOCK)
        if begin > len(head):
            text = text.partition(b"\n")[2]
        if text := _whole_lines(text, begin + BLOCK >= size):
            places.append(_place(head, text, 1.0, json))
    return tuple(places)


@dataclass(frozen=True, slots=True)
class _Start:
    text: bytes
    ratio: float
    all: bool


def _start(filesystem: Any, name: str, size: int, codec: str) -> _Start:
    if not codec:
        return _Start(filesystem.cat_file(name, start=0, end=BLOCK), 1.0, size <= BLOCK)
    packed = filesystem.cat_file(name, start=0, end=COMPRESSED_BLOCK)
    source = io.BytesIO(packed)
    text, ended = bytearray(), False
    with pa.CompressedInputStream(pa.PythonFile(source, "r"), codec) as stream:
        try:
            while len(text) < UNPACKED and not ended:
                some = stream.read(1 << 16)
                text += some
                ended = not some
        except OSError:  # the block ends in the middle of what is packed
            if not text:
                raise
        ratio = len(text) / max(1, source.tell())
    return _Start(bytes(text), ratio, ended and size <= COMPRESSED_BLOCK)


def _whole_lines(text: bytes, is_end: bool) -> bytes:
    return text if is_end else text[: text.rfind(b"\n") + 1]


def _place(head: bytes, text: bytes, unpacked: float, json: bool) -> Place:
    frame = _parsed(head, text, json)
    if not len(frame):
        raise ValueError("no line of it can be parsed")
    grown = (sizeof(frame) - sizeof(frame.iloc[:0])) / len(text)
    return Place(grown, len(text) / len(frame), unpacked)


def _parsed(head: bytes, text: bytes, json: bool) -> pd.DataFrame:
    if json:
        frame = pd.read_json(io.BytesIO(text), lines=True)
    else:
        separator = max(SEPARATORS, key=head.decode(errors="replace").count)
        frame = pd.read_csv(
            io.BytesIO(head + text), sep=separator, on_bad_lines="skip", encoding_errors="replace", low_memory=False
        )
    texts = [name for name, kind in frame.dtypes.items() if pd.api.types.is_string_dtype(kind)]
    return frame.astype({name: STRINGS for name in texts if not _nested(frame[name])})


def _nested(column: Any) -> bool:
    return column.map(lambda value: isinstance(value, (list, dict))).any()
