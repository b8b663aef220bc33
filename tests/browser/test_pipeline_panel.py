"""The panel of a notebook's job in JupyterLab: readable, and what it saves is in the document that is open."""

from __future__ import annotations

import ast
import json

from playwright.sync_api import expect

from .axe import violations

PANEL = ".dask-dataproc-panel"
PARAMETERS = 'day: str = "2026-01-01"  # the day to load\nscale: float = 0.1'

CHANGE = """path => [...window.jupyterapp.shell.widgets('main')].find(each => each.context?.path === path)
    .context.model.setMetadata('dask_dataproc', {owner: 'bo', retries: 2})"""


def test_a_job_is_made_in_the_panel_and_saved_in_the_open_document(page, lab, notebook):
    written = lab.folder / lab.write(notebook, PARAMETERS)
    document = json.loads(written.read_text())
    document["cells"][0]["metadata"]["tags"] = ["parameters"]
    written.write_text(json.dumps(document))
    page.open(notebook)
    page.run("%load_ext dask_dataproc\n%dask_pipeline")
    panel = page.tab.locator(PANEL)
    expect(panel).to_contain_text("the day to load")

    panel.get_by_label("Retries").fill("11")
    panel.get_by_label("Retries").press("Tab")
    expect(panel).to_contain_text("retries: 11 given, allowed is a whole number, 0 to 10")
    expect(panel.get_by_role("button", name="Save")).to_be_disabled()
    panel.get_by_label("Retries").fill("2")
    panel.get_by_label("Retries").press("Tab")
    panel.get_by_label("Schedule").fill("0 6 * * 1-5")
    expect(panel).to_contain_text("06:00")
    panel.get_by_label("Cluster").fill("workers: 3")
    expect(panel).to_contain_text("3 × n2-standard-4")
    for dark in (True, False):  # in this order: the lab keeps its theme
        page.theme(dark)
        page.shot(f"pipeline-panel-{'dark' if dark else 'light'}")
        assert violations(page.tab, PANEL) == []
    page.zoom(2)
    page.shot("pipeline-panel-light-200")
    page.zoom(1)

    panel.get_by_role("button", name="Save").click()
    expect(panel).to_contain_text("Saved, with the notebook")
    page.type_in_a_new_cell("'after'")
    page.save()  # an open document that did not know of it would take it back
    saved = json.loads(written.read_text())
    assert saved["metadata"]["dask_dataproc"] == {"cluster": {"workers": 3}, "retries": 2, "schedule": "0 6 * * 1-5"}
    assert "after" in json.dumps(saved["cells"])

    at = page.begin("%dask_pipeline edit --set owner=risk")
    expect(page.tab.locator(".jp-OutputArea").nth(-1)).to_contain_text("Saved, with the notebook")
    assert page.done(at).error == ""
    page.save()
    assert json.loads(written.read_text())["metadata"]["dask_dataproc"]["owner"] == "risk"
    panel.get_by_role("button", name="Load again").click()
    expect(panel.get_by_label("Owner")).to_have_value("risk")

    page.tab.evaluate(CHANGE, notebook)  # in the document, which nobody saves
    panel.get_by_label("Owner").fill("ana")
    panel.get_by_role("button", name="Save").click()
    expect(panel).to_contain_text("Not saved: the open notebook says something else of its job than its file did")
    page.save()
    panel.get_by_role("button", name="Load again").click()
    expect(panel.get_by_label("Owner")).to_have_value("bo")

    panel.get_by_label("Export to").fill("dags")
    panel.get_by_role("button", name="Export").click()
    expect(panel).to_contain_text("Exported: ")
    dag = lab.folder / "dags" / notebook.replace(".ipynb", ".py")
    assert "retries=2" in dag.read_text()
    ast.parse(dag.read_text())
