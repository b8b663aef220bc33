"""The GitHub workflows of a team's repository, as texts: DAGs to Composer, and the check before. Pure."""

from __future__ import annotations

import re
from string import Template

from ...clusters.errors import SpecError

WORKFLOW, CHECK = "sync-to-composer.yml", "check-notebooks.yml"
AIRFLOW = "2.11.2"
PYTHON = "3.11"


def workflow_text(template: str, release: str, airflow: str = AIRFLOW, python: str = PYTHON) -> str:
    """Return a workflow's text.

    Parameters
    ----------
    template : str
    release : str
        Version of this package that it installs.
    airflow, python : str
        Versions of the environment.

    Raises
    ------
    SpecError
        One is no version.
    """
    for field, given, rule in (("airflow", airflow, r"\d+\.\d+\.\d+"), ("python", python, r"3\.\d+")):
        if not re.fullmatch(rule, given):
            raise SpecError(
                f"{field}: {given!r} given, allowed is a version as {AIRFLOW if field == 'airflow' else PYTHON}"
            )
    return Template(template).substitute(release=release, airflow=airflow, python=python)
