"""Plain Notebook 7, where there are no panes and no sidebar: the magics, the client and the restart work as in Lab."""

from __future__ import annotations

UP = "%load_ext dask_dataproc\n%dask_cluster up --name {name} --workers 2"


def test_notebook_7_has_the_cluster_its_phases_and_finds_it_after_a_restart(visit, server, notebook, name):
    classic = server("notebook")
    page = visit(classic)
    page.open(classic.write(notebook))
    assert page.tab.evaluate("() => window.jupyterapp.isPluginActivated('dask-dataproc:plugin')")
    page.begin(UP.format(name=name))
    assert page.run("client.submit(sum, (40, 2)).result()").text == "42"
    phases = page.shown(0)
    assert "connect" in phases.html
    assert "connect" in phases.text
    page.shot("notebook7")
    page.restart()
    assert page.notification().startswith(f"Reattached to {name}")
    assert page.run("client.submit(sum, (40, 2)).result()").text == "42"
    assert "deleted" in page.run("%dask_cluster down").text
