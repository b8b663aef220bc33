"""A declared field: its type, unit, bounds, default and help, from which options, validation, panels and help are made. Pure."""

from __future__ import annotations

import dataclasses
import difflib
import json
import re
import typing
from collections.abc import Mapping, Sequence
from dataclasses import dataclass
from typing import Any

from .errors import SpecError

SECONDS = {"s": 1, "m": 60, "min": 60, "h": 3600, "d": 86400, "": 1}
_TRUE, _FALSE = ("true", "yes", "1"), ("false", "no", "0")
_DURATION = re.compile(r"(\d+(?:\.\d+)?)\s*(s|min|m|h|d|)", re.ASCII)


@dataclass(frozen=True, slots=True)
class Field:
    """One declared field.

    Attributes
    ----------
    name : str
        As in Python, YAML and the notebook's metadata; options replace ``_`` by ``-``.
    type : type
        ``str``, ``int``, ``bool``, ``tuple`` (of str) or ``dict`` (str to str).
    default : Any
    help : str
        One line for a person.
    unit : str
        What a number counts; ``duration`` fields are seconds and accept ``90s``, ``30m``, ``2h``, ``1d``.
    low, high : int or None
        Inclusive bounds; of the value, or of the length of a text or collection.
    choices : tuple of str
    pattern : str
        The whole of a text, or of each key of a mapping, must match.
    """

    name: str
    type: type
    default: Any
    help: str
    unit: str = ""
    low: int | None = None
    high: int | None = None
    choices: tuple[str, ...] = ()
    pattern: str = ""

    def parse(self, given: Any) -> Any:
        """Return ``given`` as this field's type, within its bounds.

        Raises
        ------
        SpecError
            One line with the field, what is allowed and what was given.
        """
        value = self._typed(given)
        if value is None:
            return None
        self._check(value)
        return value

    @property
    def allowed(self) -> str:
        """What may be given, in words."""
        kinds = {
            str: "text",
            int: "a whole number",
            bool: "true or false",
            tuple: "a list of texts",
            dict: "names and texts",
        }
        said = "one of " + ", ".join(self.choices) if self.choices else kinds[self.type]
        if self.unit == "duration":
            said = "a duration such as 45m or 2h"
        if self.pattern:
            said += f" like {self.pattern}"
        low, high = (
            duration_text(b) if self.unit == "duration" and b is not None else b for b in (self.low, self.high)
        )
        if low is not None and high is not None:
            return f"{said}, {low} to {high}"
        if low is not None:
            return f"{said}, at least {low}"
        return f"{said}, at most {high}" if high is not None else said

    def refuse(self, given: Any) -> SpecError:
        """Return the error for ``given``."""
        return SpecError(f"{self.name}: {given!r} given, allowed is {self.allowed}", self.help)

    def _typed(self, given: Any) -> Any:
        if given is None and self.default is None:
            return None
        try:
            return _CONVERT["duration" if self.unit == "duration" else self.type](given)
        except (TypeError, ValueError, OverflowError):
            raise self.refuse(given) from None

    def _check(self, value: Any) -> None:
        size = value if isinstance(value, int) else len(value)
        if self.low is not None and size < self.low or self.high is not None and size > self.high:
            raise self.refuse(value)
        if self.choices and value not in self.choices:
            raise self.refuse(value)
        texts = value if isinstance(value, (tuple, dict)) else [value]
        if self.pattern and not all(re.fullmatch(self.pattern, text, re.ASCII) for text in texts):
            raise self.refuse(value)


def declare(default: Any, help: str, **bounds: Any) -> Any:
    """Declare a field of a dataclass; ``bounds`` are `Field`'s."""
    made = {"default_factory": lambda: dict(default)} if isinstance(default, dict) else {"default": default}
    return dataclasses.field(metadata={"help": help, "bounds": bounds}, **made)


def fields_of(cls: type) -> dict[str, Field]:
    """Return the declared fields of dataclass ``cls``, by name, in order."""
    hints = typing.get_type_hints(cls)
    return {f.name: _field(f, hints[f.name]) for f in dataclasses.fields(cls)}


def unknown(name: str, known: Sequence[str], what: str) -> SpecError:
    """Return the error for a name that no field has, with the nearest that exists."""
    near = difflib.get_close_matches(name, known, n=1)
    return SpecError(f"{name}: no such {what}", f"{near[0]}" if near else f"one of {', '.join(known)}")


def seconds(text: Any) -> int:
    """Return a duration such as ``90s``, ``30m``, ``1.5h``, ``2d`` or a number of seconds as whole seconds."""
    if isinstance(text, (int, float)) and not isinstance(text, bool):
        return int(text)
    found = _DURATION.fullmatch(str(text).strip())
    if not found:
        raise ValueError(f"not a duration: {text!r}")
    return round(float(found[1]) * SECONDS[found[2]])


def duration_text(value: float) -> str:
    """Return ``value`` seconds in the largest unit that keeps it whole: ``5400`` is ``90m``."""
    whole = round(value)
    for unit, size in (("d", 86400), ("h", 3600), ("m", 60)):
        if whole and whole % size == 0:
            return f"{whole // size}{unit}"
    return f"{whole}s"


def _field(declared: dataclasses.Field[Any], hint: Any) -> Field:
    kinds = [k for k in typing.get_args(hint) or (hint,) if k is not type(None)]
    kind = typing.get_origin(hint) or kinds[0]
    factory = declared.default_factory
    default = declared.default if factory is dataclasses.MISSING else factory()
    return Field(
        declared.name,
        kind if kind in _CONVERT else kinds[0],
        default,
        declared.metadata["help"],
        **declared.metadata["bounds"],
    )


def _text(given: Any) -> str:
    if not isinstance(given, (str, int, float)) or isinstance(given, bool):
        raise TypeError(given)
    return str(given)


def _whole(given: Any) -> int:
    if isinstance(given, bool) or not isinstance(given, (str, int)) or (isinstance(given, str) and not given.isascii()):
        raise TypeError(given)
    return int(given)


def _truth(given: Any) -> bool:
    said = str(given).lower()
    if said not in _TRUE + _FALSE:
        raise ValueError(given)
    return said in _TRUE


def _list(given: Any) -> tuple[str, ...]:
    if isinstance(given, str):
        given = [part.strip() for part in given.split(",") if part.strip()]
    if isinstance(given, Mapping):
        raise TypeError(given)
    return tuple(_text(item) for item in given)


def _pairs(given: Any) -> dict[str, str]:
    if isinstance(given, str):
        given = (
            json.loads(given)
            if given.lstrip().startswith("{")
            else dict(p.split("=", 1) for p in given.split(",") if p)
        )
    if isinstance(given, (list, tuple)):
        given = dict(item.split("=", 1) for item in given)
    return {_text(k): _text(v) for k, v in dict(given).items()}


_CONVERT: dict[Any, Any] = {str: _text, int: _whole, bool: _truth, tuple: _list, dict: _pairs, "duration": seconds}
