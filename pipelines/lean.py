"""Import Papermill without Google's storage client, which it loads at once: 1.7 of its 3 s, more than a kernel takes.

Papermill's own gs:// access, which this package does not use, finds the client when it is first asked for instead.
"""

from __future__ import annotations

import importlib
import sys
import threading
from types import ModuleType
from typing import Any

HEAVY = "gcsfs"


def import_papermill() -> ModuleType:
    """Return Papermill; imported the usual way where another thread could be importing the client meanwhile."""
    if "papermill" in sys.modules or HEAVY in sys.modules or threading.active_count() > 1:
        return importlib.import_module("papermill")
    sys.modules[HEAVY] = None  # pyright: ignore[reportArgumentType]  (Python's own way to say: cannot be imported)
    try:
        papermill = importlib.import_module("papermill")
    finally:
        del sys.modules[HEAVY]
    storage: Any = importlib.import_module("papermill.iorw")
    storage.GCSFileSystem = _file_system
    storage.gs_is_retriable = _is_retriable
    return papermill


def _file_system(*args: Any, **kwargs: Any) -> Any:
    from gcsfs import GCSFileSystem

    return GCSFileSystem(*args, **kwargs)


def _is_retriable(error: Exception) -> bool:
    from gcsfs.retry import is_retriable

    return is_retriable(error)
