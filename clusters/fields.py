"""A declared field: its type, bounds, default and help, of which options, validation and panels are made. Pure."""

from __future__ import annotations

import dataclasses
import difflib
import json
import operator
import re
import typing
from collections.abc import Callable, Iterable, Mapping
from dataclasses import dataclass
from typing import Any

from .errors import SpecError

SECONDS = {"s": 1, "m": 60, "min": 60, "h": 3600, "d": 86400, "": 1}
Mappings = dict[str, dict[str, Any]]
"""The type of a field of mappings by name, whose items the reader of each checks."""
_TRUE, _FALSE = ("true", "yes", "1"), ("false", "no", "0")
SHOWN = 200
"""Characters of what was given that an error repeats."""
_DURATION = re.compile(r"(\d+(?:\.\d+)?)\s*(s|min|m|h|d|)", re.ASCII)


@dataclass(frozen=True, slots=True)
class Field:
    """One declared field.

    Attributes
    ----------
    name : str
        As in Python, YAML and the notebook's metadata; options replace ``_`` by ``-``.
    type : type
        ``str``, ``int``, ``bool``, ``tuple`` (of str), ``dict`` (str to str) or `Mappings`.
    default : Any
    help : str
        One line for a person.
    unit : str
        What a number counts; ``duration`` fields are seconds and accept ``90s``, ``30m``, ``2h``, ``1d``.
    low, high : int or None
        Inclusive bounds; of the value, or of the length of a text or collection.
    choices : tuple of str
    pattern : str
        The whole of a text, of each item of a list or of each key of a mapping must match.
    like : str
        An example of what matches, and where it helps the rule in words; what an error shows.
    check : callable or None
        Called with the value and the field's name; raises `SpecError` for what bounds and pattern cannot say.
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
    like: str = ""
    check: Callable[[Any, str], object] | None = None

    def parse(self, given: Any) -> Any:
        """Return ``given`` as this field's type, within its bounds.

        Raises
        ------
        SpecError
            One line with the field, what is allowed and what was given.
        """
        try:
            value = _CONVERT["duration" if self.unit == "duration" else self.type](given)
        except (AttributeError, TypeError, ValueError, OverflowError):
            raise self.refuse(given) from None
        if not (self._within(value) and self._matches(value)):
            raise self.refuse(given)
        if self.check is not None:
            self.check(value, self.name)
        return value

    @property
    def allowed(self) -> str:
        """What may be given, in words."""
        kinds = {
            str: "text",
            int: "a whole number",
            bool: "true or false",
            tuple: "a list of texts",
            dict: "name=value pairs",
            Mappings: "a mapping of names to mappings",
        }
        said = "one of " + ", ".join(self.choices) if self.choices else kinds[self.type]
        if self.unit == "duration":
            said = "a duration such as 45m or 2h"
        if self.like:
            said += f" like {self.like}"
        low, high = (
            duration_text(b) if self.unit == "duration" and b is not None else b for b in (self.low, self.high)
        )
        if low is not None and high is not None:
            return f"{said}, {low} to {high}"
        if low is not None:
            return f"{said}, at least {low}"
        return f"{said}, at most {high}" if high is not None else said

    @property
    def example(self) -> str:
        """Something that may be given, as a person types it."""
        if self.unit == "duration":
            return duration_text(self.default)
        if self.choices:
            return self.choices[0]
        return self.like.partition(" ")[0] or str(self.default).lower()

    def refuse(self, given: Any) -> SpecError:
        """Return the error for ``given``."""
        return refusal(self.name, given, self.allowed, f"{self.name}={self.example}   ({self.help})")

    def _within(self, value: Any) -> bool:
        size = value if isinstance(value, int) else len(value)
        return (self.low is None or size >= self.low) and (self.high is None or size <= self.high)

    def _matches(self, value: Any) -> bool:
        if self.choices and value not in self.choices:
            return False
        texts: Iterable[str] = value if isinstance(value, (tuple, dict)) else [value]
        return not self.pattern or all(re.fullmatch(self.pattern, text, re.ASCII) for text in texts)


def declare(default: Any, help: str, **bounds: Any) -> Any:
    """Declare a field of a dataclass; ``bounds`` are `Field`'s."""
    metadata = {"help": help, "bounds": bounds}
    if isinstance(default, dict):
        return dataclasses.field(default_factory=lambda: dict(default), metadata=metadata)
    return dataclasses.field(default=default, metadata=metadata)


def fields_of(cls: type) -> dict[str, Field]:
    """Return the declared fields of dataclass ``cls``, by name, in order."""
    hints = typing.get_type_hints(cls)
    return {f.name: _field(f, hints[f.name]) for f in dataclasses.fields(cls)}


def unknown(name: str, known: Iterable[str], what: str) -> SpecError:
    """Return the error for a name that no field has, with the nearest that exists."""
    known = list(known)
    near = difflib.get_close_matches(name, known, n=1)
    hint = near[0] if near else f"one of {', '.join(known)}"
    return SpecError(f"{shown(name)}: no such {what}" + (f", the nearest is {near[0]}" if near else ""), hint)


def refusal(name: str, given: Any, allowed: str, hint: str = "") -> SpecError:
    """Return the error for a value of field ``name``: one line with what was given and what is allowed."""
    return SpecError(f"{name}: {shown(given)} given, allowed is {allowed}", hint)


def shown(given: Any) -> str:
    """Return ``given`` as an error repeats it: on one line, and not the whole of something long."""
    text = " ".join(repr(given).split("\n"))
    return text if len(text) <= SHOWN else f"{text[:SHOWN]}…"


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
    factory = declared.default_factory
    default = declared.default if factory is dataclasses.MISSING else factory()
    kind = hint if hint == Mappings else typing.get_origin(hint) or hint
    return Field(declared.name, kind, default, declared.metadata["help"], **declared.metadata["bounds"])


def _text(given: Any) -> str:
    if not isinstance(given, (str, int, float)) or isinstance(given, bool):
        raise TypeError(given)
    text = str(given)
    if not text.isprintable():  # control characters and lone surrogates: no API, YAML or shell takes them all
        raise ValueError(given)
    return text


def _whole(given: Any) -> int:
    if isinstance(given, bool) or (isinstance(given, str) and not given.isascii()):
        raise TypeError(given)
    return int(given) if isinstance(given, str) else operator.index(given)


def _truth(given: Any) -> bool:
    said = str(given).lower()
    if said not in _TRUE + _FALSE:
        raise ValueError(given)
    return said in _TRUE


def _list(given: Any) -> tuple[str, ...]:
    if isinstance(given, str):
        given = [part.strip() for part in given.split(",") if part.strip()]
    if isinstance(given, (Mapping, bytes)):
        raise TypeError(given)
    return tuple(_text(item) for item in given)


def _pairs(given: Any) -> dict[str, str]:
    if isinstance(given, str):
        given = json.loads(given) if given.lstrip().startswith("{") else _list(given)
    if not isinstance(given, Mapping):
        given = dict(item.split("=", 1) for item in _list(given))
    return {_text(key): _text(value) for key, value in given.items()}


def _mappings(given: Any) -> Mappings:
    if isinstance(given, str):
        given = json.loads(given)
    items = {_text(key): {} if value is None else value for key, value in given.items()}
    if not all(isinstance(value, Mapping) for value in items.values()):
        raise TypeError(given)
    return json.loads(json.dumps(items, allow_nan=False))


_CONVERT: dict[Any, Any] = {
    str: _text,
    int: _whole,
    bool: _truth,
    tuple: _list,
    dict: _pairs,
    Mappings: _mappings,
    "duration": seconds,
}
