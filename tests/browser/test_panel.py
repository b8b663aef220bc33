"""The panel in JupyterLab: readable in both themes and at twice the size, with nothing serious against it."""

from __future__ import annotations

from .axe import violations

PANEL = ".dask-dataproc-panel"


def test_the_panel_has_no_serious_violation_in_both_themes_and_at_twice_the_size(page, lab, notebook):
    page.open(lab.write(notebook))
    page.run("%load_ext dask_dataproc\n%dask_cluster")
    page.tab.locator(PANEL).wait_for()
    for dark in (True, False):  # in this order: the lab keeps its theme
        page.theme(dark)
        for times in (1, 2):
            page.zoom(times)
            page.shot(f"panel-{'dark' if dark else 'light'}-{times}00")
            assert violations(page.tab, PANEL) == []
