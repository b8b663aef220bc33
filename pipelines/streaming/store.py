"""What a stream's job keeps between messages and between its runs: the batches of open windows, and the time so far.

A batch is a file of messages, written before they are acknowledged. A message that was written and then not
acknowledged comes again and is in two batches: it is told by its id. The state is one small file, replaced as a whole,
so a job that is killed at any point goes on from what it had.
"""

from __future__ import annotations

import json
import math
from typing import TYPE_CHECKING, Any

import fsspec

from ...clusters.errors import ConfigError
from .windows import Windows

if TYPE_CHECKING:
    import pandas as pd

ID, TIME = "message_id", "event_time"
"""Columns of a batch beside those of the messages: Pub/Sub's id, and the time in unix seconds."""


class Store:
    """The folder of one stream.

    Parameters
    ----------
    url : str
        A folder, here or in a bucket. No other job may use it.
    """

    def __init__(self, url: str):
        self.url = url.rstrip("/")
        self._files, self._root = fsspec.url_to_fs(self.url)
        self._files.makedirs(f"{self._root}/batches", exist_ok=True)
        self._kept: Windows | None = None
        self._number = max((int(name.rpartition("/")[2].split("-")[0]) for name in self._names()), default=-1) + 1

    def windows(self, size: float, lateness: float) -> Windows:
        """Return the time of the stream so far.

        Raises
        ------
        ConfigError
            It was kept for windows of another size.
        """
        try:
            kept = json.loads(self._files.cat_file(f"{self._root}/state.json"))
        except FileNotFoundError:
            self._kept = Windows(size, lateness)
            return self._kept.seen(self._times())
        if kept["size"] != size:
            raise ConfigError(
                f"window: {size:g} s given, {self.url} has windows of {kept['size']:g} s", "give another state folder"
            )
        self._kept = Windows(size, lateness, _number(kept["newest"]), _number(kept["over"]))
        return self._kept.seen(self._times())

    def keep(self, windows: Windows) -> None:
        """Keep the time of the stream, unless it is kept already."""
        if windows == self._kept:
            return
        known = {"size": windows.size, "newest": _text(windows.newest), "over": _text(windows.over)}
        put(f"{self.url}/state.json", json.dumps(known).encode())
        self._kept = windows

    def add(self, messages: pd.DataFrame) -> None:
        """Write a batch, whose newest time is in its file's name."""
        name = f"batches/{self._number:09d}-{messages[TIME].max():.6f}.parquet"
        self._number += 1
        put(f"{self.url}/{name}", messages.to_parquet(index=False))

    def batches(self) -> list[str]:
        """Return the URLs of the batches, oldest first."""
        return [self._files.unstrip_protocol(name) for name in self._names()]

    def drop(self, over: float) -> None:
        """Delete the batches all of whose windows are over."""
        for name, newest in zip(self._names(), self._times(), strict=True):
            if newest < over:
                self._files.rm_file(name)

    def _times(self) -> list[float]:
        return [float(name.rpartition("-")[2].removesuffix(".parquet")) for name in self._names()]

    def _names(self) -> list[str]:
        return sorted(self._files.glob(f"{self._root}/batches/*.parquet"))


def put(url: str, content: bytes | None) -> None:
    """Write a file whole: who reads ``url`` sees all of it or nothing."""
    files, path = fsspec.url_to_fs(url)
    files.makedirs(files._parent(path), exist_ok=True)
    files.pipe_file(f"{path}.part", content)
    files.mv(f"{path}.part", path)


def _text(value: float) -> float | None:
    return None if math.isinf(value) else value


def _number(value: Any) -> float:
    return -math.inf if value is None else float(value)
