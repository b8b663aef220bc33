"""The notebook's kernel on an Airflow worker: its name, its pins, and the files that make it there. Pure texts."""

from __future__ import annotations

import re
import textwrap
from pathlib import Path

from ..clusters.environment import Environment
from .literals import WIDTH

FOLDER = "kernels"
"""Where the files lie, beside the DAGs: one folder for each environment, which any number of DAGs share."""
MAKER = Path(__file__).with_name("templates") / "kernel.sh"
AIRFLOW = ("apache-airflow-providers-papermill", "uv")
"""What Airflow itself needs besides Composer's own: the operator, and what makes environments with their Python."""
_NAME_ROOM = 8  # digits of the environment's key in the kernel's name


def kernel_name(environment: Environment) -> str:
    """Return the name of the kernelspec: the same packages are the same kernel."""
    return f"dask-dataproc-{environment.key[:_NAME_ROOM]}"


def pins(environment: Environment) -> str:
    """Return ``name==version`` of Python and each package, in lines; the name alone where the lock has no version."""
    versions = {"python": environment.python} | {name: _version(v) for name, v in environment.packages.items()}
    texts = [f"{name}=={version}" if version else name for name, version in versions.items()]
    return textwrap.fill(" ".join(texts), WIDTH, break_long_words=False, break_on_hyphens=False)


def kernel_files(environment: Environment) -> dict[str, str]:
    """Return the texts by file name; the environment's wheels lie beside them in ``wheels``."""
    return {
        "requirements.txt": environment.requirements,
        "python-version": f"{environment.python}\n",
        "airflow.txt": "".join(f"{name}\n" for name in AIRFLOW),
        "kernel.sh": MAKER.read_text(encoding="utf-8"),
        ".airflowignore": "wheels\n",  # Airflow looks for DAGs in archives too; a name is the same in both its syntaxes
    }


def _version(said: str) -> str:
    """Return the version that is found installed: without a wheel's hash, none of what is built of a repository."""
    version = said.partition(" ")[0]
    return version if re.fullmatch(r"[0-9][\w.!+-]*", version) else ""
