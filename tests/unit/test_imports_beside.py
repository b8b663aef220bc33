"""What a notebook's cells import while a thread of ours imports Dask, is whole."""

import subprocess
import sys

import pytest

BESIDE = """
import threading
from importlib import import_module

import ipykernel.ipkernel  # what a kernel has long imported

failed = []
def aside():
    try:
        import_module("dask_dataproc.clusters.cluster")
    except ImportError as error:
        failed.append(error)

thread = threading.Thread(target=aside)
thread.start()
{cell}
thread.join()
assert not failed, failed
"""


@pytest.mark.parametrize(
    "cell", ["from distributed import Client", "from dask.distributed import Client", "import dask.dataframe"]
)
def test_a_cell_may_import_dask_while_a_cluster_comes_up_beside_it(cell):
    ran = subprocess.run([sys.executable, "-c", BESIDE.format(cell=cell)], capture_output=True, text=True, timeout=60)
    assert ran.returncode == 0, ran.stderr
