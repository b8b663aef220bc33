"""Types of parameters as JSON schemas: read off annotations and defaults, held against values. Pure.

One form serves three readers: the check before a run, the text of an error, and the typed ``Param`` of a DAG.
"""

from __future__ import annotations

import ast
import json
from typing import Any, NoReturn

Schema = dict[str, Any]

_NAMES = {
    "str": "string",
    "int": "integer",
    "float": "number",
    "bool": "boolean",
    "list": "array",
    "List": "array",
    "Sequence": "array",
    "dict": "object",
    "Dict": "object",
    "Mapping": "object",
    "None": "null",
}
_KINDS = {
    str: "string",
    int: "integer",
    float: "number",
    bool: "boolean",
    list: "array",
    dict: "object",
    type(None): "null",
}


class Mismatch(Exception):
    """A value is not of the type asked for."""


def schema_of_annotation(node: ast.expr) -> Schema:
    """Return the schema an annotation stands for; ``{}``, which takes anything, for one that JSON has no word for."""
    match node:
        case ast.Constant(value=None):
            return {"type": "null"}
        case ast.Constant(value=str(text)):
            return schema_of_annotation(ast.parse(text.strip(), mode="eval").body)
        case ast.BinOp(left=left, op=ast.BitOr(), right=right):
            return either(schema_of_annotation(left), schema_of_annotation(right))
        case ast.Subscript(value=generic, slice=inner):
            return _generic(_name(generic), inner.elts if isinstance(inner, ast.Tuple) else [inner])
        case _:
            kind = _NAMES.get(_name(node))
            return {"type": kind} if kind else {}


def schema_of_default(value: object) -> Schema:
    """Return the schema of a default's own type; that of None is ``{}``: it says nothing about what may come."""
    if value is None:
        return {}
    return {"type": _KINDS.get(type(value), type(value).__name__)}


def either(one: Schema, other: Schema) -> Schema:
    """Return the schema of what fits ``one`` or ``other``, as a list of plain types where that says it all."""
    if not one or not other or one == other:
        return one and other
    alternatives = [a for schema in (one, other) for a in schema.get("anyOf", [schema])]
    if all(schema.keys() == {"type"} for schema in alternatives):
        plain = [kind for schema in alternatives for kind in _kinds(schema)]
        return {"type": list(dict.fromkeys(plain))}
    return {"anyOf": alternatives}


def fit(value: Any, schema: Schema) -> Any:
    """Return ``value`` as one of ``schema``: itself, or the float it equals where a float is asked and an int given.

    Raises
    ------
    Mismatch
        It is not of that type, or not made of None, bool, int, float, str, list and dict with text keys.
    """
    for alternative in schema.get("anyOf", [schema]):
        try:
            return _fit(value, alternative)
        except Mismatch:
            continue
    raise Mismatch


def fits(value: Any, schema: Schema) -> bool:
    """Return whether `fit` takes ``value``."""
    try:
        fit(value, schema)
    except Mismatch:
        return False
    return True


def fit_text(text: str, schema: Schema) -> Any:
    """Return what ``text`` is the JSON of, where that is one of ``schema``, else ``text`` itself.

    Raises
    ------
    Mismatch
        It is neither.
    """
    for candidate in (*_read_json(text), text):
        try:
            return fit(candidate, schema)
        except Mismatch:
            continue
    raise Mismatch


def _read_json(text: str) -> list[Any]:
    """Return the value ``text`` is the JSON of, alone in a list; an empty list if it is not JSON."""
    try:
        return [json.loads(text, parse_constant=_refuse_constant)]
    except (ValueError, RecursionError):
        return []


def _refuse_constant(name: str) -> NoReturn:
    raise ValueError(f"{name} is Python's, not JSON's")


def _fit(value: Any, schema: Schema) -> Any:
    if "enum" in schema:
        if not any(type(value) is type(allowed) and value == allowed for allowed in schema["enum"]):
            raise Mismatch
        return value
    kind, kinds = _KINDS.get(type(value)), _kinds(schema)
    if kind is None or (kind == "string" and not _encodable(value)):
        raise Mismatch
    if kinds and kind not in kinds:
        return _widened(value, kinds)
    if kind == "array":
        return [fit(item, schema.get("items", {})) for item in value]
    if kind == "object":
        return {_key(key): fit(item, schema.get("additionalProperties", {})) for key, item in value.items()}
    return value


def _widened(value: Any, kinds: list[str]) -> float:
    """Return the float an int equals, where a float is asked."""
    try:
        if type(value) is int and "number" in kinds and float(value) == value:
            return float(value)
    except OverflowError:
        pass
    raise Mismatch


def _encodable(text: str) -> bool:
    """Return whether ``text`` can be written to a notebook: a lone surrogate cannot."""
    try:
        text.encode()
    except UnicodeEncodeError:
        return False
    return True


def _key(key: Any) -> str:
    if type(key) is not str or not _encodable(key):
        raise Mismatch
    return key


def _kinds(schema: Schema) -> list[str]:
    kinds = schema.get("type", [])
    return [kinds] if isinstance(kinds, str) else kinds


def _generic(name: str, inner: list[ast.expr]) -> Schema:
    if name == "Optional":
        return either(schema_of_annotation(inner[0]), {"type": "null"})
    if name == "Union":
        first, *others = map(schema_of_annotation, inner)
        for other in others:
            first = either(first, other)
        return first
    if name == "Literal":
        return {"enum": [ast.literal_eval(item) for item in inner]}
    if name == "Annotated":
        return schema_of_annotation(inner[0])
    kind = _NAMES.get(name)
    of = schema_of_annotation(inner[-1])
    if kind == "array":
        return {"type": "array", "items": of} if of else {"type": "array"}
    if kind == "object":
        return {"type": "object", "additionalProperties": of} if of else {"type": "object"}
    return {}


def _name(node: ast.expr) -> str:
    """Return ``Optional`` for ``Optional`` and ``typing.Optional`` alike."""
    return node.id if isinstance(node, ast.Name) else node.attr if isinstance(node, ast.Attribute) else ""
