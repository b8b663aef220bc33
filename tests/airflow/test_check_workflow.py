"""The workflow that checks a team's notebooks: its steps, as GitHub runs them, on a repository with mistakes."""

from __future__ import annotations

import os
import re
import subprocess
import sys
from dataclasses import dataclass
from pathlib import Path

import nbformat
import pytest
import yaml

from dask_dataproc.pipelines.composer.begin import write_workflow
from dask_dataproc.pipelines.composer.workflow import CHECK

AIRFLOW = Path(__file__).parents[2] / "build" / "airflow-2.11"
SHELL = ("bash", "--noprofile", "--norc", "-e", "-o", "pipefail", "-c")
"""GitHub's own for `bash`."""
DAG = """
import dask_dataproc.pipelines.operators  # beside the DAGs, as the sync has it
try:
    from airflow.sdk import DAG
except ImportError:
    from airflow import DAG
with DAG("ours"):
    pass
"""


def notebook(code: str, saved: str, **job: object) -> str:
    """The file of a notebook that is a job, with a cell of ``code`` and what was saved below that."""
    output = nbformat.v4.new_output("execute_result", {"text/plain": saved}, execution_count=1)
    cells = [
        nbformat.v4.new_code_cell("day = '2026-03-01'", metadata={"tags": ["parameters"]}),
        nbformat.v4.new_code_cell(code, outputs=[output], execution_count=1),
    ]
    kernel = {"name": "python3", "display_name": "Python 3", "language": "python"}
    return nbformat.writes(nbformat.v4.new_notebook(cells=cells, metadata={"kernelspec": kernel, "dask_dataproc": job}))


@dataclass
class Repository:
    """A team's repository, checked out on a runner."""

    folder: Path
    temp: Path

    def add(self, files: dict[str, str]) -> None:
        for name, text in files.items():
            (self.folder / name).parent.mkdir(parents=True, exist_ok=True)
            (self.folder / name).write_text(text)

    def check(self) -> dict[str, tuple[int, str]]:
        """Run each step of the workflow but the one that installs: its status and what it said, by id."""
        document = yaml.safe_load((self.folder / ".github" / "workflows" / CHECK).read_text())
        told = {name: re.sub(r"\$\{\{ inputs\.\w+ \|\| '(.*)' \}\}", r"\1", v) for name, v in document["env"].items()}
        told |= {"RUNNER_TEMP": str(self.temp), "HOME": str(self.temp)}
        told["PATH"] = f"{Path(sys.executable).parent}{os.pathsep}{os.environ['PATH']}"
        assert document["defaults"]["run"]["shell"] == "bash"
        steps = {step["id"]: step["run"] for step in document["jobs"]["check"]["steps"] if "run" in step}
        del steps["install"]  # our package is not published yet
        return {name: self._run(script, os.environ | told) for name, script in steps.items()}

    def _run(self, script: str, environment: dict[str, str]) -> tuple[int, str]:
        how = {"stdout": subprocess.PIPE, "stderr": subprocess.STDOUT, "text": True, "timeout": 240}
        ran = subprocess.run([*SHELL, script], cwd=self.folder, env=environment, **how)
        return ran.returncode, ran.stdout


@pytest.fixture
def repository(tmp_path: Path) -> Repository:
    if not (AIRFLOW / ".installed").exists():
        pytest.fail("Airflow 2.11 is not installed: bash tests/airflow/setup.sh", pytrace=False)
    made = Repository(tmp_path / "repository", tmp_path / "temp")
    made.temp.mkdir()
    (made.temp / "airflow").symlink_to(AIRFLOW)
    write_workflow(made.folder, name=CHECK)
    made.add({"notebooks/sums.ipynb": notebook("2 + 2", "4", schedule="@daily"), "dags/ours.py": DAG})
    return made


def test_a_repository_without_mistakes_passes(repository):
    """Also what the team has nbval overlook, and a notebook that is no job."""
    sanitize = "[day]\nregex: \\d{4}-\\d\\d-\\d\\d\nreplace: DAY\n"
    dated = notebook("import datetime; str(datetime.date.today())", "'2026-01-01'")
    repository.add({"notebooks/sanitize.cfg": sanitize, "notebooks/of ana/dated.ipynb": dated})
    outcomes = repository.check()
    assert {name: status for name, (status, _) in outcomes.items()} == dict.fromkeys(outcomes, 0), outcomes
    assert list(outcomes) == ["metadata", "made", "parsed", "run"]
    assert "2 DAGs: dated, sums" in outcomes["made"][1]
    assert "1 DAGs: ours" in outcomes["parsed"][1]
    assert "4 passed" in outcomes["run"][1]


def test_each_mistake_is_found_by_its_step_and_named(repository):
    repository.add(
        {
            "notebooks/never.ipynb": notebook("1", "1", schedule="every day"),
            "notebooks/differs.ipynb": notebook("2 + 3", "4"),
            "dags/broken.py": "from airflow import DAG\nimport no_such_package",
        }
    )
    outcomes = repository.check()
    said = {name: text for name, (status, text) in outcomes.items() if status}
    assert "schedule: 'every day'" in said["metadata"]
    assert "schedule: 'every day'" in said["made"]
    assert "broken.py: Airflow cannot read it" in said["parsed"]
    assert "no_such_package" in said["parsed"]
    assert "1 failed, 5 passed" in said["run"]
    assert "differs.ipynb::Cell 1" in said["run"]
