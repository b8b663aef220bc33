"""The parameters a notebook declares, read off its ``parameters`` cell, and the values given for them. Nothing runs.

A value is text from a command line or a Python object. Either way it reaches the notebook with the type the cell
declares, by an annotation or else by the default, or it is refused before a kernel starts.
"""

from __future__ import annotations

import ast
import difflib
from collections.abc import Iterable, Mapping
from dataclasses import dataclass
from typing import Any, NoReturn

from ..clusters.assignments import taken_apart
from ..clusters.errors import NotebookError
from .notebook import Notebook, tagged_cell
from .schema import Mismatch, Schema, either, fit, fit_text, schema_of_annotation, schema_of_default

RUN = "dask_dataproc_run"
"""The parameter a generated DAG gives besides the declared ones: ``{"cluster", "project", "region"}`` of the run."""

_SHOWN = 80  # characters of a refused value in an error: one line stays one line


@dataclass(frozen=True, slots=True)
class Parameter:
    """One name a notebook lets its caller set.

    Attributes
    ----------
    name : str
    type : str
        As the cell has it: the annotation's text, or the name of the default's type.
    schema : dict
        The same as a JSON schema; ``{}`` takes anything.
    default : object
        The literal default; None where `computed`.
    computed : bool
        The default is an expression that only the notebook can evaluate.
    help : str
        The comment at the end of the line.
    cell : int
        Number of the cell, from 1.
    """

    name: str
    type: str
    schema: Schema
    default: Any
    computed: bool
    help: str
    cell: int


def declared_parameters(notebook: Notebook) -> dict[str, Parameter]:
    """Return the parameters of the notebook's cell tagged ``parameters``, in its order; none without such a cell.

    Raises
    ------
    NotebookError
        The cell is not Python.
    """
    found = tagged_cell(notebook, "parameters")
    if found is None:
        return {}
    number, source = found
    try:
        statements = ast.parse(source).body
    except SyntaxError as error:
        raise NotebookError(f"parameters cell {number}, line {error.lineno}, is not Python: {error.msg}") from error
    lines = source.splitlines()
    return {
        target.id: _parameter(target.id, statement, _comment(statement, lines), number)
        for statement in statements
        if isinstance(statement, ast.Assign | ast.AnnAssign)
        for target in _targets(statement)
    }


def parse_assignments(assignments: Iterable[str], declared: Mapping[str, Parameter]) -> dict[str, Any]:
    """Return the typed values of ``name=VALUE`` texts; VALUE is JSON where that fits the parameter, else text.

    Raises
    ------
    SpecError
        A text without ``=``, a name given twice.
    NotebookError
        An unknown name, a value of another type.
    """
    texts = taken_apart(assignments, "-p")
    return {name: _value_of_text(text, _known(name, declared)) for name, text in texts.items()}


def check_values(values: Mapping[str, Any], declared: Mapping[str, Parameter]) -> dict[str, Any]:
    """Return ``values``, Python objects, held against what is declared.

    Raises
    ------
    NotebookError
        An unknown name or a value of another type.
    """
    return {name: _checked(value, _known(name, declared)) for name, value in values.items()}


def _targets(statement: ast.Assign | ast.AnnAssign) -> list[ast.Name]:
    if statement.value is None:  # ``x: int`` declares a type and assigns nothing
        return []
    targets = statement.targets if isinstance(statement, ast.Assign) else [statement.target]
    return [target for target in targets if isinstance(target, ast.Name)]


def _parameter(name: str, statement: ast.Assign | ast.AnnAssign, comment: str, cell: int) -> Parameter:
    assert statement.value is not None
    try:
        default, computed = ast.literal_eval(statement.value), False
    except ValueError:
        default, computed = None, True
    if isinstance(statement, ast.AnnAssign):
        kind, schema = ast.unparse(statement.annotation).strip("'\""), schema_of_annotation(statement.annotation)
        if default is None and not computed:
            schema = either(schema, {"type": "null"})
    else:
        kind, schema = _kind_of(default), schema_of_default(default)
    return Parameter(name, kind, schema, default, computed, comment, cell)


def _kind_of(default: Any) -> str:
    return "any JSON value" if default is None else type(default).__name__


def _comment(statement: ast.stmt, lines: list[str]) -> str:
    """Return the comment after a statement, without its ``#``."""
    assert statement.end_lineno is not None
    rest = lines[statement.end_lineno - 1].encode()[statement.end_col_offset :].decode().strip()
    return rest.removeprefix("#").strip() if rest.startswith("#") else ""


def _known(name: str, declared: Mapping[str, Parameter]) -> Parameter:
    if name in declared:
        return declared[name]
    close = difflib.get_close_matches(name, declared, n=1)
    if close:
        raise NotebookError(f"the notebook has no parameter {name!r}; did you mean {close[0]!r}?", f"-p {close[0]}=…")
    if declared:
        raise NotebookError(f"the notebook has no parameter {name!r}; it has {', '.join(declared)}")
    raise NotebookError(
        f"the notebook has no parameter {name!r}: it declares none",
        "tag the cell that assigns the defaults with 'parameters'",
    )


def _value_of_text(text: str, parameter: Parameter) -> Any:
    try:
        return fit_text(text, parameter.schema)
    except Mismatch:
        return _refuse(text, parameter)


def _checked(value: Any, parameter: Parameter) -> Any:
    try:
        return fit(value, parameter.schema)
    except Mismatch:
        _refuse(value, parameter)


def _refuse(value: Any, parameter: Parameter) -> NoReturn:
    shown = repr(value)
    shown = shown if len(shown) <= _SHOWN else f"{shown[:_SHOWN]}…"
    raise NotebookError(f"parameter {parameter.name!r} (cell {parameter.cell}) is {parameter.type}, given {shown}")
