"""The verbs that make jobs of notebooks: run and dag, and ``%dask_pipeline`` run and export of the one at hand."""

from __future__ import annotations

from pathlib import Path

import click

from ..clusters.errors import SpecError
from .cli import ExpectedFailures
from .front import Front, pass_front

parameters_option = click.option(
    "-p", "--parameter", "assignments", multiple=True, metavar="NAME=VALUE", help="A parameter; VALUE as JSON, or text."
)
output_option = click.option("-o", "--output", metavar="URL", help="The executed notebook [default out/NOTEBOOK].")
kernel_option = click.option("-k", "--kernel", metavar="NAME", help="The kernel to run it in [default its own].")
folder_option = click.option(
    "-o",
    "--output",
    "folder",
    type=click.Path(path_type=Path),
    default=Path(),
    metavar="DIR",
    help="Where to [default .].",
)


@click.command()
@click.argument("notebook")
@parameters_option
@output_option
@kernel_option
@pass_front
def run(front: Front, notebook: str, assignments: tuple[str, ...], output: str | None, kernel: str | None) -> None:
    """Execute NOTEBOOK here, with Papermill.

    Says where the executed notebook is. Parameters are typed: refused before anything runs if they do not fit.
    """
    _run(front, notebook, assignments, output, kernel)


@click.command()
@click.argument("notebook", default="")
@click.option("--template", default="", metavar="NAME", help="Of a template in place of a notebook, as cleanup.")
@click.option("--set", "settings", multiple=True, metavar="NAME=VALUE", help="A setting of the template.")
@folder_option
@pass_front
def dag(front: Front, notebook: str, template: str, settings: tuple[str, ...], folder: Path) -> None:
    """Write the Airflow DAG file of NOTEBOOK, or of a template.

    One standalone file, made from the notebook's parameters and metadata, or from the template's settings: an unknown
    one is refused with the names of those there are. docs/composer.md
    """
    if bool(notebook) == bool(template):
        raise SpecError("dag: a NOTEBOOK or a --template is needed, one of them", "%dask_cluster dag NOTEBOOK")
    if settings and not template:
        raise SpecError("--set: given without --template; a notebook has parameters of its own", "--template NAME")
    if template:
        from ..pipelines.dag_templates import write_template

        front.result(str(write_template(template, settings, folder)))
    else:
        _write(front, notebook, folder)


@click.group(cls=ExpectedFailures)
def pipeline() -> None:
    """Make a job of this notebook, as it was last saved, or of another one."""


@pipeline.command()
@click.argument("notebook", default="")
@folder_option
@pass_front
def export(front: Front, notebook: str, folder: Path) -> None:
    """Write one standalone Airflow DAG file made from the notebook."""
    _write(front, notebook or _at_hand(front), folder)


@pipeline.command("run")
@click.argument("notebook", default="")
@parameters_option
@output_option
@kernel_option
@pass_front
def run_at_hand(
    front: Front, notebook: str, assignments: tuple[str, ...], output: str | None, kernel: str | None
) -> None:
    """Execute the notebook with Papermill in a kernel of its own, and say where the executed one is."""
    _run(front, notebook or _at_hand(front), assignments, output, kernel)


def _run(front: Front, notebook: str, assignments: tuple[str, ...], output: str | None, kernel: str | None) -> None:
    from ..pipelines.notebook import read_notebook
    from ..pipelines.parameters import declared_parameters, parse_assignments
    from ..pipelines.run import run_notebook

    values = parse_assignments(assignments, declared_parameters(read_notebook(notebook)))
    front.result(str(run_notebook(notebook, output, values, kernel_name=kernel)))


def _write(front: Front, notebook: str, folder: Path) -> None:
    from ..pipelines.generator import write_dag

    front.result(str(write_dag(notebook, folder)))


def _at_hand(front: Front) -> str:
    """Return the path of the notebook that is open; a headless kernel does not know it, and so cannot run itself."""
    path = front.session.notebook if front.session else ""
    if not path:
        raise SpecError("notebook: none given, and this kernel does not know its own", "%dask_pipeline export NOTEBOOK")
    return path
