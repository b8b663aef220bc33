"""Through what somebody acts: a run of a DAG, a notebook, a command, a script. Pure: the process is given."""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from pathlib import PurePath

DAG, RUN = "AIRFLOW_CTX_DAG_ID", "AIRFLOW_CTX_DAG_RUN_ID"
"""What Airflow's workers say to a task and whatever it starts."""
NOTEBOOK = "JPY_SESSION_NAME"
"""What Jupyter says to a kernel: its notebook's path."""
IN_DAG = "dag "
"""How the origin begins of what a DAG's run does."""


def origin(environment: Mapping[str, str], words: Sequence[str]) -> str:
    """Return through what a process acts, as ``dag DAG RUN``, ``notebook PATH``, ``dask dataproc up``.

    Parameters
    ----------
    environment : mapping
        The process's.
    words : sequence of str
        What it was started with, its program first. No option is repeated: it may hold what is nobody's business.
    """
    if dag := environment.get(DAG):
        return f"{IN_DAG}{dag} {environment.get(RUN, '')}".rstrip()
    if notebook := environment.get(NOTEBOOK):
        return f"notebook {notebook}"
    path = PurePath(words[0] if words else "")
    program = path.parent.name if path.name == "__main__.py" else path.name
    if program.startswith("ipykernel"):
        return "a kernel without a notebook's name"
    if program == "dask" and list(words[1:2]) == ["dataproc"]:
        return " ".join(["dask", *(word for word in words[1:3] if not word.startswith("-"))])
    return program if program not in ("", "-c") else "python"
