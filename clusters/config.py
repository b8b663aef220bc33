"""Where a cluster's fields come from when nobody typed them: dask config, Google's environment variables, gcloud."""

from __future__ import annotations

import configparser
import getpass
import os
import re
import secrets
from collections.abc import Mapping
from functools import cache
from pathlib import Path
from typing import Any

import dask.config
import yaml

from .autoscaling import check_autoscaling
from .errors import ConfigError, SpecError
from .fields import seconds
from .footprint import within
from .labels import NOTEBOOK, OWNER, label_value
from .paths import state_dir
from .quotas import limits_of
from .spec import FIELDS, LOCAL, ClusterSpec

DEFAULTS = Path(__file__).with_name("dataproc.yaml")
LEASE_BOUNDS = (1200, 14 * 86400)
"""Seconds. Dataproc's own are 10 min from now to 14 d; a third of a lease later that still has to hold for the rest."""


@cache
def _defaults() -> dict[str, Any]:
    return yaml.safe_load(DEFAULTS.read_text())


def _load_defaults() -> None:
    """Let dask config have our defaults; anew if they went with a ``dask.config.set`` that they came into."""
    if dask.config.get("dataproc.timeouts.call", None) is None:
        dask.config.update_defaults(_defaults())


def setting(key: str, default: Any = None) -> Any:
    """Return ``dataproc.<key>`` of dask's config."""
    _load_defaults()
    return dask.config.get(f"dataproc.{key}", default)


def duration(key: str, bounds: tuple[int, int] = (0, 14 * 86400)) -> int:
    """Return the setting ``key`` in seconds.

    Raises
    ------
    ConfigError
        It is no duration, or out of ``bounds``.
    """
    given = setting(key)
    try:
        value = seconds(given)
    except (ValueError, OverflowError):
        value = -1
    if not bounds[0] <= value <= bounds[1]:
        raise ConfigError(f"dataproc.{key}: {given!r} given, allowed is a duration of {bounds[0]} to {bounds[1]} s")
    return value


def resolve(
    spec: ClusterSpec | Mapping[str, Any] | None = None, *, local: bool = False, create: bool = True, **fields: Any
) -> ClusterSpec:
    """Return the spec with everything filled in that nobody gave.

    Parameters
    ----------
    spec : ClusterSpec or mapping, optional
        What to start from; a field of a ClusterSpec that is at its default counts as not given.
    local : bool
        Use the emulator whatever project is configured.
    create : bool
        False for a cluster that there is already: its own record knows where it stages.
    **fields
        Fields of `ClusterSpec` that win over ``spec``, dask config and the environment.

    Raises
    ------
    SpecError
        A field is unknown or out of its bounds.
    ConfigError
        A project of the cloud without a staging bucket.
    """
    base = spec.to_dict() if isinstance(spec, ClusterSpec) else dict(spec or {})
    configured, asked = _configured(), _named(base) | _named(fields)
    given = configured | asked
    project, given["region"] = place(given.get("project"), given.get("region"), local=local)
    given["project"] = FIELDS["project"].parse(project)  # first: it decides where staging may be
    if given["project"] == LOCAL:  # a bucket that is configured is the cloud's
        given["staging"] = asked.get("staging")
    given["name"] = given.get("name") or f"{_prefix()}{secrets.token_hex(2)}"
    given["staging"] = given.get("staging") or (_default_staging(given["project"]) if create else "")
    resolved = ClusterSpec.from_dict(given)
    if create:
        check_autoscaling(resolved)
        resolved = within(resolved, limits_of(user(), resolved.project, setting("quotas")), given)
    if create and project == LOCAL:
        _check_local(resolved)
    return resolved.replace(labels={OWNER: user()} | _notebook() | resolved.labels)


def place(project: str | None = None, region: str | None = None, *, local: bool = False) -> tuple[str, str]:
    """Return the project and region meant: as typed, else as configured; with no project anywhere, the emulator's."""
    chosen = LOCAL if local else project or default_project()[0] or LOCAL
    return chosen, region or default_region()[0] or FIELDS["region"].default


def default_project() -> tuple[str, str]:
    """Return the project nobody typed and where it was found, or two empty texts."""
    return _first(("project", "GOOGLE_CLOUD_PROJECT", "core", "project"))


def default_region() -> tuple[str, str]:
    """Return the region nobody typed and where it was found, or two empty texts."""
    return _first(
        ("region", "GOOGLE_CLOUD_REGION", "dataproc", "region"), ("region", "GOOGLE_CLOUD_REGION", "compute", "region")
    )


def made_up(name: str) -> bool:
    """Return whether ``name`` is one that `resolve` gives to a cluster that nobody named."""
    return re.fullmatch(f"{re.escape(_prefix())}[0-9a-f]{{4}}", name) is not None


def _prefix() -> str:
    return f"dask-{user()[:30]}-"


def user() -> str:
    """Return who runs this, as a label's value may be written."""
    return label_value(getpass.getuser()) or "user"


def _notebook() -> dict[str, str]:
    """Return the label of the notebook that this kernel belongs to, which Jupyter names; elsewhere none."""
    named = label_value(Path(os.environ.get("JPY_SESSION_NAME", "")).stem)
    return {NOTEBOOK: named} if named else {}


def _check_local(spec: ClusterSpec) -> None:
    """Refuse what the emulator's machines cannot do."""
    nodes = setting("emulator.nodes")
    if nodes == "processes" and spec.runtime == "yarn":
        allowed = "standalone where the machines are local processes: there is no YARN"
        raise SpecError(f"runtime: 'yarn' given, allowed is {allowed}", "dataproc.emulator.nodes: debian")
    if nodes == "debian" and spec.staging.startswith("file://"):
        allowed = "a bucket that Debian nodes reach"
        raise SpecError(f"staging: {spec.staging!r} given, allowed is {allowed}", "staging=gs://BUCKET/dask")


def _configured() -> dict[str, Any]:
    _load_defaults()
    found = _named(dask.config.get("dataproc", {}) or {})
    return {name: value for name, value in found.items() if name in FIELDS and value not in (None, "")}


def _named(given: Mapping[str, Any]) -> dict[str, Any]:
    return {str(name).replace("-", "_"): value for name, value in given.items()}


def _first(*places: tuple[str, str, str, str]) -> tuple[str, str]:
    for key, variable, section, option in places:
        if value := setting(key):
            return str(value), f"dask config dataproc.{key}"
        if value := os.environ.get(variable):
            return value, variable
        if value := _gcloud().get(section, option, fallback=""):
            return value, "gcloud config"
    return "", ""


def _gcloud() -> configparser.ConfigParser:
    """Return gcloud's active configuration, read as the file it is."""
    folder = Path(os.environ.get("CLOUDSDK_CONFIG") or Path.home() / ".config" / "gcloud")
    active = folder / "active_config"
    name = os.environ.get("CLOUDSDK_ACTIVE_CONFIG_NAME") or (
        active.read_text().strip() if active.exists() else "default"
    )
    parser = configparser.ConfigParser(interpolation=None)
    written = folder / "configurations" / f"config_{name}"
    try:
        parser.read(written)
    except (configparser.Error, UnicodeDecodeError) as error:
        raise ConfigError(f"{written} cannot be read: {' '.join(str(error).split())}", "gcloud init") from None
    return parser


def staging_of(project: str) -> str:
    """Return where clusters of ``project`` stage that say nothing of it.

    Raises
    ------
    ConfigError
        A project of the cloud without a staging bucket.
    """
    return (project != LOCAL and setting("staging")) or _default_staging(project)


def _default_staging(project: str) -> str:
    if project == LOCAL:
        return f"file://{state_dir() / 'staging'}"
    raise ConfigError(
        f"staging: none given for project {project}, the nodes need a bucket to leave the cluster's keys in",
        "%dask_cluster up --staging gs://BUCKET/dask   (or dataproc.staging in ~/.config/dask/dataproc.yaml)",
    )
