"""Spilling with a bound that can be lived with: a value is read though another one can no longer go to disk for it.

Dask's own buffer lets the read fail then, and with it the task (distributed 2026.8, with `max-spill` or a full disk).
"""

from __future__ import annotations

import logging
import sys
from pathlib import Path
from typing import Any

import dask.config
from dask.utils import parse_bytes
from distributed.spill import MaxSpillExceeded, SpillBuffer

log = logging.getLogger("distributed.worker.memory")


class Spill(SpillBuffer):
    """Dask's buffer of values in memory and, beyond ``target`` bytes, on disk."""

    def __getitem__(self, key: Any) -> object:
        """Return a value, from memory or from disk."""
        try:
            return super().__getitem__(key)
        except (MaxSpillExceeded, OSError) as error:
            if key not in self.fast:  # it could not be read
                raise
            log.warning("No room on disk, data stays in memory: %r", error)
            return self.fast[key]


def spill_to(worker_local_directory: str, memory_limit: int) -> Spill:
    """Return the buffer of a worker with ``memory_limit`` bytes; target and bound are those of Dask's configuration.

    Without a target it is the worker that has values spilled, when its process has no room.
    """
    target = dask.config.get("distributed.worker.memory.target")
    most = dask.config.get("distributed.worker.memory.max-spill")
    folder = Path(worker_local_directory) / "storage"
    share = sys.maxsize if target is False else int(memory_limit * target)
    return Spill(str(folder), share, parse_bytes(most) if most else False)
