"""Import Papermill without the storage clients it loads at once: 2 of its 3 s, more than a kernel takes to start.

Papermill's own gs:// and hdfs:// access, which this package does not use, finds its client when it is first used.
"""

from __future__ import annotations

import importlib
import sys
import threading
from collections.abc import Callable
from types import ModuleType
from typing import Any

# Name in papermill.iorw, and where it is from.
CLIENTS = {
    "GCSFileSystem": "gcsfs",
    "gs_is_retriable": "gcsfs.retry:is_retriable",
    "HadoopFileSystem": "pyarrow.fs",
    "FileSelector": "pyarrow.fs",
}
HEAVY = ("gcsfs", "pyarrow")


def import_papermill() -> ModuleType:
    """Return Papermill; imported the usual way where another thread could be importing a client meanwhile."""
    if threading.active_count() > 1 or any(name in sys.modules for name in ("papermill", *HEAVY)):
        return importlib.import_module("papermill")
    for name in HEAVY:
        sys.modules[name] = None  # pyright: ignore[reportArgumentType]  (Python's own way to say: cannot be imported)
    try:
        papermill = importlib.import_module("papermill")
    finally:
        for name in HEAVY:
            del sys.modules[name]
    storage: ModuleType = importlib.import_module("papermill.iorw")
    for name, origin in CLIENTS.items():
        module, _, attribute = origin.partition(":")
        setattr(storage, name, _later(module, attribute or name))
    return papermill


def _later(module: str, attribute: str) -> Callable[..., Any]:
    """Return a function that imports what it stands for when it is called."""

    def call(*args: Any, **kwargs: Any) -> Any:
        return getattr(importlib.import_module(module), attribute)(*args, **kwargs)

    return call
