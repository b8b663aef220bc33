"""An environment's file beside a running Airflow: what differs, and the calls that bring it in line."""

from __future__ import annotations

import os
from collections.abc import Callable, Mapping
from dataclasses import dataclass, field, replace
from functools import partial
from pathlib import Path
from typing import Any

from packaging.specifiers import InvalidSpecifier, SpecifierSet

from ...clusters.errors import AirflowError, ConfigError
from .airflow_api import Airflow, NoAnswer
from .environment import Environment, Item, Secret, read_environment
from .overrides import config_command, differing, for_version, package_command
from .plan import Change, change_of, described, summary

FILE = "environment.yaml"


@dataclass(frozen=True, slots=True)
class Comparison:
    """What differs.

    Attributes
    ----------
    airflow : str
        Its version.
    changes : list of Change
        What `bring` does.
    config, packages : dict
        Overrides and packages that only Composer can set: what there is, None for nothing, and what is wanted.
    unseen : list of str
        What could not be compared, and why.
    """

    airflow: str
    changes: list[Change]
    config: dict[str, tuple[str | None, str]] = field(default_factory=dict)
    packages: dict[str, tuple[str | None, str]] = field(default_factory=dict)
    unseen: list[str] = field(default_factory=list)

    @property
    def same(self) -> bool:
        """Whether nothing differs, as far as can be seen."""
        return not (self.changes or self.config or self.packages)


def read_folder(folder: Path) -> Environment:
    """Return the environment that ``folder``/environment.yaml describes, its secrets looked up.

    Raises
    ------
    ConfigError
        The file is not there, not YAML or wrong in a field; a secret is not where it is said to be.
    """
    import yaml

    path = folder / FILE
    try:
        given = yaml.safe_load(path.read_text(encoding="utf-8"))
    except FileNotFoundError:
        raise ConfigError(f"{path}: there is no such file", f"dask dataproc composer init {folder}") from None
    except (yaml.YAMLError, UnicodeDecodeError) as error:
        raise ConfigError(f"{path}: is not YAML: {' '.join(str(error).split())}") from None
    try:
        environment = read_environment(given)
    except ConfigError as error:
        raise ConfigError(f"{path}: {error.message}", error.hint) from None
    return replace(environment, items=tuple(_looked_up(item) for item in environment.items))


def compare(environment: Environment, airflow: Airflow, *, secrets: bool = False) -> Comparison:
    """Return how ``airflow`` differs from ``environment``, by reading only.

    Raises
    ------
    AirflowError
        It does not answer, or does not let the caller see.
    """
    config = for_version(environment.config, airflow.major)
    found = [(item, airflow.get(item.kind, item.name)) for item in environment.items]
    changes = [change for item, there in found if (change := change_of(item, there, secrets=secrets))]
    made = Comparison(airflow.release, changes)
    if config:
        has = airflow.config()
        made.config.update(differing(config, has) if has is not None else {})
        if has is None:
            made.unseen.append("config: the Airflow does not show its settings ([api] or [webserver] expose_config)")
    providers = airflow.providers() if environment.packages else {}
    for name, wanted in environment.packages.items():
        if not name.startswith("apache-airflow-providers-"):
            made.unseen.append(f"packages.{name}: an Airflow tells of its providers only")
        elif name not in providers or not _within(name, wanted, providers[name]):
            made.packages[name] = (providers.get(name), wanted)
    return made


def bring(comparison: Comparison, airflow: Airflow, done: Callable[[Change], None] = lambda _: None) -> None:
    """Make the calls of ``comparison``; what failed does not keep the rest from being done.

    Parameters
    ----------
    comparison : Comparison
    airflow : Airflow
    done : callable
        Told each change once it is made.

    Raises
    ------
    AirflowError
        Some failed. The line says how many are done and the first reason; the same again does what is left.
    """
    failed: list[tuple[Change, AirflowError]] = []
    made = 0
    for change in comparison.changes:
        try:
            _make(change, airflow)
        except NoAnswer as error:
            failed.append((change, error))
            break
        except AirflowError as error:
            failed.append((change, error))
        else:
            made += 1
            done(change)
    if failed:
        first, why = failed[0]
        names = ", ".join(str(change) for change, _ in failed)
        left = len(comparison.changes) - made - len(failed)
        line = f"{made} of {len(comparison.changes)} changes made; failed: {names}"
        line += f"; {left} not tried" if left else ""
        raise AirflowError(f"{line}; {first}: {why.message}", "the same apply again does what is left")


def report(comparison: Comparison, environment: Environment) -> str:
    """Return what a person reads of ``comparison``, and the commands for what only Composer can set."""
    lines = [line for change in comparison.changes for line in described(change)]
    lines += _by_hand("config", comparison.config, partial(config_command, environment))
    lines += _by_hand("packages", comparison.packages, partial(package_command, environment))
    lines += [f"  ? {line}" for line in comparison.unseen]
    if comparison.same:
        return "\n".join([*lines, f"Airflow {comparison.airflow} has what the files name"])
    by_hand = len(comparison.config) + len(comparison.packages)
    tail = f"{summary(comparison.changes)}" + (f"; {by_hand} to set with gcloud" if by_hand else "")
    return "\n".join([*lines, tail])


def _by_hand(
    title: str, differing: Mapping[str, tuple[str | None, str]], command: Callable[[dict[str, str]], str]
) -> list[str]:
    lines = [f"  ! {title} {k}: {'not there' if had is None else had} -> {has}" for k, (had, has) in differing.items()]
    return [*lines, f"      {command({k: has for k, (_, has) in differing.items()})}"] if lines else []


def _make(change: Change, airflow: Airflow) -> None:
    if change.action == "create":
        airflow.create(change.kind, change.name, change.fields)
    elif change.action == "update":
        airflow.update(change.kind, change.name, change.fields, change.was)
    else:
        airflow.delete(change.kind, change.name)


def _within(name: str, wanted: str, has: str) -> bool:
    try:
        return SpecifierSet(wanted).contains(has, prereleases=True)
    except InvalidSpecifier:
        raise ConfigError(f"packages.{name}: {wanted!r} given, allowed is a specifier like >=3.8,<4") from None


def _looked_up(item: Item) -> Item:
    if item.fields is None:
        return item
    return replace(item, fields={name: _deep(value) for name, value in item.fields.items()})


def _deep(value: Any) -> Any:
    if isinstance(value, Mapping):
        return {name: _deep(inner) for name, inner in value.items()}
    return replace(value, value=_secret(value)) if isinstance(value, Secret) else value


def _secret(secret: Secret) -> str:
    if secret.source == "env":
        if not (found := os.environ.get(secret.name)):
            raise ConfigError(f"{secret.name}: is not set in the environment", f"export {secret.name}=…")
        return found
    from google.api_core.exceptions import GoogleAPICallError
    from google.auth.exceptions import GoogleAuthError
    from google.cloud.secretmanager_v1 import SecretManagerServiceClient

    name = secret.name if "/versions/" in secret.name else f"{secret.name}/versions/latest"
    try:
        return SecretManagerServiceClient().access_secret_version(name=name, timeout=60).payload.data.decode()
    except (GoogleAPICallError, GoogleAuthError) as error:
        said = " ".join(str(error).split())
        raise ConfigError(f"{secret.name}: {said}", "roles/secretmanager.secretAccessor on the secret") from None
