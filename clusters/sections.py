"""A section of the settings, checked: what it may hold, and the one line that names the setting that is wrong. Pure."""

from __future__ import annotations

from collections.abc import Iterable, Mapping
from dataclasses import replace
from typing import Any

from .errors import ConfigError, SpecError
from .fields import Field, refusal, unknown


def section(given: Any, where: str, known: Iterable[str]) -> dict[str, Any]:
    """Return the settings under ``where`` by their names, with ``_`` for ``-``; without those that are null.

    Parameters
    ----------
    given : Any
        What stands there; nothing counts as an empty section.
    where : str
        The section, ``dataproc.quotas``.
    known : iterable of str
        The names it may have.

    Raises
    ------
    ConfigError
        It is no mapping, or a name in it is none of ``known``.
    """
    names = [name.replace("_", "-") for name in known]
    found = entries(given, where)
    for name in found:
        if name.replace("_", "-") not in names:
            raise _named(where, unknown(name.replace("_", "-"), names, "setting"))
    return {name.replace("-", "_"): value for name, value in found.items() if value is not None}


def entries(given: Any, where: str) -> dict[str, Any]:
    """Return the entries under ``where``, whose names are people's or groups'.

    Raises
    ------
    ConfigError
        It is no mapping.
    """
    if given is None or given == "":
        return {}
    if not isinstance(given, Mapping):
        raise ConfigError(refusal(where, given, "a mapping").message, f"{where}: {{}}")
    return {str(name): value for name, value in given.items()}


def parsed(field: Field, given: Any, where: str) -> Any:
    """Return the setting ``given`` under ``where`` as ``field`` has it.

    Raises
    ------
    ConfigError
        It is out of the field's bounds.
    """
    try:
        return replace(field, name=where).parse(given)
    except SpecError as error:
        raise ConfigError(error.message, error.hint) from None


def one_of(given: Any, where: str, known: Iterable[str], what: str) -> str:
    """Return ``given``, one of the names ``known``.

    Raises
    ------
    ConfigError
        It is none of them.
    """
    names = list(known)
    if given not in names:
        raise _named(where, unknown(str(given), names, what))
    return str(given)


def _named(where: str, error: SpecError) -> ConfigError:
    return ConfigError(f"{where}: {error.message}", error.hint)
