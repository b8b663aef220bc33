"""A notebook's metadata changed: an entry and what is to become of it in, an entry out, checked as a whole. Pure."""

from __future__ import annotations

from collections.abc import Iterable, Mapping
from typing import Any

import yaml

from ..clusters.assignments import taken_apart
from ..clusters.errors import NotebookError, SpecError
from ..clusters.fields import Field, unknown
from ..clusters.spec import FIELDS as CLUSTER_FIELDS
from ..clusters.spec import ClusterSpec
from .metadata import FIELDS, KEY, Job, read_job
from .notebook import Notebook
from .parameters import declared_parameters

CLUSTER = "cluster"
"""The entry's mapping of the cluster's fields."""
Entry = dict[str, Any]


def with_job(notebook: Notebook, entry: Mapping[str, Any]) -> Notebook:
    """Return ``notebook`` with ``entry`` for what it says of itself as a job."""
    return {**notebook, "metadata": {**notebook.get("metadata", {}), KEY: dict(entry)}}


def with_cluster(notebook: Notebook, cluster: Mapping[str, Any] | None) -> Notebook:
    """Return ``notebook`` with ``cluster`` for the fields of its job's cluster; as it is where that is None."""
    if cluster is None:
        return notebook
    return with_job(notebook, {**notebook.get("metadata", {}).get(KEY, {}), CLUSTER: dict(cluster)})


def check(notebook: Notebook, entry: Mapping[str, Any]) -> tuple[Job, ClusterSpec]:
    """Return the job and the cluster that ``notebook`` would be with ``entry``.

    Raises
    ------
    NotebookError
        The entry is wrong, or the notebook's parameters are: one line with the field, or the cell's number.
    """
    made = with_job(notebook, entry)
    declared_parameters(made)
    return read_job(made)


def edited(entry: Mapping[str, Any], assignments: Iterable[str], gone: Iterable[str] = ()) -> Entry:
    """Return ``entry`` with each ``FIELD=VALUE`` set and the fields ``gone`` taken out, in the order it has.

    A field is one of a job, ``cluster.FIELD`` one of its cluster, and ``FIELD.NAME`` one name of a field that is a
    mapping. VALUE is a text as the field takes it; for mappings and lists YAML too.

    Raises
    ------
    SpecError
        A field that there is not or is given twice, a text without ``=``, a value of another type.
    """
    made = {**entry, **({CLUSTER: dict(entry[CLUSTER])} if isinstance(entry.get(CLUSTER), Mapping) else {})}
    for name in gone:
        _drop(made, name)
    for name, text in taken_apart(assignments, "--set").items():
        _set(made, name, text)
    if made.get(CLUSTER) == {}:
        del made[CLUSTER]
    return made


def read_yaml(text: str) -> Any:
    """Return what YAML ``text`` says, dates as the texts they are: JSON has none.

    Raises
    ------
    SpecError
        It is no YAML; the line is named.
    """
    try:
        return yaml.load(text, Loader=_Loader)
    except yaml.YAMLError as error:
        mark = getattr(error, "problem_mark", None)
        where = f"line {mark.line + 1}: " if mark else ""
        said = getattr(error, "problem", None) or " ".join(str(error).split())
        raise SpecError(
            f"{where}not YAML: {said}", "quote a text that begins with @ or *: schedule: '@daily'"
        ) from None


def plain(value: Any) -> Any:
    """Return a field's value as JSON has it."""
    return list(value) if isinstance(value, tuple) else dict(value) if isinstance(value, Mapping) else value


class _Loader(yaml.SafeLoader):
    """YAML without dates, and in which a key stands once."""

    yaml_implicit_resolvers = {  # noqa: RUF012  (as PyYAML has it)
        first: [(tag, pattern) for tag, pattern in resolvers if tag != "tag:yaml.org,2002:timestamp"]
        for first, resolvers in yaml.SafeLoader.yaml_implicit_resolvers.items()
    }

    def construct_mapping(self, node: Any, deep: bool = False) -> Any:
        """Return the mapping; refuse a key that it has twice."""
        made = super().construct_mapping(node, deep)
        if len(made) < len(node.value):
            seen: set[Any] = set()
            again = next(key for key, _ in node.value if key.value in seen or seen.add(key.value))
            raise yaml.constructor.ConstructorError(None, None, f"{again.value} is given twice", again.start_mark)
        return made


def _set(made: Entry, name: str, text: str) -> None:
    first, _, rest = name.partition(".")
    if first == CLUSTER and rest:
        field = _field(rest.replace("-", "_"), CLUSTER_FIELDS, "field of a cluster")
        _drop(made, name)
        made.setdefault(CLUSTER, {})[field.name] = _value(field, text)
    elif first == CLUSTER:
        made[CLUSTER] = read_yaml(text) or {}
    elif rest:
        field = _field(first, FIELDS, "field of a job", prefixed=True)
        made[field.name] = {**(plain(made.get(field.name)) or {}), rest: read_yaml(text)}
        field.parse(made[field.name])
    else:
        field = _field(first, FIELDS, "field of a job", prefixed=True)
        made[field.name] = _value(field, text)


def _drop(made: Entry, name: str) -> None:
    """Take the field ``name`` out; one that there is not may be there all the same, as what is wrong."""
    first, _, rest = name.partition(".")
    if not rest:
        if first not in made and first != CLUSTER:
            _field(first, FIELDS, "field of a job", prefixed=True)
        made.pop(first, None)
        return
    if first == CLUSTER and rest not in made.get(CLUSTER, {}):
        _field(rest.replace("-", "_"), CLUSTER_FIELDS, "field of a cluster")
    inside = made.get(first)
    if isinstance(inside, Mapping):
        same = {rest, rest.replace("-", "_")} if first == CLUSTER else {rest}
        made[first] = {
            key: value
            for key, value in inside.items()
            if (key.replace("-", "_") if first == CLUSTER else key) not in same
        }


def _field(name: str, fields: Mapping[str, Field], what: str, *, prefixed: bool = False) -> Field:
    if name in fields:
        return fields[name]
    if prefixed and name.replace("-", "_") in CLUSTER_FIELDS:
        raise SpecError(f"{name!r}: no such {what}, it is one of the cluster", f"cluster.{name.replace('-', '_')}")
    raise unknown(name, [*fields, CLUSTER] if prefixed else fields, what)


def _value(field: Field, text: str) -> Any:
    """Return what stands in the entry for ``text``: a duration as it was typed, for it is read by people."""
    if field.type is str or field.unit == "duration":
        field.parse(text)
        return text
    if field.type in (int, bool):
        return field.parse(text)
    given = read_yaml(text) if text.lstrip()[:1] in ("{", "[") else text
    value = field.parse(given)
    return plain(value if given is text else given)


def trouble(error: NotebookError) -> tuple[str, ...]:
    """Return the path of the field that ``error`` of `check` is about, as far as its line says: () if it is of none."""
    place, _, said = error.message.removeprefix("metadata ").partition(": ")
    if not place.startswith(KEY):
        return ()
    path = [*place.removeprefix(KEY).split("."), *said.partition(":")[0].strip("'\"").split(".")]
    return tuple(part for part in path if part)
