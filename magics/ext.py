"""``%load_ext dask_dataproc``: two magics that import what they need at first use, so that loading costs nothing."""

from __future__ import annotations

import contextvars
import os
import re
import sys
import threading
from importlib import import_module
from typing import Any

MAGICS = {"dask_cluster": ".cluster_magic", "dask_pipeline": ".pipeline_magic"}
_HELP = re.compile(r"^(\s*%dask_(?:cluster|pipeline)\b.*?)\s*\?{1,2}\s*$")


def load_ipython_extension(shell: Any) -> None:
    """Register ``%dask_cluster`` and ``%dask_pipeline``; after a kernel's restart, find its cluster again."""
    looking = _look_for_cluster(shell) if os.environ.get("JPY_SESSION_NAME") else None
    for name in MAGICS:
        shell.register_magic_function(_magic(shell, name, looking), "line", name)
        shell.set_hook("complete_command", _completer(name), str_key=f"%{name}")
    if help_asked not in shell.input_transformers_cleanup:
        shell.input_transformers_cleanup.append(help_asked)


def unload_ipython_extension(shell: Any) -> None:
    """Take the magics and the panels away; a cluster that is up stays, and so do its names in the notebook."""
    if (panels := sys.modules.get(f"{__package__}.panels")) is not None:
        panels.close_panels()
    for name in MAGICS:
        shell.magics_manager.magics["line"].pop(name, None)
        shell.strdispatchers["complete_command"].strs.pop(f"%{name}", None)
    if help_asked in shell.input_transformers_cleanup:
        shell.input_transformers_cleanup.remove(help_asked)


def help_asked(lines: list[str]) -> list[str]:
    """Return a cell's lines, ``%dask_cluster up?`` as ``%dask_cluster up --help``: IPython would look for ``up``."""
    return [_HELP.sub(r"\1 --help\n", line) for line in lines]


def _look_for_cluster(shell: Any) -> threading.Thread:
    """Begin to look whether this notebook's last kernel left a cluster; what is said of it belongs to this cell."""
    context = contextvars.copy_context()

    def look() -> None:
        context.run(import_module(".reattach", __package__).reattach, shell)

    looking = threading.Thread(target=look, name="dask-dataproc-look", daemon=True)
    looking.start()
    return looking


def _magic(shell: Any, name: str, looking: threading.Thread | None) -> Any:
    def magic(line: str) -> None:
        if looking is not None:
            looking.join()
        import_module(MAGICS[name], __package__).run(shell, line)

    magic.__doc__ = f"``%{name} VERB``: see ``%{name} --help``, and ``%{name} VERB?`` for a verb."
    magic.__name__ = name
    return magic


def _completer(name: str) -> Any:
    def complete(shell: Any, event: Any) -> list[str]:
        return import_module(MAGICS[name], __package__).complete(event.text_until_cursor)

    return complete
