"""Whether an Airflow can read a folder of DAGs: asked of one like the environment's, before anything is uploaded."""

from __future__ import annotations

import json
import os
import subprocess
import tempfile
from pathlib import Path

from ...clusters.errors import AirflowError, ConfigError

PROGRAM = Path(__file__).with_name("parse_dags.py")
LIMIT = 600.0
"""Seconds that all files may take together."""


def check_dags(folder: Path, python: str) -> list[str]:
    """Return the ids of the DAGs in ``folder`` as the Airflow of ``python`` reads them.

    Raises
    ------
    ConfigError
        ``python`` is no Airflow's, or there is no DAG in ``folder``.
    AirflowError
        A file cannot be read, two have the same DAG, or it takes too long.
    """
    found = _parsed(folder.resolve(), python)
    if errors := found["errors"]:
        first, why = min(errors.items())
        said = [line for line in str(why).strip().splitlines() if line.strip()]
        name = os.path.relpath(first, folder.resolve())
        others = sorted(os.path.relpath(each, folder.resolve()) for each in errors if each != first)
        more = f" (nor {', '.join(others)})" if others else ""
        raise AirflowError(f"{name}: Airflow cannot read it: {said[-1] if said else 'no reason said'}{more}")
    if not found["dags"]:
        raise ConfigError(f"{folder}: there is no DAG in it", "the folder with the DAG files")
    return found["dags"]


def _parsed(folder: Path, python: str) -> dict:
    with tempfile.TemporaryDirectory() as home:
        settings = {
            "AIRFLOW_HOME": home,
            "AIRFLOW__CORE__DAGS_FOLDER": str(folder),
            "AIRFLOW__CORE__LOAD_EXAMPLES": "False",
            "PYTHONDONTWRITEBYTECODE": "1",
        }
        command = [python, str(PROGRAM), str(folder)]
        try:
            ran = subprocess.run(command, env=os.environ | settings, capture_output=True, text=True, timeout=LIMIT)
        except OSError as error:
            raise ConfigError(f"python: {python} cannot be run: {error.strerror}") from None
        except subprocess.TimeoutExpired:
            raise AirflowError(f"{folder}: not parsed within {LIMIT:.0f} s") from None
    if ran.returncode:
        said = ran.stderr.strip().splitlines() or ["no reason said"]
        raise ConfigError(f"python: {python}: {said[-1]}", "the Python of an environment with Airflow in it")
    return json.loads(ran.stdout)
