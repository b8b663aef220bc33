"""What the services on the nodes wrote to systemd's journal: it outlives the processes that Dask keeps its logs in."""

from __future__ import annotations

import pickle
import subprocess
from typing import Any

from distributed.utils import Log, Logs

LINES = 500
"""The newest lines of each service."""


async def with_journals(logs: Logs, scheduler: Any) -> Logs:
    """Return ``logs``, as Dask's `get_logs` made them, with a service's journal wherever its machine keeps one.

    Parameters
    ----------
    logs : Logs
        By ``Scheduler`` and each worker's address.
    scheduler : rpc
        The scheduler's.
    """
    answers = {"Scheduler": await scheduler.run_function(**_journal("dask-head"))} if "Scheduler" in logs else {}
    workers = [name for name in logs if "://" in name]
    if workers:
        request = {"op": "run", **_journal("dask-worker")}
        answers |= await scheduler.broadcast(msg=request, workers=workers, on_error="return")
    found = {name: _text(said) for name, said in answers.items()}
    return Logs({name: Log(found.get(name) or text) for name, text in logs.items()})


def _journal(unit: str) -> dict[str, bytes]:
    """Return the request to run journalctl there; a function of the standard library is the same on every node."""
    command = ["journalctl", "--unit", unit, "--output", "cat", "--lines", str(LINES), "--no-pager", "--quiet"]
    keywords = {"stderr": subprocess.DEVNULL, "timeout": 10}
    return {
        "function": pickle.dumps(subprocess.check_output),
        "args": pickle.dumps((command,)),
        "kwargs": pickle.dumps(keywords),
    }


def _text(said: Any) -> str:
    """Return the journal of an answer; nothing where there is none: a laptop's machines have no systemd."""
    output = said.get("result") if isinstance(said, dict) and said.get("status") == "OK" else b""
    return output.decode(errors="replace").strip() if isinstance(output, bytes) else ""
