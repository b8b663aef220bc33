"""The verbs that make jobs of notebooks: run and dag, and pipeline: run, export, show and edit of the one at hand."""

from __future__ import annotations

import tempfile
from collections.abc import Mapping
from pathlib import Path
from typing import Any

import click

from ..clusters.errors import SpecError
from .cli import ExpectedFailures
from .edit_verbs import at_hand, edit, show
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
diff_option = click.option(
    "--diff", is_flag=True, help="Write nothing: say what has changed since the last export; status 1 if something has."
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
@diff_option
@pass_front
def dag(front: Front, notebook: str, template: str, settings: tuple[str, ...], folder: Path, diff: bool) -> None:
    """Write the Airflow DAG file of NOTEBOOK, or of a template.

    A notebook's is one standalone file, made from its parameters and metadata; beside it, under kernels/, what makes
    the notebook's kernel on an Airflow worker. A template's is made from its settings: an unknown one is refused with
    the names of those there are. docs/dag.md, docs/composer.md
    """
    if bool(notebook) == bool(template):
        raise SpecError("dag: a NOTEBOOK or a --template is needed, one of them", "%dask_cluster dag NOTEBOOK")
    if settings and not template:
        raise SpecError("--set: given without --template; a notebook has parameters of its own", "--template NAME")
    if template:
        from ..pipelines.dag_templates import write_template

        front.result(str(write_template(template, settings, folder)))
    else:
        _export(front, notebook, folder, None, diff)


@click.group(cls=ExpectedFailures)
def pipeline() -> None:
    """Make a job of a notebook, as it was last saved.

    In a notebook of this one, unless another is named.
    """


pipeline.add_command(show)
pipeline.add_command(edit)


@pipeline.command()
@pass_front
def panel(front: Front) -> None:
    """Show the panel of this notebook's job, in a live notebook."""
    if front.session is None or not front.session.live:
        raise SpecError("panel: allowed is in a live notebook", "dask dataproc pipeline edit NOTEBOOK")
    from IPython.display import display

    from .pipeline_panel import panel_of_job

    display(panel_of_job(front.session))


@pipeline.command()
@click.argument("notebook", default="")
@folder_option
@click.option("--as-is", is_flag=True, help="Of the session's cluster keep the size too, whatever was used of it.")
@diff_option
@pass_front
def export(front: Front, notebook: str, folder: Path, as_is: bool, diff: bool) -> None:
    """Write one standalone Airflow DAG file made from the notebook.

    Where its metadata names no cluster, the job gets that of the session in which it is exported, at the size that what
    was measured there speaks for.
    """
    from .promote import promotion

    location = notebook or at_hand(front, "export")
    _export(front, location, folder, promotion(front.session, location, front.say, as_is=as_is), diff)


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
    _run(front, notebook or at_hand(front, "run"), assignments, output, kernel)


def _run(front: Front, notebook: str, assignments: tuple[str, ...], output: str | None, kernel: str | None) -> None:
    from ..pipelines.notebook import read_notebook
    from ..pipelines.parameters import declared_parameters, parse_assignments
    from ..pipelines.run import run_notebook

    values = parse_assignments(assignments, declared_parameters(read_notebook(notebook)))
    front.result(str(run_notebook(notebook, output, values, kernel_name=kernel)))


def _export(front: Front, notebook: str, folder: Path, cluster: Mapping[str, Any] | None, diff: bool) -> None:
    """Write the DAG, or say what that would change and end with the status that ``diff`` has."""
    from ..pipelines.generator import write_dag

    if not diff:
        front.result(str(write_dag(notebook, folder, cluster)))
        return
    from ..pipelines.export_diff import changes, unified

    with tempfile.TemporaryDirectory() as elsewhere:
        written = write_dag(notebook, elsewhere, cluster)
        made, path = written.read_text(encoding="utf-8"), folder / written.name
    there = path.read_text(encoding="utf-8") if path.exists() else ""
    if there == made:
        front.say(f"{path} is as it would be written now")
        return
    told = changes(there, made) if there else [f"nothing has been exported to {folder} yet: all of it"]
    front.result("\n".join([*told, "", unified(there, made, str(path))]))
    click.get_current_context().exit(1)
