"""Loading the extension costs nothing, and unloading takes back what loading gave."""

from __future__ import annotations

import subprocess
import sys

import pytest
from IPython.core.interactiveshell import InteractiveShell

from dask_dataproc.magics.ext import help_asked

HEAVY = ("dask", "distributed", "google", "click", "yaml", "ipywidgets", "bokeh")
MEASURE = """
import sys, time
from IPython.core.interactiveshell import InteractiveShell
shell = InteractiveShell.instance()
begun = time.process_time()
shell.run_line_magic("load_ext", "dask_dataproc")
print(time.process_time() - begun, *sys.modules)
"""


def test_load_ext_takes_under_30_ms_and_imports_nothing_heavy():
    done = subprocess.run([sys.executable, "-c", MEASURE], capture_output=True, text=True, check=True)
    seconds, *modules = done.stdout.split()
    assert float(seconds) < 0.03
    assert not {name.partition(".")[0] for name in modules} & set(HEAVY)


def test_unload_ext_takes_back_what_load_ext_gave():
    shell = InteractiveShell()
    lines, cleanup = set(shell.magics_manager.magics["line"]), list(shell.input_transformers_cleanup)
    for _ in range(2):
        shell.run_line_magic("load_ext", "dask_dataproc")
        assert {"dask_cluster", "dask_pipeline"} <= set(shell.magics_manager.magics["line"])
        shell.run_line_magic("unload_ext", "dask_dataproc")
        assert set(shell.magics_manager.magics["line"]) == lines
        assert shell.input_transformers_cleanup == cleanup
        assert "%dask_cluster" not in shell.strdispatchers["complete_command"].strs


@pytest.mark.parametrize(
    ("line", "becomes"),
    [
        ("%dask_cluster?\n", "%dask_cluster --help\n"),
        ("  %dask_cluster up?\n", "  %dask_cluster up --help\n"),
        ("%dask_pipeline export ??\n", "%dask_pipeline export --help\n"),
        ("%dask_cluster up --workers 2\n", "%dask_cluster up --workers 2\n"),
        ("%dask_clusters?\n", "%dask_clusters?\n"),
        ("print('%dask_cluster up?')\n", "print('%dask_cluster up?')\n"),
    ],
)
def test_a_question_mark_asks_for_the_verbs_help(line, becomes):
    assert help_asked([line]) == [becomes]
