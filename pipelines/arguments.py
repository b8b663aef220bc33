"""The arguments of a job's function: texts of a command line, typed by its annotations or refused. Pure."""

from __future__ import annotations

import ast
import difflib
import inspect
from collections.abc import Callable, Iterable, Mapping
from dataclasses import dataclass, field
from typing import Any

from ..clusters.errors import SpecError
from .schema import Mismatch, Schema, either, fit_text, schema_of_annotation, schema_of_default

SHOWN = 80
"""Characters of a refused value in an error: one line stays one line."""


@dataclass(frozen=True, slots=True)
class Argument:
    """What a function takes under one name.

    Attributes
    ----------
    type : str
        As the function has it: the annotation's text, or the name of the default's type.
    schema : dict
        The same as a JSON schema; ``{}`` takes anything.
    required : bool
        There is no default.
    """

    type: str
    schema: Schema
    required: bool


@dataclass(frozen=True, slots=True)
class Arguments:
    """What a function takes by name, and whether it takes other names too (``**others``)."""

    by_name: dict[str, Argument] = field(default_factory=dict)
    others: bool = False


def split(words: Iterable[str], own: Iterable[str]) -> tuple[dict[str, str], dict[str, str]]:
    """Return the runner's ``own`` options and those of the function, by name, of ``--NAME VALUE`` or ``--NAME=VALUE``.

    Names are written with dashes or underscores. A value may begin with a dash: it is whatever follows its name.

    Raises
    ------
    SpecError
        A word where a name is due, a name without a value, or one given twice.
    """
    found: dict[str, str] = {}
    rest = iter(words)
    for word in rest:
        if not word.startswith("--") or word == "--":
            raise SpecError(f"arguments: {shown(word)} given, allowed is --NAME VALUE", "--day 2026-01-31")
        name, equals, value = word.removeprefix("--").partition("=")
        key = name.replace("-", "_")
        if not equals and (value := next(rest, None)) is None:
            raise SpecError(f"--{name}: no value given, allowed is --{name} VALUE", f"--{name}=VALUE")
        if key in found:
            raise SpecError(f"--{name}: given twice, allowed is once")
        found[key] = value
    return {n: v for n, v in found.items() if n in own}, {n: v for n, v in found.items() if n not in own}


def arguments_of(function: Callable[..., Any]) -> Arguments:
    """Return what ``function`` takes.

    Raises
    ------
    SpecError
        It wants something that has no name to the outside, or says nothing of what it takes.
    """
    try:
        parameters = inspect.signature(function).parameters.values()
    except (TypeError, ValueError) as error:
        raise SpecError(f"--job-function: it does not say what it takes: {error}") from None
    unnamed = [p.name for p in parameters if p.kind is p.POSITIONAL_ONLY and p.default is p.empty]
    if unnamed:
        raise SpecError(f"--job-function: its {unnamed[0]!r} cannot be given by name, allowed are names alone")
    named = [p for p in parameters if p.kind in (p.POSITIONAL_OR_KEYWORD, p.KEYWORD_ONLY)]
    others = any(p.kind is p.VAR_KEYWORD for p in parameters)
    return Arguments({p.name: _argument(p) for p in named}, others)


def typed(given: Mapping[str, str], arguments: Arguments) -> dict[str, Any]:
    """Return the values of ``given``, each of its type; JSON where that fits, else the text itself.

    Raises
    ------
    SpecError
        An unknown name, a required one that is missing, a value of another type.
    """
    values = {name: _value(name, text, arguments) for name, text in given.items()}
    missing = [name for name, argument in arguments.by_name.items() if argument.required and name not in given]
    if missing:
        kind = arguments.by_name[missing[0]].type
        raise SpecError(f"{option(missing[0])}: none given, allowed is {kind}", f"{option(missing[0])} VALUE")
    return values


def option(name: str) -> str:
    """Return ``name`` as a command line has it."""
    return f"--{name.replace('_', '-')}"


def shown(text: str) -> str:
    """Return a refused value as an error shows it."""
    quoted = repr(text)
    return quoted if len(quoted) <= SHOWN else f"{quoted[:SHOWN]}…"


def _value(name: str, text: str, arguments: Arguments) -> Any:
    argument = arguments.by_name.get(name)
    if argument is None and not arguments.others:
        known = ", ".join(map(option, arguments.by_name)) or "none"
        near = difflib.get_close_matches(name, arguments.by_name, n=1)
        raise SpecError(f"{option(name)}: no argument of the function, allowed: {known}", *map(option, near))
    try:
        return fit_text(text, argument.schema if argument else {})
    except Mismatch:
        kind = argument.type if argument else "JSON or text"
        raise SpecError(f"{option(name)}: {shown(text)} given, allowed is {kind}", f"{option(name)} VALUE") from None


def _argument(parameter: inspect.Parameter) -> Argument:
    required = parameter.default is parameter.empty
    annotation = parameter.annotation
    if annotation is parameter.empty:
        schema = {} if required else schema_of_default(parameter.default)
        kind = type(parameter.default).__name__ if schema else "any JSON value or text"
        return Argument(kind, schema if _has_word(schema) else {}, required)
    text = annotation if isinstance(annotation, str) else inspect.formatannotation(annotation)
    schema = _schema(text)
    if parameter.default is None:
        schema = either(schema, {"type": "null"})
    return Argument(text.strip("'\""), schema, required)


def _has_word(schema: Schema) -> bool:
    """Return whether JSON has a word for the type of a default: it has none for a tuple."""
    return schema.get("type") in ("string", "integer", "number", "boolean", "array", "object")


def _schema(text: str) -> Schema:
    try:
        return schema_of_annotation(ast.parse(text.strip(), mode="eval").body)
    except (SyntaxError, ValueError):  # such as <class 'x'>: no type that a text could be held against
        return {}
