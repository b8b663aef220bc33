"""After a kernel's restart the notebook's cluster is back before anybody runs a cell, and nobody else's."""

from __future__ import annotations

from urllib.parse import quote

import pytest

QUIET = "import dask; dask.config.set({'dataproc.jupyter.open-dashboards': False});"
UP = "%load_ext dask_dataproc\n%dask_cluster up --name {name} --workers 2 --wait"


@pytest.fixture
def up(page, lab, notebook, name) -> str:
    """A notebook in the browser with a cluster of its own: the cluster's name."""
    page.open(lab.write(notebook))
    page.run(QUIET)
    shown = page.run(UP.format(name=name))
    assert not shown.error, shown.error
    return name


def test_a_restarted_notebook_has_its_client_back_before_a_cell_is_run_each_time(page, up):
    for _ in range(2):
        page.restart()
        page.restarted()
        assert page.notification() == f"Reattached to {up}, made by this notebook: client and cluster are back"
        page.shot("reattached")
        page.dismiss()
        assert page.run("client.submit(sum, (40, 2)).result()").text == "42"


def test_a_restarted_notebook_without_a_cluster_is_left_alone(page, up, visit, lab):
    other = visit()
    other.open(lab.write(f"beside-{up}.ipynb"))
    other.restart()
    other.restarted()
    assert other.run("import sys; 'client' in globals() or 'dask_dataproc' in sys.modules").text == "False"
    assert page.run("client.submit(sum, (40, 2)).result()").text == "42"


def test_what_a_notebook_has_is_told_only_with_the_token(up, page, lab):
    asked = f"dask-dataproc/notebook?path={quote(page.notebook)}"
    assert lab.ask(asked) == {"cluster": up}
    assert lab.ask("dask-dataproc/notebook?path=no-such.ipynb") == {"cluster": None}
    assert lab.get(asked, token="")[0] == 403
    assert lab.get(asked, token="wrong")[0] == 403
    assert lab.get("dask-dataproc/notebook")[0] == 400
    assert lab.ask("dask-dataproc/notebook?path=../../etc/passwd") == {"cluster": None}
