"""Command options made from the one list of fields, and the few that several verbs share."""

from __future__ import annotations

import functools
from collections.abc import Callable, Mapping
from pathlib import Path
from typing import Any, TypeVar

import click
from click.shell_completion import CompletionItem

from ..clusters.errors import SpecError
from ..clusters.fields import Field, duration_text, seconds
from ..clusters.spec import FIELDS
from .completion import cluster_names
from .reach import Place

Command = TypeVar("Command", bound=Callable[..., Any])


class FieldType(click.ParamType):
    """A field of the spec as the type of an option: the field itself parses and refuses."""

    def __init__(self, field: Field):
        self.field = field
        self.name = field.name

    def convert(self, value: Any, param: click.Parameter | None, ctx: click.Context | None) -> Any:
        """Return ``value`` as the field has it."""
        try:
            return self.field.parse(value)
        except SpecError:
            if ctx is not None and ctx.resilient_parsing:  # completion looks at what is still being typed
                return None
            raise

    def shell_complete(self, ctx: click.Context, param: click.Parameter, incomplete: str) -> list[CompletionItem]:
        """Return the field's choices."""
        return [CompletionItem(choice) for choice in self.field.choices if choice.startswith(incomplete)]


class DurationType(click.ParamType):
    """A duration such as ``45m``, in seconds."""

    name = "duration"

    def convert(self, value: Any, param: click.Parameter | None, ctx: click.Context | None) -> int:
        """Return ``value`` in seconds."""
        try:
            return seconds(value)
        except ValueError:
            self.fail(f"{value!r} is no duration such as 45m or 2h", param, ctx)


DURATION = DurationType()


def spec_options(command: Command) -> Command:
    """Give ``command`` one option for each field of a cluster, in the spec's order; what is not typed is None."""
    return field_options(*FIELDS)(command)


def field_options(*names: str) -> Callable[[Command], Command]:
    """Return what gives a command the options of the fields ``names``; what is not typed is None."""

    def optioned(command: Command) -> Command:
        for name in reversed(names):
            command = _option(FIELDS[name])(command)
        return command

    return optioned


def typed_fields(given: Mapping[str, Any]) -> dict[str, Any]:
    """Return the fields among a command's arguments that were typed."""
    return {name: given[name] for name in FIELDS if given.get(name) is not None}


def place_options(command: Callable[..., Any]) -> Callable[..., Any]:
    """Give ``command`` ``--project``, ``--region`` and ``--local``; it takes what they say as ``place``."""

    @functools.wraps(command)
    def placed(*args: Any, project: str | None, region: str | None, local: bool, **given: Any) -> Any:
        return command(*args, place=Place.of(project, region, local), **given)

    return _option(FIELDS["project"])(_option(FIELDS["region"])(local_option(placed)))


def local_option(command: Command) -> Command:
    """Give ``command`` ``--local``."""
    return click.option("--local", is_flag=True, help="The emulator on this machine, whatever project is configured.")(
        command
    )


def name_argument(command: Command) -> Command:
    """Give ``command`` the optional name of a cluster."""
    return click.argument("name", default="", required=False, shell_complete=cluster_names)(command)


def name_option(command: Command) -> Command:
    """Give ``command`` ``--name``, where its arguments are numbers."""
    return click.option("--name", default="", metavar="NAME", help="Which cluster.", shell_complete=cluster_names)(
        command
    )


def json_option(command: Command) -> Command:
    """Give ``command`` ``--json``."""
    return click.option("--json", "as_json", is_flag=True, help="One JSON document on stdout, nothing else.")(command)


def spec_file(path: Path | None) -> dict[str, Any]:
    """Return the fields written in the YAML file at ``path``, as they are; none without a path."""
    if path is None:
        return {}
    import yaml

    try:
        given = yaml.safe_load(path.read_text())
    except (OSError, UnicodeDecodeError, yaml.YAMLError) as error:
        raise SpecError(f"spec: {path} cannot be read: {' '.join(str(error).split())}") from error
    if not isinstance(given, Mapping):
        raise SpecError(f"spec: {path} has {type(given).__name__}, allowed is a mapping of fields", "workers: 4")
    return {str(name).replace("-", "_"): value for name, value in given.items()}


def _option(field: Field) -> Callable[[Command], Command]:
    flag = field.name.replace("_", "-")
    if field.type is bool:
        return click.option(f"--{flag}/--no-{flag}", field.name, default=None, help=_help(field))
    several = field.type in (tuple, dict)
    return click.option(
        f"--{flag}",
        field.name,
        type=FieldType(field),
        multiple=several,
        callback=_join if several else None,
        metavar=_metavar(field),
        help=_help(field),
    )


def _join(ctx: click.Context, param: click.Parameter, parts: tuple[Any, ...]) -> Any:
    """Return the values of an option given several times as one, None if it was not given."""
    if not parts:
        return None
    if all(isinstance(part, dict) for part in parts):
        return {key: value for part in parts for key, value in part.items()}
    return tuple(item for part in parts for item in part or ())


def _metavar(field: Field) -> str:
    if field.choices:
        return "|".join(field.choices)
    if field.unit == "duration":
        return "DURATION"
    return {int: "N", tuple: "A,B", dict: "KEY=VALUE"}.get(field.type, "TEXT")


def _help(field: Field) -> str:
    """Return the field's help with its unit, bounds and default."""
    default = duration_text(field.default) if field.unit == "duration" else field.default
    notes = [field.unit] if field.unit not in ("", "duration") else []
    if field.type is int and field.low is not None and field.high is not None:
        low, high = (duration_text(b) if field.unit == "duration" else b for b in (field.low, field.high))
        notes.append(f"{low} to {high}")
    if default not in ("", (), {}, None) and field.type is not bool:
        notes.append(f"default {default}")
    if field.type is bool:
        notes.append(f"default {'yes' if default else 'no'}")
    said = field.help[0].upper() + field.help[1:]
    if field.like and not default:
        notes.append(f"such as {field.like}")
    return f"{said} [{', '.join(map(str, notes))}]." if notes else f"{said}."
