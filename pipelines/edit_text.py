"""A notebook's metadata as commented YAML for an editor, with every field there is, and read back. Pure."""

from __future__ import annotations

import json
from collections.abc import Iterator, Mapping
from typing import Any

import yaml

from ..clusters.fields import Field, duration_text, refusal
from ..clusters.spec import FIELDS as CLUSTER_FIELDS
from .edit import CLUSTER, Entry, plain, read_yaml
from .metadata import FIELDS
from .parameters import Parameter

TROUBLE = "# ✗ "
"""How the lines begin that say what is wrong."""
LINES = 2
"""So many there are always: what is said of a line's number holds for the text that is edited next."""


def written(entry: Mapping[str, Any], title: str, parameters: Mapping[str, Parameter]) -> str:
    """Return ``entry`` as a person edits it: what is given, and as comments what may be.

    Parameters
    ----------
    entry : mapping
    title : str
        The notebook.
    parameters : mapping
        What it declares: shown, for they are edited in their cell.
    """
    return "\n".join([*_head(title, parameters), *_job(entry), *_cluster(entry.get(CLUSTER) or {}), ""])


def bare(text: str) -> str:
    """Return an edited ``text`` with `LINES` empty lines for what was wrong with it, or may be."""
    kept = [line for line in text.strip("\n").split("\n") if not line.startswith(TROUBLE)]
    return "\n".join([*[""] * LINES, *kept, ""])


def marked(text: str, wrong: str) -> str:
    """Return a `bare` text with what is ``wrong`` with it in its first lines."""
    said = [f"{TROUBLE}{line}" for line in (wrong.splitlines() + [""] * LINES)[:LINES]]
    return "\n".join([*said, *text.split("\n")[LINES:]])


def read_back(text: str) -> Entry:
    """Return the entry that an edited ``text`` says; a field without a value is not given.

    Raises
    ------
    SpecError
        It is no YAML, or no mapping.
    """
    said = read_yaml(text)
    if said is None:
        return {}
    if not isinstance(said, Mapping):
        raise refusal("the text", said, "a mapping of fields", "schedule: '@daily'")
    entry = {str(name): value for name, value in said.items() if value is not None}
    if isinstance(cluster := entry.get(CLUSTER), Mapping):
        entry[CLUSTER] = {str(name): value for name, value in cluster.items() if value is not None}
        if not entry[CLUSTER]:
            del entry[CLUSTER]
    return entry


def line_of(text: str, path: tuple[str, ...]) -> int:
    """Return the number of the line of ``text`` where the field at ``path`` is, or what it is in; 0 if nothing is."""
    node, line = yaml.compose(text, Loader=yaml.SafeLoader), 0
    for part in path:
        pairs = node.value if isinstance(node, yaml.MappingNode) else []
        found = next((pair for pair in pairs if pair[0].value == part), None)
        if found is None:
            break
        node, line = found[1], found[0].start_mark.line + 1
    return line


def _head(title: str, parameters: Mapping[str, Parameter]) -> Iterator[str]:
    yield f"# {title} as a job: save and close to keep it, close without saving to leave it as it was."
    yield "# A field behind # is at its default."
    if parameters:
        yield "#"
        yield "# The notebook's parameters, for reading only: their cell is where they are changed."
    for each in parameters.values():
        yield f"#   {declaration(each)}   cell {each.cell}" + (f", {each.help}" if each.help else "")


def declaration(parameter: Parameter) -> str:
    """Return a parameter as its cell declares it."""
    default = "…, computed" if parameter.computed else json.dumps(parameter.default, ensure_ascii=False, default=repr)
    return f"{parameter.name}: {parameter.type} = {default}"


def _job(entry: Mapping[str, Any]) -> Iterator[str]:
    for name, field in FIELDS.items():
        yield from ("", f"# {_said(field)}")
        yield from _item(name, entry) if name in entry else [f"# {name}: {_default(field)}"]
    for name in entry:
        if name not in FIELDS and name != CLUSTER:
            yield from ("", *_item(name, entry))


def _cluster(cluster: Any) -> Iterator[str]:
    yield from ("", "# the cluster of each run")
    if not isinstance(cluster, Mapping):
        yield from _item(CLUSTER, {CLUSTER: cluster})
        return
    yield f"{CLUSTER}:"
    known = {str(name).replace("-", "_"): name for name in cluster}
    for name, field in CLUSTER_FIELDS.items():
        if name in known:
            yield from (f"  {line}" for line in (f"# {_said(field)}", *_item(known[name], cluster)))
        else:
            yield f"  # {name}: {_default(field)}   # {_said(field)}"
    for name, given in known.items():
        if name not in CLUSTER_FIELDS:
            yield from (f"  {line}" for line in _item(given, cluster))


def _item(name: Any, values: Mapping[str, Any]) -> list[str]:
    value = values[name]
    if isinstance(value, Mapping) and value:
        return yaml.safe_dump({name: value}, sort_keys=False, allow_unicode=True, width=1000).splitlines()
    return f"{_inline(name)}: {_inline(value)}".splitlines()


def _said(field: Field) -> str:
    return f"{field.help}: {field.allowed}"


def _default(field: Field) -> str:
    return _inline(duration_text(field.default) if field.unit == "duration" else plain(field.default))


def _inline(value: Any) -> str:
    """Return ``value`` as YAML on one line."""
    if value in ("", [], {}):
        return json.dumps(value)
    said = yaml.safe_dump(value, sort_keys=False, allow_unicode=True, width=100_000, default_flow_style=True)
    return said.removesuffix("...\n").strip()
