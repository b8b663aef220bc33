"""DAGs that are made from a few settings: each template a function that returns a file's text, and its name here."""

from __future__ import annotations

import inspect
import json
import re
import types
import typing
from collections.abc import Callable, Iterable, Mapping
from importlib import import_module
from pathlib import Path
from typing import Annotated, Any

from ..clusters.assignments import taken_apart
from ..clusters.errors import SpecError
from ..clusters.fields import refusal, seconds, unknown
from .beside import put_package

TEMPLATES = {
    "etl": ".team_dags:etl_dag",
    "ml-training": ".team_dags:ml_training_dag",
    "dynamic-etl": ".team_dags:dynamic_etl_dag",
    "batch-etl": ".team_dags:batch_etl_dag",
    "real-time": ".team_dags:real_time_dag",
    "cleanup": ".cleanup:cleanup_dag",
}
"""Name to module and function. A function takes keywords with types and defaults, one of them ``dag_id``."""
Duration = Annotated[int, "duration"]
"""Seconds, written as ``90s``, ``30m``, ``4h`` or ``1d``."""
PACKAGE = "from dask_dataproc."
"""What a file imports that needs this package beside the DAGs."""
DAG_ID = r"[A-Za-z0-9_.-]{1,200}"


def write_template(name: str, assignments: Iterable[str], folder: str | Path) -> Path:
    """Write the DAG of template ``name`` into ``folder``, which is made, and return the file: one .py named by dag_id.

    One that is made of our operators gets this package beside it; see `beside`.

    Parameters
    ----------
    name : str
    assignments : iterable of str
        ``setting=value``.
    folder : str or Path

    Raises
    ------
    SpecError
        There is no such template or setting, one is missing, or a value is not of its type; nothing is written.
    """
    function = template(name)
    settings = settings_of(name, function, assignments)
    dag_id = settings.get("dag_id", inspect.signature(function).parameters["dag_id"].default)
    if not re.fullmatch(DAG_ID, str(dag_id), re.ASCII):
        raise refusal("dag_id", dag_id, "letters, digits, _, - and .", "dag_id=dask_cleanup")
    text = function(**settings)
    path = Path(folder) / f"{re.sub(r'[^A-Za-z0-9_]+', '_', dag_id)}.py"
    path.parent.mkdir(parents=True, exist_ok=True)
    path.write_text(text, encoding="utf-8")
    if PACKAGE in text:
        put_package(path.parent)
    return path


def template(name: str) -> Callable[..., str]:
    """Return the function of template ``name``.

    Raises
    ------
    SpecError
        There is none.
    """
    if name not in TEMPLATES:
        raise unknown(name, TEMPLATES, "template")
    module, _, function = TEMPLATES[name].partition(":")
    return getattr(import_module(module, __package__), function)


def settings_of(name: str, function: Callable[..., str], assignments: Iterable[str]) -> dict[str, Any]:
    """Return the keywords that ``assignments`` say, each of its parameter's type.

    Raises
    ------
    SpecError
        One line with the setting, what is allowed and what was given.
    """
    parameters = inspect.signature(function).parameters
    hints = typing.get_type_hints(function, include_extras=True)
    found: dict[str, Any] = {}
    for given, value in taken_apart(assignments, "--set").items():
        key = given.replace("-", "_")
        if key not in parameters:
            raise unknown(key, parameters, f"setting of the template {name}")
        try:
            found[key] = _typed(value, hints.get(key, str))
        except (ValueError, OverflowError):
            raise refusal(key, value, _words(hints.get(key, str))) from None
    missing = [key for key, p in parameters.items() if p.default is p.empty and key not in found]
    if missing:
        raise SpecError(f"{missing[0]}: not given, the template {name} needs it", f"--set {missing[0]}=…")
    return found


def _typed(text: str, hint: Any) -> Any:
    kind = _kind(hint)
    if hint == Duration:
        return seconds(text)
    if kind in (types.UnionType, typing.Union):
        if text == "null":
            return None
        return _typed(text, next(each for each in typing.get_args(hint) if each is not type(None)))
    if kind is typing.Literal and text not in typing.get_args(hint):
        raise ValueError(text)
    if kind in (int, float):
        return kind(text)
    if kind is bool:
        return {"true": True, "false": False}[text] if text in ("true", "false") else _fail(text)
    if kind in (dict, Mapping, list, tuple):
        value = json.loads(text)
        return value if isinstance(value, dict if kind in (dict, Mapping) else list) else _fail(text)
    return text


def _kind(hint: Any) -> Any:
    return typing.get_origin(hint) or hint


def _fail(text: str) -> Any:
    raise ValueError(text)


def _words(hint: Any) -> str:
    if hint == Duration:
        return "a duration such as 45m or 4h"
    kind = _kind(hint)
    if kind is typing.Literal:
        return f"one of {', '.join(map(str, typing.get_args(hint)))}"
    words = {
        int: "a whole number",
        float: "a number",
        bool: "true or false",
        dict: "a JSON object",
        list: "a JSON list",
    }
    return words.get(kind, "a JSON object")
