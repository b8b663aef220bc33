"""The GitHub workflows of a team's repository, as actionlint and shellcheck read them."""

from __future__ import annotations

import os
import re
import shutil
import subprocess
from pathlib import Path

import pytest
import yaml

from dask_dataproc.pipelines.composer.begin import write_workflow
from dask_dataproc.pipelines.composer.workflow import CHECK, WORKFLOW

ROOT = Path(__file__).parents[2]
ACTIONLINT = ROOT / "build" / "bin" / "actionlint"


@pytest.fixture
def repository(tmp_path: Path) -> Path:
    if not ACTIONLINT.exists():
        pytest.fail("actionlint is not installed: bash tests/gcs/setup.sh", pytrace=False)
    subprocess.run(["git", "init", "-q", str(tmp_path)], check=True)
    return tmp_path


@pytest.fixture
def workflow(repository: Path) -> Path:
    return write_workflow(repository)


def lint(path: Path) -> subprocess.CompletedProcess[str]:
    """Check the file with its actions by version: of one pinned by a hash actionlint does not know the inputs."""
    path.write_text(re.sub(r"@[0-9a-f]{40} # (v\d+)[.\d]*", r"@\1", path.read_text()))
    shellcheck = shutil.which("shellcheck", path=f"{ROOT / '.venv' / 'bin'}{os.pathsep}{os.environ['PATH']}")
    command = [str(ACTIONLINT), "-no-color", "-shellcheck", shellcheck or "", str(path)]
    return subprocess.run(command, capture_output=True, text=True, timeout=60)


@pytest.mark.parametrize("name", [WORKFLOW, CHECK])
def test_a_workflow_passes_actionlint(name, repository):
    checked = lint(write_workflow(repository, name=name))
    assert checked.returncode == 0, checked.stdout


@pytest.mark.parametrize(
    ("right", "wrong", "said"),
    [
        ("runs-on: ubuntu-latest", "runs-on: ubuntu-newest", "label"),
        ("${{ vars.WIF_PROVIDER }}", "${{ var.WIF_PROVIDER }}", "undefined variable"),
        ("service_account:", "service_acount:", "service_acount"),
        ("id-token: write", "id-token: all", "permission"),
        ('"gs://$BUCKET/dags"', "gs://$BUCKET/dags", "SC2086"),
        ("cancel-in-progress: false", "cancel-in-progres: false", "unexpected key"),
    ],
)
def test_a_mistake_in_the_workflow_is_caught(workflow, right, wrong, said):
    text = workflow.read_text()
    assert right in text
    workflow.write_text(text.replace(right, wrong, 1))
    checked = lint(workflow)
    assert checked.returncode == 1
    assert said in checked.stdout


def test_the_workflow_has_no_key_no_more_rights_than_it_needs_and_parses_before_it_uploads(workflow):
    text = workflow.read_text()
    document = yaml.safe_load(text)
    assert document["permissions"] == {"contents": "read", "id-token": "write"}
    assert "secrets." not in text
    assert "credentials_json" not in text
    steps = [step.get("run", step.get("uses", "")) for step in document["jobs"]["sync"]["steps"]]
    order = [
        next(n for n, step in enumerate(steps) if part in step) for part in ("composer check", "auth@", "composer sync")
    ]
    assert order == sorted(order)
    used = [step["uses"] for step in document["jobs"]["sync"]["steps"] if "uses" in step]
    assert all(re.fullmatch(r"[\w-]+/[\w-]+@[0-9a-f]{40}", each) for each in used), used
    assert not [step for step in steps if "rsync" in step or " rm " in step]


def test_the_check_has_no_secret_and_no_right_but_to_read_and_others_may_call_it(repository):
    text = write_workflow(repository, name=CHECK).read_text()
    document = yaml.safe_load(text)
    assert document["permissions"] == {"contents": "read"}
    assert "secrets." not in text
    assert "id-token" not in text
    on = document[True]  # as YAML 1.1 reads `on`
    assert set(on) == {"pull_request", "workflow_call"}
    assert not [name for name, given in on["workflow_call"]["inputs"].items() if "default" not in given]


def test_a_call_of_the_check_by_another_repository_passes_actionlint(repository):
    called = write_workflow(repository, name=CHECK)
    example = re.search(r"^#   jobs:\n(?:#    .*\n)+", called.read_text(), re.MULTILINE)[0]
    here = example.replace(f"OWNER/REPOSITORY/.github/workflows/{CHECK}@main", f"./.github/workflows/{CHECK}")
    caller = called.with_name("caller.yml")
    caller.write_text("on: push\n" + re.sub(r"^#   ", "", here, flags=re.MULTILINE))
    assert lint(caller).returncode == 0
    caller.write_text(caller.read_text().replace("notebooks: jobs", "notebook: jobs"))
    assert 'input "notebook" is not defined' in lint(caller).stdout
