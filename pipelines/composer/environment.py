"""What a Composer environment is to have, as its file says it: variables, pools, connections, overrides. Pure."""

from __future__ import annotations

import json
import re
from collections.abc import Mapping
from dataclasses import dataclass, field
from typing import Any

from ...clusters.errors import ConfigError
from ...clusters.fields import shown

OPEN = "CHANGE-ME"
"""What stands in a new file where only its owner knows the value."""
SENSITIVE = re.compile(
    r"password|passwd|passphrase|secret|token|api_?key|private_?key|keyfile_dict|authorization|access_?key", re.I
)
"""Names that Airflow takes for secrets, and masks."""
SOURCES = {"env": r"[A-Za-z_][A-Za-z0-9_]*", "secret": r"projects/[^/\s]+/secrets/[^/\s]+(/versions/[^/\s]+)?"}
NAME = r"[\w.-]{1,250}"
KINDS = {"variables": "variable", "pools": "pool", "connections": "connection"}
CONNECTION = {
    "conn_type": str,
    "description": str,
    "host": str,
    "login": str,
    "schema": str,
    "port": int,
    "password": str,
    "extra": dict,
}
POOL = {"slots": int, "description": str, "include_deferred": bool}
PLACE = ("name", "location", "project", "url")
SECTIONS = ("environment", *KINDS, "config", "packages")


@dataclass(frozen=True, slots=True)
class Secret:
    """A value that no file holds and nobody is shown.

    Attributes
    ----------
    source, name : str
        ``env`` and an environment variable, or ``secret`` and a secret of Secret Manager.
    value : str or None
        The value itself, once it has been looked up.
    """

    source: str
    name: str
    value: str | None = field(default=None, repr=False, compare=False)

    def __str__(self) -> str:
        return f"(from {self.source} {self.name})"


@dataclass(frozen=True, slots=True)
class Item:
    """One variable, pool or connection.

    Attributes
    ----------
    kind : str
        ``variable``, ``pool`` or ``connection``.
    name : str
    fields : mapping or None
        What is wanted of it, by the names of Airflow's API; None where there is to be none of this name.
    """

    kind: str
    name: str
    fields: Mapping[str, Any] | None


@dataclass(frozen=True, slots=True)
class Environment:
    """An environment's file.

    Attributes
    ----------
    name, location, project, url : str
        Composer's environment, and the address of its Airflow; empty where the file does not say.
    items : tuple of Item
    config : mapping of str to str
        Airflow's overrides, ``section.option`` to value.
    packages : mapping of str to str
        PyPI packages to version specifiers, as ``>=3.8``.
    """

    name: str = ""
    location: str = ""
    project: str = ""
    url: str = ""
    items: tuple[Item, ...] = ()
    config: Mapping[str, str] = field(default_factory=dict)
    packages: Mapping[str, str] = field(default_factory=dict)


def read_environment(given: Any) -> Environment:
    """Return what the document of an environment's file says.

    Raises
    ------
    ConfigError
        One line: the field, what is allowed, what was given.
    """
    _known("", _mapping("the file", given), SECTIONS)
    place = _mapping("environment", given.get("environment"))
    _known("environment.", place, PLACE)
    items = []
    for section, kind in KINDS.items():
        for name, wanted in _mapping(section, given.get(section)).items():
            where = f"{section}.{name}"
            if not re.fullmatch(NAME, str(name)):
                raise _refused(where, name, "a name of letters, digits, _, - and .")
            items.append(Item(kind, str(name), None if wanted is None else _READ[kind](where, wanted)))
    return Environment(
        **{key: _text(f"environment.{key}", value or "") for key, value in place.items()},
        items=tuple(items),
        config=_config(_mapping("config", given.get("config"))),
        packages={k: _text(f"packages.{k}", v or "") for k, v in _mapping("packages", given.get("packages")).items()},
    )


def _variable(where: str, wanted: Any) -> dict[str, Any]:
    described = isinstance(wanted, Mapping) and set(wanted) == {"value", "description"}
    value, description = (wanted["value"], wanted["description"]) if described else (wanted, None)
    fields: dict[str, Any] = {"value": _value(where, value)}
    return fields | ({"description": _text(f"{where}.description", description)} if described else {})


def _pool(where: str, wanted: Any) -> dict[str, Any]:
    wanted = {"slots": wanted} if type(wanted) is int else _mapping(where, wanted)
    _known(f"{where}.", wanted, POOL)
    fields = {key: _typed(f"{where}.{key}", value, POOL[key]) for key, value in wanted.items()}
    if not fields.get("slots", 0) >= -1 or "slots" not in fields:
        raise _refused(f"{where}.slots", fields.get("slots"), "a whole number of slots, -1 for no bound")
    return fields


def _connection(where: str, wanted: Any) -> dict[str, Any]:
    wanted = _mapping(where, wanted)
    _known(f"{where}.", wanted, CONNECTION)
    if not wanted.get("conn_type"):
        raise _refused(f"{where}.conn_type", wanted.get("conn_type"), "the type, as google_cloud_platform")
    fields = {}
    for key, value in wanted.items():
        inner = f"{where}.{key}"
        if key == "extra":
            fields[key] = {k: _value(f"{inner}.{k}", v, plain=False) for k, v in _mapping(inner, value).items()}
        elif key == "password":
            fields[key] = _value(inner, value)
        else:
            fields[key] = _typed(inner, value, CONNECTION[key])
    return fields


_READ = {"variable": _variable, "pool": _pool, "connection": _connection}


def _value(where: str, given: Any, *, plain: bool = True) -> Any:
    """Return a value or the `Secret` it refers to; as Airflow keeps a variable, a text, if it is to be ``plain``."""
    if isinstance(given, Mapping) and len(given) == 1 and next(iter(given)) in SOURCES:
        ((source, name),) = given.items()
        if not re.fullmatch(SOURCES[source], str(name)):
            raise _refused(f"{where}.{source}", name, "NAME" if source == "env" else "projects/P/secrets/S")
        return Secret(source, str(name))
    if SENSITIVE.search(where.rpartition(".")[2]):
        raise ConfigError(f"{where}: a secret is given as it is, allowed is where it is", f"{where}: {{env: NAME}}")
    if given == OPEN:
        raise ConfigError(f"{where}: {OPEN} given, which stands for what only you know", f"{where}: …")
    if not plain or isinstance(given, str):
        return given
    return json.dumps(given, ensure_ascii=False)


def _config(given: Mapping[str, Any]) -> dict[str, str]:
    found = {}
    for name, value in given.items():
        if not re.fullmatch(r"\w+\.\w+", str(name)):
            raise _refused(f"config.{name}", name, "section.option, as core.parallelism")
        found[str(name)] = str(_text(f"config.{name}", value))
    return found


def _typed(where: str, given: Any, kind: type) -> Any:
    if kind is str:
        return _text(where, given)
    if type(given) is not kind:
        raise _refused(where, given, {int: "a whole number", bool: "true or false"}[kind])
    return given


def _text(where: str, given: Any) -> str:
    if not isinstance(given, str | int | float | bool):
        raise _refused(where, given, "a text")
    if given == OPEN:
        raise ConfigError(f"{where}: {OPEN} given, which stands for what only you know", f"{where}: …")
    return str(given)


def _mapping(where: str, given: Any) -> Mapping[str, Any]:
    if given is None:
        return {}
    if not isinstance(given, Mapping):
        raise _refused(where, given, "a mapping of names")
    return given


def _known(where: str, given: Mapping[str, Any], allowed: Any) -> None:
    for name in given:
        if name not in allowed:
            raise ConfigError(f"{where}{name}: no such field, there are {', '.join(allowed)}")


def _refused(where: str, given: Any, allowed: str) -> ConfigError:
    return ConfigError(f"{where}: {shown(given)} given, allowed is {allowed}")
