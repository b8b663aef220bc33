"""Values out of JSON that somebody else may have written, checked before they are believed. Pure."""

from __future__ import annotations

import math
from collections.abc import Mapping
from dataclasses import fields
from typing import Any

TYPES: dict[str, tuple[type, ...]] = {"str": (str,), "int": (int,), "float": (int, float)}
"""By the names that dataclasses have for them; numbers are finite and not negative."""


def fields_of(kind: type, said: Any) -> dict[str, Any]:
    """Return ``said`` if it has just the fields of dataclass ``kind``, those of `TYPES` with such values.

    Raises
    ------
    ValueError
        One line with what was expected and what was found.
    """
    types = {each.name: str(each.type) for each in fields(kind)}
    if set(mapping(kind.__name__, said)) != set(types):
        raise ValueError(f"{kind.__name__}: {', '.join(types)} expected, {', '.join(sorted(said)) or 'nothing'} found")
    for name, type_ in types.items():
        if type_ in TYPES:
            _check(f"{kind.__name__}.{name}", said[name], type_)
    return dict(said)


def mapping(name: str, said: Any) -> Mapping[str, Any]:
    """Return ``said`` if it is a mapping.

    Raises
    ------
    ValueError
        One line.
    """
    if not isinstance(said, Mapping):
        raise ValueError(f"{name}: a mapping expected, {type(said).__name__} found")
    return said


def amounts(name: str, said: Any) -> dict[str, float]:
    """Return ``said`` if it is a mapping of finite numbers that are not negative.

    Raises
    ------
    ValueError
        One line.
    """
    for key, value in mapping(name, said).items():
        _check(f"{name}.{key}", value, "float")
    return dict(said)


def _check(name: str, value: Any, type_: str) -> None:
    good = isinstance(value, TYPES[type_]) and not isinstance(value, bool)
    if not good or (type_ != "str" and not 0 <= value < math.inf):
        raise ValueError(f"{name}: {type_}{'' if type_ == 'str' else ' from 0 on'} expected, {value!r} found")
