"""A scheduler and its worker processes run the generated DAG by themselves, also when a task's process is killed."""

from __future__ import annotations

import contextlib
import json
import os
import signal
import sqlite3
import subprocess
import sys
from collections.abc import Iterator
from concurrent.futures import Future, ThreadPoolExecutor
from dataclasses import dataclass
from pathlib import Path
from typing import Any

import nbformat
import pandas as pd
import pytest

from dask_dataproc.pipelines.generator import write_dag

from .conftest import CONNECTIONS, ROOT, VERSIONS, Emulator, airflow, kernels
from .scheduler import RunningAirflow

pytestmark = pytest.mark.timeout(900)  # the first test waits for all that the schedulers run

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
        "retry_delay": "0s",
        "timeout": "10m",
        "outputs": str(folder / "out"),
    }
    metadata = {"dask_dataproc": job, "kernelspec": {"name": "python3", "display_name": "Dask", "language": "python"}}
    path = folder / "killed.ipynb"
    nbformat.write(nbformat.v4.new_notebook(cells=cells, metadata=metadata), path)
    return path


NOTEBOOKS = ROOT / "notebooks"
PRODUCTS = {"2.11": ("etl", "analytics", "graph"), "3": ("ml_training",)}
"""Each once: a task takes Airflow 3 seconds to begin."""


def product(name: str, version: str, folder: Path) -> Path:
    """One of our notebooks, scheduled once, on data in ``folder``."""
    document = json.loads((NOTEBOOKS / f"{name}.ipynb").read_text().replace("../data", f"{folder}/data"))
    job = document["metadata"]["dask_dataproc"]
    job |= {"schedule": "@once", "retries": 0, "outputs": str(folder / "out")}
    job["cluster"] |= {"project": "local", "staging": f"file://{folder}/staging"}
    path = folder / f"{name}_{version.replace('.', '_')}.ipynb"
    path.write_text(json.dumps(document))
    return path


def tpch(folder: Path) -> None:
    """Make the data that the notebooks would make, before several of them want to."""
    tpchgen = Path(sys.executable).with_name("tpchgen-cli")
    every = "lineitem,orders,customer,supplier,nation,region"
    for kind, tables, place in (("csv", "lineitem", "csv"), ("parquet", every, "tables")):
        options = ["--scale-factor=0.01", f"--tables={tables}", "--parts=4", f"--output-dir={folder / place}"]
        subprocess.run([tpchgen, kind, *options], check=True, capture_output=True)


@dataclass
class Ran:
    """What came of a version's runs: the one whose task's process was killed, and those of our notebooks."""

    folder: Path
    state: str
    tasks: dict[str, tuple[str, int]]
    tries: list[dict[str, Any]]
    at_once: list[list[str]]
    products: dict[str, tuple[str, dict[str, tuple[str, int]]]]
    left: list[str]
    logs: str


def ran(version: str, folder: Path, emulator: Emulator) -> Ran:
    """Have one version run the notebooks by itself, kill one task's process once, and wait for the runs' ends."""
    name = f"killed_{version.replace('.', '_')}"
    folder.mkdir()
    tpch(folder / "data" / "tpch-0.01")
    environment = emulator.env | emulator.redirect | kernels(folder / "jupyter")
    environment |= {"AIRFLOW_CONN_GOOGLE_CLOUD_DEFAULT": json.dumps(CONNECTIONS["google_cloud_default"])}
    with RunningAirflow(version, airflow(version), folder / "home", environment) as running:
        ours = {each: product(each, version, folder) for each in PRODUCTS[version]}
        for source in (notebook(folder).rename(folder / f"{name}.ipynb"), *ours.values()):
            write_dag(source, folder / "home" / "dags")
        first = folder / "try-1.json"
        running.until(first.exists, "the first try's report")
        there = [emulator.of(name)]
        os.kill(json.loads(first.read_text())["task"], signal.SIGKILL)
        running.until((folder / "try-2.json").exists, "the second try's report")
        there.append(emulator.of(name))
        ended = ("success", "failed")
        state = running.until(lambda: (s := running.run(name)[0]) in ended and s, "the run's end")
        there.append(emulator.of(name))
        tries = [json.loads(path.read_text()) for path in sorted(folder.glob("try-*.json"))]
        for each in ours.values():
            running.until(lambda each=each: running.run(each.stem)[0] in ended, f"the end of {each.stem}")
        products = {each: running.run(path.stem) for each, path in ours.items()}
        left = [cluster for path in ours.values() for cluster in emulator.of(path.stem)]
        return Ran(folder, state, running.run(name)[1], tries, there, products, left, running.logs())


@pytest.fixture(scope="module")
def outcomes(tmp_path_factory, emulator) -> Iterator[dict[str, Future[Ran]]]:
    folder = tmp_path_factory.mktemp("scheduler")
    with ThreadPoolExecutor(len(VERSIONS)) as side_by_side:
        yield {version: side_by_side.submit(ran, version, folder / version, emulator) for version in VERSIONS}


def test_a_task_killed_in_the_middle_is_tried_again_on_the_same_cluster_never_on_two(outcomes, version):
    outcome = outcomes[version].result()
    assert outcome.state == "success"
    assert outcome.tasks["run_notebook"] == ("success", 2)
    assert {state for state, _ in outcome.tasks.values()} == {"success"}
    first, second = outcome.tries
    assert first["uuid"] == second["uuid"]
    cluster = first["run"]["cluster"]
    assert outcome.at_once == [[cluster], [cluster], []], "one while it runs, none at its end"


def test_our_notebooks_run_as_jobs_and_leave_no_cluster(outcomes, version):
    outcome = outcomes[version].result()
    for name, (state, tasks) in outcome.products.items():
        assert state == "success", f"{name}: {tasks}\n{outcome.logs}"
        (executed,) = (outcome.folder / "out").glob(f"{name}_*.ipynb")
        (cost,) = nbformat.read(executed, as_version=4).metadata.dask_dataproc_cost
        assert cost.usd > 0
    assert outcome.left == []


def test_what_the_etl_notebook_publishes_has_passed_its_rules(outcomes):
    outcome = outcomes["2.11"].result()
    assert outcome.products["etl"][1]["publish"] == ("success", 1), outcome.logs
    data = outcome.folder / "data" / "tpch-0.01"
    assert len(pd.read_parquet(data / "lineitem_by_year")) == 60175
    assert not list((data / "_staged").rglob("*.parquet"))
    (report,) = (data / "_quality").rglob("*.json")
    assert json.loads(report.read_text())["passed"]


def test_the_training_notebook_leaves_its_model_and_its_run(outcomes):
    outcome = outcomes["3"].result()
    data = outcome.folder / "data" / "tpch-0.01"
    metrics = json.loads((data / "model" / "metrics.json").read_text())
    assert (data / "model" / "model.joblib").exists()
    with contextlib.closing(sqlite3.connect(data / "mlflow.db")) as database:
        kept = dict(database.execute("select key, value from metrics where run_uuid = ?", (metrics["run_id"],)))
    assert kept == {"auc": metrics["auc"], "accuracy": metrics["accuracy"]}
