"""What identifies a computation: a hash of all that a task does and of all it is made from, the same in every kernel.

Dask's own keys will not do: `delayed` makes up a new one each time, and a function of a notebook is hashed together
with the name of the kernel's temporary file and its line. Here a task counts by its function and its arguments, and
what it takes from other tasks by theirs.

- A function or class that can be imported counts by its name, as in Dask; another by its code and all it refers to.
- A task of Dask's readers also counts by what its files are like (size, time, generation).
- Another task without others before it also counts by its key, in which is whatever else Dask knows of it; but not with
  a function of the notebook in it: that key would be another in each kernel.
- What cannot be hashed is another each time: it is computed again rather than taken for what it is not.
"""

from __future__ import annotations

import contextlib
import functools
import itertools
import re
import sys
import types
from collections.abc import Hashable, Mapping
from typing import Any

from dask._task_spec import Alias, DataNode, GraphNode, Task, TaskRef
from dask.tokenize import tokenize
from fsspec import AbstractFileSystem
from fsspec.core import OpenFile

UNIQUE = re.compile(r"[0-9a-f]{8}(-[0-9a-f]{4}){3}-[0-9a-f]{12}")
"""What `delayed` makes up."""
TOKEN = re.compile(r"[0-9a-f]{32}")
"""Dask's hashes, as they stand in names."""
Graph = Mapping[Hashable, GraphNode]


def identities(graph: Graph, names: frozenset[str] | None = None) -> dict[Hashable, str]:
    """Return the hash of each task of ``graph`` by its key.

    Parameters
    ----------
    graph : mapping
        Tasks by their keys; what they depend on and is not in it counts by its key.
    names : frozenset of str, optional
        The hashes in the graph's own names; those of ``graph`` unless given. An argument may contain one.
    """
    names = frozenset(TOKEN.findall(repr(list(graph)))) if names is None else names
    found: dict[Hashable, str] = {}
    for key in _in_order(graph):
        node = graph[key]
        before = {dependency: found.get(dependency, repr(dependency)) for dependency in node.dependencies}
        found[key] = _Plain(before, names).identity(key, node)
    return found


def _in_order(graph: Graph) -> list[Hashable]:
    """Return the keys, each after those it depends on."""
    done: dict[Hashable, None] = {}
    waiting = list(graph)
    while waiting:
        missing = [key for key in graph[waiting[-1]].dependencies if key in graph and key not in done]
        if missing:
            waiting += missing
        else:
            done[waiting.pop()] = None
    return list(done)


class _Plain:
    """One task as plain values that hash alike in every kernel.

    Parameters
    ----------
    before : dict
        The hash of each task that it depends on.
    names : frozenset of str
        The hashes in the names of its graph.
    """

    def __init__(self, before: Mapping[Hashable, str], names: frozenset[str]):
        self._before, self._names = before, names
        self._inside: list[Any] = []
        self._portable = True
        self._filesystems: list[AbstractFileSystem] = []
        self._paths: list[str] = []

    def identity(self, key: Hashable, node: GraphNode) -> str:
        """Return the hash of ``node``."""
        plain = self.of(node)
        if not isinstance(node, Task) or node.dependencies or node.has_subgraph():
            return tokenize(plain)
        if self._filesystems:
            return tokenize(plain, self._files())
        return tokenize(plain, UNIQUE.sub("", repr(key)) if self._portable else "")

    def of(self, value: Any) -> Any:
        """Return ``value`` in plain values."""
        if isinstance(value, int | float | bytes | None):
            return value
        if any(value is outer for outer in self._inside):  # a function that calls itself
            return "itself"
        self._inside.append(value)
        try:
            return self._of(value)
        finally:
            self._inside.pop()

    def _of(self, value: Any) -> Any:
        match value:
            case TaskRef():
                return self._before[value.key]
            case Alias():
                return self._before[value.target]
            case DataNode():
                return self.of(value.value)
            case Task():
                arguments = (self._graph(value.args) if value.has_subgraph() else value.args), value.kwargs
                return [type(value).__name__, self.of(value.func), self.of(arguments)]
            case str():
                self._paths += [value] * ("/" in value)
                return TOKEN.sub(lambda token: "" if token[0] in self._names else token[0], value)
            case list() | tuple():
                return [type(value).__name__, *map(self.of, value)]
            case set() | frozenset():
                return ["set", *sorted(tokenize(self.of(each)) for each in value)]
            case dict():
                return ["dict", *([self.of(key), self.of(each)] for key, each in value.items())]
            case functools.partial():
                return ["partial", self.of(value.func), self.of(value.args), self.of(value.keywords)]
            case types.ModuleType():
                return value.__name__
            case types.CodeType():
                return self._code(value)
            case types.FunctionType() | type():
                return value if _importable(value) else self._by_value(value)
            case AbstractFileSystem():  # its own hash has the process in it
                return [type(value).__name__, self.of(value.storage_options)]
            case _ if isinstance(reads := getattr(value, "fs", None), AbstractFileSystem):
                self._filesystems.append(reads)
                self._paths += [value.path] if isinstance(value, OpenFile) else []
            case _ if type(value).__module__ == "__main__" and hasattr(value, "__dict__"):
                return [self.of(type(value)), self.of(vars(value))]
        return value

    def _files(self) -> list[str]:
        """Return what the files that it reads are like."""
        found = []
        for filesystem, path in itertools.product(self._filesystems, self._paths):
            with contextlib.suppress(OSError, ValueError):  # a text with a slash that is no path there
                found.append(filesystem.ukey(path))
        return found

    def _graph(self, arguments: tuple[Any, ...]) -> list[Any]:
        """Return the arguments of a task that is a graph itself: the tasks, which of them is the result, its inputs."""
        tasks, result, inputs, *given = arguments
        named = {key: DataNode(key, f"input {number}") for number, key in enumerate(inputs)}
        return [identities({**named, **tasks}, self._names)[result], *given]

    def _by_value(self, function: types.FunctionType | type) -> list[Any]:
        self._portable = False
        if isinstance(function, type):
            return self._class(function)
        known, code = function.__globals__, function.__code__
        refers = {name: known[name] for name in sorted(_names(code)) if name in known}
        held = [cell.cell_contents for cell in function.__closure__ or ()]
        return ["function", *map(self.of, (code, function.__defaults__, function.__kwdefaults__, held, refers))]

    def _class(self, kind: type) -> list[Any]:
        plain = {k: v for k, v in vars(kind).items() if isinstance(v, types.FunctionType) or not k.startswith("__")}
        return ["class", kind.__name__, *map(self.of, (kind.__bases__, plain))]

    def _code(self, code: types.CodeType) -> list[Any]:
        """Return what ``code`` does: not in which file and line it stands."""
        what = (code.co_code, code.co_consts, code.co_names, code.co_varnames, code.co_freevars, code.co_exceptiontable)
        return ["code", code.co_argcount, code.co_kwonlyargcount, code.co_flags, *map(self.of, what)]


def _importable(named: types.FunctionType | type) -> bool:
    """Return whether a worker could import what is ``named``, and so does not get its code."""
    found: Any = sys.modules.get(named.__module__) if named.__module__ != "__main__" else None
    for part in named.__qualname__.split("."):
        found = getattr(found, part, None)
    return found is named


def _names(code: types.CodeType) -> set[str]:
    """Return the names that ``code`` and the functions within it use."""
    inner = [_names(const) for const in code.co_consts if isinstance(const, types.CodeType)]
    return set(code.co_names).union(*inner)
