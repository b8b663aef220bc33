"""The verb composer: an environment's files beside its Airflow, and the DAG folder that follows git."""

from __future__ import annotations

from pathlib import Path

import click

from .cli import ExpectedFailures
from .front import Front, pass_front

DIFFERS = 2
"""Exit status where something differs, or is left to be done, as ``terraform plan -detailed-exitcode`` has it."""
FOLDER = click.Path(path_type=Path, file_okay=False)
folder_argument = click.argument("folder", type=FOLDER, metavar="DIR")
url_option = click.option("--url", default="", metavar="URL", help="The Airflow's address [default that of the file].")
secrets_option = click.option("--secrets", is_flag=True, help="Write secrets anew that cannot be compared.")


@click.group(cls=ExpectedFailures)
def composer() -> None:
    """Cloud Composer as files: docs/composer.md.

    Exit status of plan and apply: 0 where the Airflow has what the files name, 2 where something differs still, 1 where
    it could not be told or done.
    """


@composer.command()
@folder_argument
@pass_front
def init(front: Front, folder: Path) -> None:
    """Write DIR/environment.yaml, to be edited."""
    from ..pipelines.composer.begin import begin

    front.result(str(begin(folder)))


@composer.command()
@folder_argument
@url_option
@secrets_option
@pass_front
@click.pass_context
def plan(context: click.Context, front: Front, folder: Path, url: str, secrets: bool) -> None:
    """Show what differs between DIR and the running Airflow; change nothing."""
    _compare(context, front, folder, url, secrets, apply=False)


@composer.command()
@folder_argument
@url_option
@secrets_option
@pass_front
@click.pass_context
def apply(context: click.Context, front: Front, folder: Path, url: str, secrets: bool) -> None:
    """Bring the running Airflow in line with DIR.

    What DIR does not name stays as it is. After a failure the same again does what is left.
    """
    _compare(context, front, folder, url, secrets, apply=True)


@composer.command()
@folder_argument
@click.option("--airflow", default="2.11.2", show_default=True, help="The environment's version of Airflow.")
@click.option("--python", default="3.11", show_default=True, help="The environment's version of Python.")
@click.option("--check", is_flag=True, help="The one that checks notebooks and DAGs: check-notebooks.yml.")
@pass_front
def workflow(front: Front, folder: Path, airflow: str, python: str, check: bool) -> None:
    """Write a GitHub workflow into DIR/.github/workflows: sync-to-composer.yml, which syncs DAGs at every push.

    With --check the one that is for pull requests, and for other repositories to call.
    """
    from ..pipelines.composer.begin import write_workflow
    from ..pipelines.composer.workflow import CHECK, WORKFLOW

    front.result(str(write_workflow(folder, airflow, python, CHECK if check else WORKFLOW)))


@composer.command()
@pass_front
def sanitize(front: Front) -> None:
    """Print nbval's rules for what our commands say and no two runs have alike: times, names, addresses.

    pytest --nbval --nbval-sanitize-with FILE, with this in FILE.
    """
    from ..pipelines.composer.begin import FILES

    front.result((FILES / "sanitize.cfg").read_text(encoding="utf-8").rstrip())


@composer.command()
@click.argument("dags", type=click.Path(path_type=Path, file_okay=False, exists=True))
@click.option("--python", type=click.Path(), required=True, help="The Python of an Airflow like the environment's.")
@pass_front
def check(front: Front, dags: Path, python: str) -> None:
    """Parse every DAG in DAGS as Airflow does; status 1 where one cannot be."""
    from ..pipelines.composer.check import check_dags

    found = check_dags(dags, python)
    front.result(f"{len(found)} DAGs: {', '.join(found)}")


@composer.command()
@click.argument("dags", type=click.Path(path_type=Path, file_okay=False, exists=True))
@pass_front
def package(front: Front, dags: Path) -> None:
    """Put this package beside the DAGs in DAGS, for templates and operators."""
    from ..pipelines.beside import put_package

    front.result(str(put_package(dags)))


@composer.command()
@click.argument("plugins", type=FOLDER, metavar="PLUGINS")
@pass_front
def plugin(front: Front, plugins: Path) -> None:
    """Write the file into PLUGINS that has every run's metrics in Cloud Monitoring: docs/monitoring.md."""
    from ..pipelines.composer.begin import write_plugin

    front.result(str(write_plugin(plugins)))


@composer.command()
@click.argument("dags", type=click.Path(path_type=Path, file_okay=False, exists=True))
@click.argument("url", metavar="gs://BUCKET/dags")
@click.option("--commit", required=True, metavar="SHA", help="The commit that DAGS is of.")
@click.option("--adopt", is_flag=True, help="Take over files of the same names that another put there.")
@pass_front
def sync(front: Front, dags: Path, url: str, commit: str, adopt: bool) -> None:
    """Bring the DAG folder of a bucket in line with DAGS.

    Uploads what changed, and deletes what an earlier sync put there and DAGS has no more. Whatever else is in the
    bucket stays.
    """
    from ..pipelines.composer.sync import sync_dags

    front.result(str(sync_dags(dags, url, commit, adopt=adopt, say=front.say)))


def _compare(context: click.Context, front: Front, folder: Path, url: str, secrets: bool, *, apply: bool) -> None:
    from ..clusters.errors import ConfigError
    from ..pipelines.composer.airflow_api import Airflow
    from ..pipelines.composer.compare import bring, compare, read_folder, report

    environment = read_folder(folder)
    if not (address := url or environment.url):
        raise ConfigError("environment.url: none given, and no --url", "--url https://….composer.googleusercontent.com")
    with Airflow(address) as airflow:
        found = compare(environment, airflow, secrets=secrets)
        front.result(report(found, environment))
        if apply and found.changes:
            bring(found, airflow, lambda change: front.say(f"{change}: {change.action}d"))
    left = bool(found.config or found.packages)
    if left or (found.changes and not apply):
        context.exit(DIFFERS)
