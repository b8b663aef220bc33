"""``dask dataproc VERB`` and ``%dask_cluster VERB``: the same commands. Light: every call of ``dask`` loads it."""

from __future__ import annotations

import difflib
from importlib import import_module
from typing import Any

import click

from ..clusters.errors import DaskDataprocError, JobFailed, SpecError

HOMES = {
    "up": "up_verb",
    "down": "cluster_verbs",
    "attach": "cluster_verbs",
    "scale": "cluster_verbs",
    "adapt": "cluster_verbs",
    "size": "size_verbs",
    "list": "look_verbs",
    "status": "look_verbs",
    "cost": "money_verbs",
    "quota": "money_verbs",
    "metrics": "metrics_verbs",
    "prices": "price_verbs",
    "logs": "look_verbs",
    "dashboard": "look_verbs",
    "fleet": "fleet_verbs",
    "audit": "fleet_verbs",
    "export-logs": "fleet_verbs",
    "cleanup": "care_verbs",
    "doctor": "care_verbs",
    "emulator": "emulator_verbs",
    "submit": "job_verbs",
    "jobs": "job_verbs",
    "run": "pipeline_verbs",
    "dag": "pipeline_verbs",
    "composer": "composer_verbs",
    "quality": "quality_verbs",
    "pipeline": "pipeline_verbs",
}
"""Where each verb lives."""


class Failed(click.ClickException):
    """An expected failure on its way to a person: line and hint on stderr; status 1, 2 for what cannot be asked."""

    def __init__(self, error: DaskDataprocError, text: str):
        super().__init__(error.message)
        self.error = error
        self.text = text
        self.exit_code = _status(error)  # pyright: ignore[reportAttributeAccessIssue]

    def show(self, file: Any = None) -> None:
        """Write the line and the hint."""
        click.echo(self.text, file=file, err=file is None)


def _status(error: DaskDataprocError) -> int:
    if isinstance(error, JobFailed):
        return error.status
    return 2 if isinstance(error, SpecError) else 1


class ExpectedFailures(click.Group):
    """A group that turns expected failures into `Failed`."""

    def invoke(self, ctx: click.Context) -> Any:
        """Run the command."""
        from .front import Front

        try:
            return super().invoke(ctx)
        except DaskDataprocError as error:
            raise Failed(error, ctx.ensure_object(Front).spelled(error.lines())) from error


class Verbs(ExpectedFailures):
    """A group that imports a command when it is first asked for."""

    def list_commands(self, ctx: click.Context) -> list[str]:
        """Return the verbs in the order in which one meets them."""
        return list(HOMES)

    def get_command(self, ctx: click.Context, cmd_name: str) -> click.Command | None:
        """Return the command of a verb, None if there is no such verb."""
        if cmd_name not in HOMES:
            return None
        module = import_module(f".{HOMES[cmd_name]}", __package__)
        return next(c for c in vars(module).values() if isinstance(c, click.Command) and c.name == cmd_name)

    def resolve_command(self, ctx: click.Context, args: list[str]) -> Any:
        """Return the command that ``args`` begin with; for a verb there is not, name the nearest there is."""
        if args[0] not in HOMES and not args[0].startswith("-") and not ctx.resilient_parsing:
            near = difflib.get_close_matches(args[0], HOMES, n=1)
            ctx.fail(
                f"no verb {args[0]!r}; " + (f"did you mean {near[0]}?" if near else f"there are {', '.join(HOMES)}")
            )
        return super().resolve_command(ctx, args)


@click.group(cls=Verbs, context_settings={"help_option_names": ["-h", "--help"]})
def dataproc() -> None:
    """Ephemeral Dask clusters on Dataproc, and notebooks as jobs on them.

    Exit status: 0; 1 when what was asked failed, with one line and a hint on stderr; 2 when it cannot be asked.
    """
