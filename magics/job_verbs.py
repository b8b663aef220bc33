"""The verbs about jobs: submit, jobs."""

from __future__ import annotations

import contextlib
import sys
from collections.abc import Iterator
from pathlib import Path
from typing import TYPE_CHECKING, Any

import click

from ..clusters.assignments import taken_apart
from ..clusters.errors import SpecError
from .completion import cluster_names
from .front import Front, pass_front
from .options import field_options, json_option, place_options, spec_file, typed_fields
from .reach import Place, now_at, only_name
from .render import Table, span

if TYPE_CHECKING:
    from ..clusters.job_config import JobSpec

OWN_CLUSTER = ("workers", "worker_machine", "master_machine", "runtime", "workload", "lifetime", "staging")
"""Fields that, typed, ask for a cluster of the job's own; a file has them all."""
INTERRUPTED = 130
"""Exit status of what Ctrl-C has ended, as shells have it."""


@click.command()
@click.argument("name", default="", metavar="[CLUSTER]", shell_complete=cluster_names)
@click.option("--job-module", "module", default="", metavar="MODULE", help="Where the function is.")
@click.option("--job-function", "function", default="main", metavar="NAME", help="What to run [default main].")
@click.option("--set", "assignments", multiple=True, metavar="NAME=VALUE", help="An argument, typed by its annotation.")
@click.option("--file", type=click.Path(path_type=Path), metavar="FILE.py", help="A module that the job brings.")
@click.option(
    "--git-repo", default="", metavar="URL", help="A repository that the job brings, with its locked packages."
)
@click.option("--git-ref", default="", metavar="REF", help="Its commit, tag or branch [default: its default branch].")
@click.option("--git-secret", default="", metavar="SECRET", help="Secret Manager's name of its key or token.")
@click.option("--id", "job_id", default="", metavar="ID", help="The job's id; made up when not given.")
@click.option("--detach", is_flag=True, help="End when it is submitted, and say its id.")
@click.option("--gcloud", is_flag=True, help="Only say the line that submits it with gcloud.")
@click.option(
    "--spec", "path", type=click.Path(path_type=Path), metavar="FILE", help="On a cluster of its own: fields."
)
@field_options(*OWN_CLUSTER)
@place_options
@pass_front
def submit(
    front: Front,
    name: str,
    module: str,
    function: str,
    assignments: tuple[str, ...],
    file: Path | None,
    git_repo: str,
    git_ref: str,
    git_secret: str,
    job_id: str,
    detach: bool,
    gcloud: bool,
    path: Path | None,
    place: Place,
    **fields: Any,
) -> None:
    """Run a function as a job on a cluster's master.

    Shows its output as it comes. Ctrl-C cancels it; a second one does not wait for that. The exit status is the job's.
    Without CLUSTER it is the notebook's own or your only one; with --workers, --spec or another field it is a new one,
    deleted afterwards.
    """
    from ..clusters.job_config import JobSpec

    given = {name.replace("-", "_"): text for name, text in taken_apart(assignments, "--set").items()}
    spec = JobSpec(module or (file.stem if file else ""), function, given, git_repo, git_ref, git_secret)
    own = spec_file(path) | typed_fields(fields)
    if own and (name or detach or gcloud):
        what = "a cluster's name" if name else "--detach" if detach else "--gcloud"
        raise SpecError(
            f"{next(iter(own))}: given, allowed is none with {what}: it asks for a cluster of the job's own"
        )
    if gcloud:
        front.result(_gcloud(front, spec, name, place, file))
        return
    with _cluster(front, name, place, own) as cluster:
        _run(front, spec, cluster, place, file, job_id, detach=detach)


@click.command()
@click.argument("name", default="", metavar="[CLUSTER]", shell_complete=cluster_names)
@place_options
@json_option
@pass_front
def jobs(front: Front, name: str, place: Place, as_json: bool) -> None:
    """List the jobs on a cluster, or on all of them, the newest first."""
    from ..pipelines.submit import list_jobs

    found = list_jobs(name, **place.keywords())
    if as_json:
        front.document([record.to_dict() for record in found])
        return
    now = now_at(place)
    rows = [
        (job.id, job.state, job.cluster, span(now - job.began), span((job.changed if job.ended else now) - job.began))
        for job in found
    ]
    on = f"on {name} " if name else ""
    front.show(Table(rows, ("job", "state", "cluster", "age", "took"), f"No jobs {on}in {place}"))


def _named(front: Front, name: str, place: Place) -> str:
    own = front.session.cluster if front.session else None
    return name or (own.name if own else only_name(place))


def _gcloud(front: Front, spec: JobSpec, name: str, place: Place, file: Path | None) -> str:
    from ..clusters.job_config import gcloud_line

    if file is not None:
        spec = spec.with_file(str(file))  # gcloud stages it itself
    return gcloud_line(spec, _named(front, name, place), place.project, place.region)


@contextlib.contextmanager
def _cluster(front: Front, name: str, place: Place, own: dict[str, Any]) -> Iterator[str]:
    """Give the name of the cluster that is meant; one made for the job is deleted afterwards, whatever became of it."""
    if not own:
        yield _named(front, name, place)
        return
    from ..clusters.cluster import DataprocCluster
    from ..clusters.config import resolve

    spec = resolve(own, **place.keywords())
    # The lease is renewed as long as this process waits for the job, also while the job computes without Dask.
    spec = spec.replace(idle_time=spec.lifetime)
    with front.progress() as progress:
        cluster: Any = DataprocCluster(spec, on_phase=progress)
    front.say(f"{cluster.name} is up for this job")
    try:
        yield cluster.name
    finally:
        cluster.close()
        front.say(f"{cluster.name} is deleted")


def _run(
    front: Front, spec: JobSpec, cluster: str, place: Place, file: Path | None, job_id: str, *, detach: bool
) -> None:
    from ..pipelines.submit import submit_spec

    job = submit_spec(spec, cluster, place.project, place.region, file=file or "", job_id=job_id)
    if detach:
        front.say(f"Job {job.id} is submitted to {cluster}")
        front.result(job.id)
        return
    front.say(f"Job {job.id} on {cluster}")
    try:
        job.attend(_write)
    except KeyboardInterrupt:
        front.say(f"Job {job.id} is {job.record.state}")
        if front.session is not None:
            raise
        raise SystemExit(INTERRUPTED) from None
    front.say(f"Job {job.id} is done")


def _write(text: str) -> None:
    sys.stdout.write(text)
    sys.stdout.flush()
