"""A scheduler and its worker processes run the generated DAG by themselves, also when a task's process is killed."""

from __future__ import annotations

import json
import os
import signal
from collections.abc import Iterator
from concurrent.futures import Future, ThreadPoolExecutor
from dataclasses import dataclass
from pathlib import Path
from typing import Any

import nbformat
import pytest

from dask_dataproc.pipelines.generator import write_dag

from .conftest import CONNECTIONS, VERSIONS, Emulator, airflow, kernels
from .scheduler import RunningAirflow

CELLS = """
reports: str = ""  # a folder for what each try has to say
---
%load_ext dask_dataproc
%dask_cluster up
---
import json, os, time
from pathlib import Path

number = len(list(Path(reports).glob("try-*.json"))) + 1
said = {"run": dask_dataproc_run, "uuid": cluster.record.uuid, "task": os.getppid()}
part = Path(reports) / f"part-{number}"
part.write_text(json.dumps(said))
part.rename(Path(reports) / f"try-{number}.json")
---
# The first try is in the middle of its work until it is killed.
while number == 1:
    time.sleep(0.1)
---
assert client.submit(sum, range(10)).result() == 45
"""


def notebook(folder: Path) -> Path:
    first, *others = CELLS.split("---\n")
    cells = [nbformat.v4.new_code_cell(first.strip().replace('""', f'"{folder}"'), metadata={"tags": ["parameters"]})]
    cells += [nbformat.v4.new_code_cell(cell.strip()) for cell in others]
    job = {
        "cluster": {"project": "local", "workers": 2, "staging": f"file://{folder}/staging"},
        "schedule": "@once",
        "retries": 1,
        "timeout": "10m",
        "outputs": str(folder / "out"),
    }
    metadata = {"dask_dataproc": job, "kernelspec": {"name": "dask", "display_name": "Dask", "language": "python"}}
    path = folder / "killed.ipynb"
    nbformat.write(nbformat.v4.new_notebook(cells=cells, metadata=metadata), path)
    return path


@dataclass
class Killed:
    """What came of a run whose task's process was killed in the middle of the notebook."""

    state: str
    tasks: dict[str, tuple[str, int]]
    tries: list[dict[str, Any]]
    at_once: list[list[str]]


def killed(version: str, folder: Path, emulator: Emulator) -> Killed:
    """Have one version run the notebook by itself, kill the task's process once, and wait for the run's end."""
    name = f"killed_{version.replace('.', '_')}"
    folder.mkdir()
    environment = emulator.env | emulator.redirect | kernels(folder / "jupyter")
    environment |= {"AIRFLOW_CONN_GOOGLE_CLOUD_DEFAULT": json.dumps(CONNECTIONS["google_cloud_default"])}
    with RunningAirflow(version, airflow(version), folder / "home", environment) as running:
        source = notebook(folder).rename(folder / f"{name}.ipynb")
        write_dag(source, folder / "home" / "dags")
        first = folder / "try-1.json"
        running.until(first.exists, "the first try's report")
        there = [emulator.of(name)]
        os.kill(json.loads(first.read_text())["task"], signal.SIGKILL)
        running.until((folder / "try-2.json").exists, "the second try's report")
        there.append(emulator.of(name))
        state = running.until(lambda: (s := running.run(name)[0]) in ("success", "failed") and s, "the run's end")
        there.append(emulator.of(name))
        tries = [json.loads(path.read_text()) for path in sorted(folder.glob("try-*.json"))]
        return Killed(state, running.run(name)[1], tries, there)


@pytest.fixture(scope="module")
def outcomes(tmp_path_factory, emulator) -> Iterator[dict[str, Future[Killed]]]:
    folder = tmp_path_factory.mktemp("scheduler")
    with ThreadPoolExecutor(len(VERSIONS)) as side_by_side:
        yield {version: side_by_side.submit(killed, version, folder / version, emulator) for version in VERSIONS}


def test_a_task_killed_in_the_middle_is_tried_again_on_the_same_cluster_never_on_two(outcomes, version):
    outcome = outcomes[version].result()
    assert outcome.state == "success"
    assert outcome.tasks["run_notebook"] == ("success", 2)
    assert {state for state, _ in outcome.tasks.values()} == {"success"}
    first, second = outcome.tries
    assert first["uuid"] == second["uuid"]
    cluster = first["run"]["cluster"]
    assert outcome.at_once == [[cluster], [cluster], []], "one while it runs, none at its end"
