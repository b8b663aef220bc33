"""From a notebook to production in one tour, which docs/tour.md tells: edit, promote, and Airflow runs it by itself.

Each step is a function, in its order, and leaves what the next one begins with. A picture of each is kept.
"""

from __future__ import annotations

import contextlib
import json
import sqlite3
from collections.abc import Iterator
from pathlib import Path
from typing import Any

import nbformat
import pandas as pd
import pytest
from playwright.sync_api import Browser, expect

from dask_dataproc.clusters.local import emulator_start

from ..airflow.conftest import CONNECTIONS, ROOT, airflow, kernels
from ..airflow.scheduler import RunningAirflow
from ..browser.lab import Jupyter
from ..browser.page import HEIGHT, PICTURES, WIDTH, Page

pytestmark = pytest.mark.timeout(600)

VERSION = "3"
NOTEBOOK = "late.ipynb"
PANEL = ".dask-dataproc-panel"
CLUSTER_AND_DATA = 120_000.0
"""Milliseconds that the notebook may take, from its first cell to its last."""
PARAMETER = '\nscores: str = "{data}/scores"  # a table: how sure the model is that an item is late'
CELL = """scored = test.assign(sure=sure)
dd.from_pandas(scored, npartitions=2).to_parquet(scores, write_index=False)
len(scored)"""
PUBLISHES = """model: {}
scores:
  rows: {min: 1000}
  columns:
    sure: {nulls: 0, min: 0, max: 1}
"""
EDIT = """([path, parameter, added]) => {
    const panel = [...window.jupyterapp.shell.widgets('main')].find(each => each.context?.path === path);
    const shared = panel.content.model.sharedModel, cells = shared.cells;
    const first = cells.find(each => (each.metadata.tags ?? []).includes('parameters'));
    first.setSource(first.getSource() + parameter);
    shared.insertCell(cells.findIndex(each => each.getSource().startsWith('Given back')), {
        cell_type: 'code', source: added
    });
}"""
RUN = """([path, last]) => {
    const panel = [...window.jupyterapp.shell.widgets('main')].find(each => each.context?.path === path);
    const cells = panel.content.model.cells, all = [...Array(cells.length).keys()].map(at => cells.get(at));
    const cell = all.find(each => each.sharedModel.getSource() === last);
    return cell.executionState === 'idle' && cell.executionCount !== null;
}"""
FOOT = """path => {
    const panel = [...window.jupyterapp.shell.widgets('main')].find(each => each.context?.path === path);
    panel.content.activeCellIndex = panel.content.model.cells.length - 1;
}"""


class Tour:
    """A person at a JupyterLab, and the Airflow of the team."""

    def __init__(self, page: Page, lab: Jupyter, laptop: Any, running: RunningAirflow, browser: Browser):
        self.page, self.lab, self.laptop, self.airflow, self.browser = page, lab, laptop, running, browser
        self.data = lab.folder / "data"
        self.dags = running.home / "dags"

    def open(self, notebook: str) -> None:
        """Open a notebook with nothing beside it, and go to its last cell."""
        self.page.open(notebook)
        self.page.command("application:toggle-left-area")
        self.page.tab.evaluate(FOOT, notebook)

    def panel(self) -> Any:
        """The panel of the notebook's job."""
        return self.page.tab.locator(f"{PANEL}:visible").last

    def fill(self, label: str, text: str) -> None:
        """Fill one field of the panel."""
        self.panel().get_by_label(label, exact=True).fill(text)
        self.panel().get_by_label(label, exact=True).press("Tab")

    def executed(self) -> Path:
        """Return the notebook that the run has left."""
        (path,) = (self.lab.folder / "runs").glob("late-*.ipynb")
        return path


def the_notebook_is_edited(tour: Tour) -> None:
    tour.open(NOTEBOOK)
    tour.page.tab.evaluate(EDIT, [NOTEBOOK, PARAMETER.format(data=tour.data), CELL])
    tour.page.command("notebook:clear-all-cell-outputs")
    tour.page.tab.evaluate(FOOT, NOTEBOOK)
    tour.page.command("notebook:run-all-above")
    tour.page.tab.wait_for_function(RUN, arg=[NOTEBOOK, CELL], timeout=CLUSTER_AND_DATA)
    tour.page.save()
    assert len(pd.read_parquet(tour.data / "scores")) > 1000
    tour.page.plot("individual-task-stream").until_more_than(0)


def its_cluster_is_given_back(tour: Tour) -> None:
    assert tour.page.complaints == []
    (name,) = tour.laptop.clusters()
    tour.page.forgive(f"/proxy/dask-dataproc/{name}/")  # Bokeh asks again for the plots that it still shows
    tour.page.command("notebook:run-cell")
    tour.laptop.until(lambda: tour.laptop.clusters() == {})
    tour.page.ready()


def it_becomes_a_job(tour: Tour) -> None:
    tour.open(NOTEBOOK)
    tour.page.run("%dask_pipeline")
    tour.fill("Schedule", "0 6 * * *")
    tour.fill("Cluster", "")
    tour.panel().get_by_role("button", name="Take this session's cluster").click()
    expect(tour.panel()).to_contain_text("Taken from this session")
    taken = tour.panel().get_by_label("Cluster", exact=True).input_value()
    tour.fill("Cluster", f"{taken}project: local\nstaging: file://{tour.lab.folder}/staging\n")
    tour.fill("Publishes", PUBLISHES)
    tour.fill("Outputs", str(tour.lab.folder / "runs"))
    expect(tour.panel()).to_contain_text("06:00")
    tour.panel().get_by_role("button", name="Save").click()
    expect(tour.panel()).to_contain_text("Saved, with the notebook")


def it_is_promoted(tour: Tour) -> None:
    tour.fill("Export to", str(tour.dags))
    tour.panel().get_by_role("button", name="Export").click()
    expect(tour.panel()).to_contain_text("Exported: ")
    tour.page.save()
    assert (tour.dags / "late.py").exists()


def airflow_runs_it(tour: Tour) -> None:
    tour.airflow.until(lambda: tour.airflow.run("late")[0] in ("success", "failed"), "the run's end")
    state, tasks = tour.airflow.run("late")
    assert state == "success", f"{tasks}\n{tour.airflow.logs()}"
    assert {name: state for name, (state, _) in tasks.items() if state != "success"} == {}
    assert "publish" in tasks
    api = tour.airflow.environment["AIRFLOW__CORE__EXECUTION_API_SERVER_URL"]
    tab = tour.browser.new_context(viewport={"width": WIDTH, "height": HEIGHT}).new_page()
    tab.goto(f"{api.removesuffix('/execution/')}/dags/late")
    expect(tab.get_by_text("run_notebook").first).to_be_visible()
    tab.screenshot(path=PICTURES / "tour-airflow.png")
    tab.context.close()


def data_and_model_are_published(tour: Tour) -> None:
    assert len(pd.read_parquet(tour.data / "scores")) > 1000
    metrics = json.loads((tour.data / "model" / "metrics.json").read_text())
    assert (tour.data / "model" / "model.joblib").exists()
    with contextlib.closing(sqlite3.connect(tour.data / "mlflow.db")) as database:
        kept = dict(database.execute("select key, value from metrics where run_uuid = ?", (metrics["run_id"],)))
    assert kept == {"auc": metrics["auc"], "accuracy": metrics["accuracy"]}
    (report,) = (tour.data / "_quality" / "scores").rglob("*.json")
    assert json.loads(report.read_text())["passed"]
    assert not list((tour.data / "_staged").rglob("*.*"))


def the_cost_is_recorded(tour: Tour) -> None:
    (cost,) = nbformat.read(tour.executed(), as_version=4).metadata.dask_dataproc_cost
    assert cost.usd > 0
    tour.open(f"runs/{tour.executed().name}")


def the_cluster_is_gone(tour: Tour) -> None:
    assert tour.laptop.clusters() == {}


STEPS = (
    the_notebook_is_edited,
    its_cluster_is_given_back,
    it_becomes_a_job,
    it_is_promoted,
    airflow_runs_it,
    data_and_model_are_published,
    the_cost_is_recorded,
    the_cluster_is_gone,
)


def late(lab: Jupyter) -> None:
    """Put the notebook there, as a person copies one to begin with, and the data that it would make."""
    data = lab.folder / "data"
    text = (ROOT / "notebooks" / "ml_training.ipynb").read_text().replace("../data/tpch-0.01", str(data))
    (lab.folder / NOTEBOOK).write_text(text)


@pytest.fixture
def own_lab(new_laptop) -> Iterator[tuple[Any, Jupyter]]:
    """A JupyterLab on a laptop whose emulator Airflow is led to as well."""
    laptop = new_laptop()
    with laptop.here():
        emulator_start(redirect=True)
    lab = Jupyter(laptop)
    late(lab)
    yield laptop, lab
    lab.end()


@pytest.fixture
def tour(own_lab, visit, browser, tmp_path) -> Iterator[Tour]:
    laptop, lab = own_lab
    about = json.loads((laptop.runtime / "emulator.json").read_text())["redirect"]
    environment = lab.environment | kernels(tmp_path / "jupyter")
    environment |= {"grpc_proxy": about["grpc_proxy"], "GRPC_DEFAULT_SSL_ROOTS_FILE_PATH": about["roots"]}
    environment |= {"AIRFLOW_CONN_GOOGLE_CLOUD_DEFAULT": json.dumps(CONNECTIONS["google_cloud_default"])}
    environment |= {"AIRFLOW__CORE__SIMPLE_AUTH_MANAGER_ALL_ADMINS": "True"}
    with RunningAirflow(VERSION, airflow(VERSION), tmp_path / "home", environment) as running:
        yield Tour(visit(lab), lab, laptop, running, browser)


def test_from_a_notebook_to_production(tour):
    for number, step in enumerate(STEPS, start=1):
        step(tour)
        tour.page.shot(f"tour-{number}-{step.__name__}")
