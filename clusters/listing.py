"""The files that an input is made of, as fsspec lists them: a file, a folder with all below it, a pattern."""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import dataclass
from pathlib import PurePosixPath
from typing import Any

from fsspec.core import url_to_fs
from fsspec.utils import get_protocol

from .errors import InputError


@dataclass(frozen=True, slots=True)
class Listed:
    """The files of an input.

    Attributes
    ----------
    filesystem : fsspec.AbstractFileSystem
    path, inside : str
        As it was given, and as the file system has it.
    sizes : mapping of str to int
        Bytes by name, largest first.
    """

    filesystem: Any
    path: str
    inside: str
    sizes: Mapping[str, int]

    @property
    def total(self) -> int:
        """Bytes of all of them."""
        return sum(self.sizes.values())

    @property
    def keys(self) -> tuple[str, ...]:
        """Keys of a hive-partitioned dataset."""
        parts = PurePosixPath(next(iter(self.sizes))).parent.parts
        return tuple(key for part in parts for key, is_key, _ in [part.partition("=")] if is_key)

    def lake(self) -> str:
        """Return which table format's log lies beside the files, empty for none."""
        logs = {} if _is_pattern(self.path) else {"_delta_log": "Delta", "metadata": "Iceberg"}
        return next((lake for log, lake in logs.items() if self.filesystem.isdir(f"{self.inside}/{log}")), "")

    def spread(self, most: int) -> list[str]:
        """Return at most ``most`` of the files: the largest, the smallest, and others evenly between."""
        names = list(self.sizes)
        step = max(1.0, (len(names) - 1) / max(1, most - 1))
        return [names[round(i * step)] for i in range(min(most, len(names)))]


def listed(path: str, options: Mapping[str, Any]) -> Listed:
    """Return the files at ``path`` that have anything in them.

    Raises
    ------
    InputError
        There are none, or the scheme is not known.
    OSError
        What the file system says of what is not there, or may not be seen.
    """
    try:
        filesystem, inside = url_to_fs(path, **options)
    except (ImportError, ValueError) as error:
        said = f"{get_protocol(path)}:// is not a scheme that can be read here: {one_line(error)}"
        raise InputError(f"{path}: {said}", "a path of this machine, gs://, s3://, https://") from error
    found = _found(filesystem, inside)
    named = {n: int(about["size"] or 0) for n, about in found.items() if about["type"] == "file"}
    sizes = {n: s for n, s in named.items() if s and not _is_hidden(n, inside)}
    if not sizes:
        if not named and not _is_pattern(inside):
            filesystem.ls(inside)  # the file system's own word for what is not there, or may not be seen
        raise InputError(
            f"{path}: no file with anything in it", "a file, a folder, or a pattern such as data/*.parquet"
        )
    return Listed(filesystem, path, inside, dict(sorted(sizes.items(), key=lambda item: (-item[1], item[0]))))


def _found(filesystem: Any, inside: str) -> dict[str, dict[str, Any]]:
    if not _is_pattern(inside):
        return filesystem.find(inside, detail=True)
    matched = filesystem.glob(inside, detail=True)
    folders = [name for name, about in matched.items() if about["type"] == "directory"]
    below = {n: about for folder in folders for n, about in filesystem.find(folder, detail=True).items()}
    return matched | below


def _is_pattern(inside: str) -> bool:
    return any(mark in inside for mark in "*?[")


def _is_hidden(name: str, inside: str) -> bool:
    """Return whether writers leave it beside the data: ``_SUCCESS``, ``_metadata``, ``_delta_log/…``, ``.crc``."""
    parts = PurePosixPath(name.removeprefix(inside)).parts or (PurePosixPath(name).name,)
    return any(part.startswith(("_", ".")) and "=" not in part for part in parts)


def one_line(error: BaseException) -> str:
    """Return what ``error`` says on one line, and not the whole of something long."""
    return " ".join(str(error).split())[:200] or type(error).__name__
