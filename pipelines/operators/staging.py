"""The folder that a task's job writes, emptied before: no file that an earlier try has left there is published."""

# pyright: reportMissingImports=false
# Airflow lies in an environment of its own, where this is imported.

from __future__ import annotations

from typing import Any

from .sdk import ObjectStoragePath


def files_at(path: str, conn_id: str) -> tuple[Any, str]:
    """Return the file system that ``path`` is on, as it is now, and the path's URL; the connection is for ``gs://``."""
    url = path if "://" in path else f"file://{path}"
    files = ObjectStoragePath(url, conn_id=conn_id if url.startswith("gs://") else None).fs
    files.invalidate_cache()
    return files, url


def empty(path: str, conn_id: str) -> None:
    """Remove what is at ``path``, if there is anything."""
    files, url = files_at(path, conn_id)
    if files.exists(url):
        files.rm(url, recursive=True)
