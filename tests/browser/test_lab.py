"""JupyterLab loads what we bring, under a prefix and behind a token, and nobody notices it."""

from __future__ import annotations

import re
import subprocess
import sys
from textwrap import dedent

from .axe import violations

COLOURS = re.compile(r"\x1b\[[0-9;]*m")
HEAVY = ("google.cloud", "ipywidgets", "papermill", "gcsfs", "pyarrow", "skein", "dask.dataframe")


def listed(lab, *command: str) -> str:
    """What one of Jupyter's commands says of this environment."""
    done = subprocess.run(
        [sys.executable, "-m", "jupyter", *command], env=lab.environment, capture_output=True, text=True, check=True
    )
    return COLOURS.sub("", done.stdout + done.stderr)


def test_lab_opens_a_notebook_with_our_extension_and_without_a_complaint(page, lab, notebook):
    page.open(lab.write(notebook))
    assert page.tab.evaluate("() => window.jupyterapp.hasPlugin('dask-dataproc:plugin')")
    assert page.tab.evaluate("() => window.jupyterapp.isPluginActivated('dask-dataproc:plugin')")
    assert page.run("6 * 7").text == "42"
    page.shot("lab")


def test_jupyter_lists_our_extensions_as_enabled_and_sound(lab):
    assert re.search(r"dask-dataproc v\S+ enabled OK \(python, dask-dataproc\)", listed(lab, "labextension", "list"))
    said = listed(lab, "server", "extension", "list")
    assert "dask_dataproc.kernel_ext enabled" in said
    assert re.search(r"dask_dataproc\.kernel_ext +OK", said)


def test_the_server_extension_imports_nothing_heavy():
    script = f"""
        import sys, dask_labextension, jupyter_server_proxy
        before = set(sys.modules)
        import dask_dataproc.kernel_ext, dask_dataproc.kernel_ext.server
        print([name for name in {HEAVY} if name in set(sys.modules) - before])
    """
    done = subprocess.run([sys.executable, "-c", dedent(script)], capture_output=True, text=True, check=True)
    assert done.stdout.strip() == "[]"


def test_what_a_cell_of_ours_shows_is_accessible_in_both_themes(page, lab, notebook):
    page.open(lab.write(notebook))
    page.run("%load_ext dask_dataproc\n%dask_cluster prices")
    for dark in (True, False):  # in this order: the lab keeps its theme
        page.theme(dark)
        page.shot(f"table-{'dark' if dark else 'light'}")
        assert violations(page.tab, ".jp-OutputArea-output table") == []
