"""JupyterLab loads what we bring, under a prefix and behind a token, and nobody notices it."""

from __future__ import annotations

import subprocess
import sys

HEAVY = ("google.cloud", "ipywidgets", "papermill", "gcsfs", "pyarrow", "skein", "dask.dataframe")


def listed(lab, *command: str) -> str:
    """What one of Jupyter's commands says of this environment."""
    done = subprocess.run(
        [sys.executable, "-m", "jupyter", *command], env=lab.environment, capture_output=True, text=True, check=True
    )
    return done.stdout + done.stderr


def test_lab_opens_a_notebook_with_our_extension_and_without_a_complaint(page, lab, notebook):
    page.open(lab.write(notebook))
    assert page.tab.evaluate("() => window.jupyterapp.hasPlugin('dask-dataproc:plugin')")
    assert page.tab.evaluate("() => window.jupyterapp.isPluginActivated('dask-dataproc:plugin')")
    assert page.run("6 * 7").text == "42"
    page.shot("lab")
