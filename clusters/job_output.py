"""What a job's driver prints, read from staging while it runs: only what is new, in whole characters."""

from __future__ import annotations

import codecs
from typing import Any


class DriverOutput:
    """The output of one job.

    Dataproc keeps it as parts whose names begin with the job's URL and grow; the emulator as one file.

    Parameters
    ----------
    url : str
        The job's ``driver_output_resource_uri``.
    filesystem : fsspec.AbstractFileSystem, optional
        Where that is, for who has credentials of its own.
    """

    def __init__(self, url: str, filesystem: Any = None):
        self._url, self._filesystem = url, filesystem
        self._read: dict[str, int] = {}
        self._decoder = codecs.getincrementaldecoder("utf-8")("replace")

    def more(self) -> str:
        """Return what has come since the last time; nothing as long as there is none."""
        filesystem = self._filesystem or _filesystem(self._url)
        filesystem.invalidate_cache()
        prefix = filesystem._strip_protocol(self._url)
        return "".join(self._decoder.decode(self._part(filesystem, part)) for part in _parts(filesystem, prefix))

    def _part(self, filesystem: Any, part: str) -> bytes:
        start = self._read.get(part, 0)
        data = b"" if filesystem.size(part) <= start else filesystem.cat_file(part, start=start)
        self._read[part] = start + len(data)
        return data


def _filesystem(url: str) -> Any:
    import fsspec

    return fsspec.core.url_to_fs(url)[0]


def _parts(filesystem: Any, prefix: str) -> list[str]:
    """Return the names of the parts in order."""
    folder, _, name = prefix.rpartition("/")
    try:
        found = filesystem.ls(folder, detail=False)
    except FileNotFoundError:
        return []
    return sorted(each for each in found if each.rpartition("/")[2].startswith(name))
