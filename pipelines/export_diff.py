"""What an export would change of the DAG that is there: in words first, then line by line. Pure.

Both files are read as Python and never run. What is data in them (constants, parameters, the DAG's own arguments) is
told by name; whatever else differs is code, which another version of this package writes.
"""

from __future__ import annotations

import ast
import difflib
from collections.abc import Iterator

PACKAGES = "dask-environment"
"""The metadata key of a cluster that names the packages of its nodes."""
_CODE = "the tasks' code: the job is another one, or another version of dask-dataproc writes it"
_NAMES = {"CLUSTER": "cluster", "PARAMETERS": "parameter", "LABELS": "label"}
_Facts = dict[tuple[str, ...], str]


def changes(old: str, new: str) -> list[str]:
    """Return in words what ``new``, a DAG's text, changes of ``old``: a line each, none if they are the same.

    Parameters
    ----------
    old, new : str
        Text that is not Python is only known to differ.
    """
    if old == new:
        return []
    try:
        (before, old_code), (after, new_code) = _read(old), _read(new)
    except (SyntaxError, ValueError):
        return ["the file that is there is no DAG of ours: all of it"]
    names = [*before, *(name for name in after if name not in before)]
    told = [_said(name, before.get(name), after.get(name)) for name in names if before.get(name) != after.get(name)]
    code = [_CODE] if old_code != new_code else []
    return [*dict.fromkeys(told), *code] or ["comments and layout alone"]


def unified(old: str, new: str, path: str) -> str:
    """Return the difference line by line, as ``diff -u`` writes it."""
    lines = difflib.unified_diff(old.splitlines(), new.splitlines(), f"{path} (exported)", f"{path} (now)", lineterm="")
    return "\n".join(lines)


def _read(text: str) -> tuple[_Facts, str]:
    """Return what is data in a DAG's ``text``, by name, and what is code."""
    tree = ast.parse(text)
    facts = {("description of the file",): ast.get_docstring(tree) or ""}
    code = []
    for node in tree.body:
        match node:
            case ast.Assign(targets=[ast.Name(id=name)], value=value) if name.isupper():
                facts |= dict(_facts((_NAMES.get(name, name.lower()),), value))
            case ast.With(items=[ast.withitem(context_expr=ast.Call(keywords=keywords))]):
                facts |= {("DAG", str(k.arg)): ast.unparse(_plain(k.value)) for k in keywords}
                code += map(ast.dump, node.body)
            case ast.Expr(value=ast.Constant()):
                pass
            case _:
                code.append(ast.dump(node))
    return facts, "\n".join(code)


def _plain(value: ast.expr) -> ast.expr:
    """Return what a timetable is made of, which is what a person gave as the schedule."""
    match value:
        case ast.Call(func=ast.Name(id=name), args=[given, *_]) if name.endswith("Timetable"):
            return given
    return value


def _facts(name: tuple[str, ...], value: ast.expr) -> Iterator[tuple[tuple[str, ...], str]]:
    """Yield the leaves of a literal, by path."""
    if isinstance(value, ast.Dict):
        for key, item in zip(value.keys, value.values, strict=True):
            yield from _facts((*name, str(ast.literal_eval(key)) if key else "**"), item)
    else:
        yield name, ast.unparse(value)


def _said(name: tuple[str, ...], before: str | None, after: str | None) -> str:
    if name[-1] == PACKAGES:
        return f"packages: another environment, {_leaf(before)} → {_leaf(after)}"
    if name == ("description of the file",):
        return "the notebook, or what the file says of it: see its first lines"
    what = " ".join([name[0], ".".join(name[1:])]).strip()
    if before is None:
        return f"{what}: new, {after}"
    return f"{what}: gone, it was {before}" if after is None else f"{what}: {before} → {after}"


def _leaf(text: str | None) -> str:
    return text.strip("'\"").rpartition("/")[2][:12] if text else "none"
