"""Airflow's own settings in a Composer environment: their names in each version, what differs, the command. Pure."""

from __future__ import annotations

import shlex
from collections.abc import Mapping

from ...clusters.errors import ConfigError
from .environment import Environment

RENAMED = {
    "scheduler.dag_dir_list_interval": "dag_processor.refresh_interval",
    "scheduler.parsing_processes": "dag_processor.parsing_processes",
    "webserver.workers": "api.workers",
    "webserver.web_server_worker_timeout": "api.worker_timeout",
}
"""Options of Airflow 2 that have another name in Airflow 3; either is understood in the file."""
DEAD = {
    "scheduler.max_threads": "it became dag_processor.parsing_processes",
    "webserver.worker_timeout": "it is api.worker_timeout",
    "webserver.web_server_port": "Composer's web server has its own",
    "celery.worker_autoscale": "Composer scales its workers itself, and this would overrule celery.worker_concurrency",
}
"""Options that do nothing, or not what they say, and why."""


def for_version(config: Mapping[str, str], major: int) -> dict[str, str]:
    """Return ``config`` by the names that Airflow ``major`` knows.

    Raises
    ------
    ConfigError
        An option does nothing in any version, or is given under both its names.
    """
    names = RENAMED if major >= 3 else {new: old for old, new in RENAMED.items()}
    found: dict[str, str] = {}
    for given, value in config.items():
        if given in DEAD:
            raise ConfigError(f"config.{given}: has no effect: {DEAD[given]}", f"leave config.{given} out")
        name = names.get(given, given)
        if name in found:
            raise ConfigError(f"config.{given}: given twice, {name} is the same option", f"leave config.{given} out")
        found[name] = value
    return found


def differing(wanted: Mapping[str, str], found: Mapping[str, str]) -> dict[str, tuple[str | None, str]]:
    """Return the options of which ``found`` says otherwise: what it says, None for nothing, and what is wanted."""
    return {k: (found.get(k), v) for k, v in wanted.items() if not _same(found.get(k), v)}


def _same(one: str | None, other: str) -> bool:
    """Return whether two texts mean the same to Airflow, as ``True`` and ``true``, ``30`` and ``30.0``."""
    if one is None:
        return False
    try:
        return float(one) == float(other)
    except ValueError:
        return one.strip().lower() == other.strip().lower()


def config_command(environment: Environment, options: Mapping[str, str]) -> str:
    """Return the command that gives an environment ``options``; Composer restarts its Airflow for it."""
    pairs = [f"{name.replace('.', '-', 1)}={value}" for name, value in options.items()]
    joined = ",".join(pairs) if not any("," in pair for pair in pairs) else "^|^" + "|".join(pairs)
    return f"{_update(environment)} --update-airflow-configs={shlex.quote(joined)}"


def package_command(environment: Environment, packages: Mapping[str, str]) -> str:
    """Return the commands that install ``packages``, one after the other: gcloud takes one at a time."""
    each = [f"{_update(environment)} --update-pypi-package={shlex.quote(n + s)}" for n, s in packages.items()]
    return " && ".join(each)


def _update(environment: Environment) -> str:
    place = [environment.name or "ENVIRONMENT", "--location", environment.location or "LOCATION"]
    place += ["--project", environment.project] if environment.project else []
    return shlex.join(["gcloud", "composer", "environments", "update", *place])
