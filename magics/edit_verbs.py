"""The verbs that look at a notebook's metadata as a job and change it: show and edit."""

from __future__ import annotations

import datetime
from typing import TYPE_CHECKING, Any

import click

from ..clusters.errors import NotebookError, SpecError
from .front import Front, pass_front
from .options import json_option
from .render import Table

if TYPE_CHECKING:
    from ..pipelines.edit import Entry
    from ..pipelines.notebook_file import NotebookFile


@click.command()
@click.argument("notebook", default="")
@click.option(
    "--set", "assignments", multiple=True, metavar="FIELD=VALUE", help="As schedule=@daily, cluster.workers=4."
)
@click.option("--unset", "gone", multiple=True, metavar="FIELD", help="Back to its default.")
@pass_front
def edit(front: Front, notebook: str, assignments: tuple[str, ...], gone: tuple[str, ...]) -> None:
    """Change what a notebook says of itself as a job.

    Without options in $EDITOR, as commented YAML. What is wrong is said with its line, and nothing is written before
    all is right; then only the one entry of the notebook's file changes. FIELD is one of the job, cluster.FIELD one of
    its cluster.
    """
    from ..pipelines.edit import check, edited
    from ..pipelines.notebook_file import NotebookFile

    file = NotebookFile.read(notebook or at_hand(front, "edit"))
    if assignments or gone:
        entry = edited(file.entry, assignments, gone)
        check(file.document, entry)
    else:
        entry = _in_editor(front, file)
    if entry == file.entry:
        front.say(f"Nothing has changed in {file.path}")
        return
    from .job_entry import keep

    keep(front.session, file, entry, front.say)
    front.show(Table(_changes(file.entry, entry), ("field", "was", "is")))


@click.command()
@click.argument("notebook", default="")
@json_option
@pass_front
def show(front: Front, notebook: str, as_json: bool) -> None:
    """Show what a notebook is as a job.

    Its parameters with their types and cell, schedule, inputs, outputs, cluster, and what a run costs.
    """
    from ..pipelines.metadata import KEY
    from ..pipelines.notebook import read_notebook
    from .contract import Contract

    front.quiet = as_json
    location = notebook or at_hand(front, "show")
    document = read_notebook(location)
    contract = Contract.of(document, location, document.get("metadata", {}).get(KEY, {}))
    now = datetime.datetime.now(datetime.UTC)
    if as_json:
        front.document(contract.to_dict(now))
    else:
        front.show(Table(contract.rows(now)))


def at_hand(front: Front, verb: str) -> str:
    """Return the path of the notebook that is open.

    Raises
    ------
    SpecError
        A shell has none, and a headless kernel does not know it.
    """
    path = front.session.notebook if front.session else ""
    if not path:
        said = "and this kernel does not know its own" if front.session else "allowed is the path of one"
        command = "%dask_pipeline" if front.session else "dask dataproc pipeline"
        raise SpecError(f"notebook: none given, {said}", f"{command} {verb} NOTEBOOK")
    return path


def _in_editor(front: Front, file: NotebookFile) -> Entry:
    """Return the entry as a person has edited it, once it is right; as it was if they give up."""
    from ..pipelines.edit_text import bare, marked, written
    from ..pipelines.parameters import declared_parameters

    if front.session is not None and front.session.live:
        raise SpecError("edit: no field given, and a notebook's kernel has no editor", "%dask_pipeline   (the panel)")
    text = written(file.entry, file.path.name, declared_parameters(file.document))
    while True:
        text, before = click.edit(text, extension=".yaml") or "", text
        if not text.strip() or text == before:
            return file.entry
        text = bare(text)
        try:
            return _checked(file, text)
        except (NotebookError, SpecError) as error:
            said = front.spelled(error.lines())
            front.say(said)
            if not click.confirm("Edit again?", default=True, err=True):
                raise
            text = marked(text, said)


def _checked(file: NotebookFile, text: str) -> Entry:
    from ..pipelines.edit import check, trouble
    from ..pipelines.edit_text import line_of, read_back

    entry = read_back(text)
    try:
        check(file.document, entry)
    except NotebookError as error:
        line = line_of(text, trouble(error))
        raise NotebookError(f"line {line}: {error}" if line else str(error), error.hint) from error
    return entry


def _changes(before: Entry, after: Entry) -> list[tuple[str, str, str]]:
    """Return the fields that differ: name, before and after."""
    was, now = dict(_leaves(before)), dict(_leaves(after))
    names = [*was, *(name for name in now if name not in was)]
    return [(n, was.get(n, "default"), now.get(n, "default")) for n in names if was.get(n) != now.get(n)]


def _leaves(entry: Entry) -> list[tuple[str, str]]:
    inside: Any = entry.get("cluster")
    cluster = inside if isinstance(inside, dict) else {}
    job = [(name, str(value)) for name, value in entry.items() if name != "cluster"]
    return [*job, *((f"cluster.{name}", str(value)) for name, value in cluster.items())]
