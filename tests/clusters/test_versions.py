"""A kernel with other packages than a cluster's is told before anything goes wrong by it."""

from __future__ import annotations

import os
import subprocess
import sys
import sysconfig
import textwrap
from pathlib import Path

import pytest
from uv import find_uv_bin

ATTACH = """
import sys
from dask_dataproc import DaskDataprocError, DataprocCluster
try:
    with DataprocCluster.from_name(sys.argv[1]) as cluster:
        print(next(phase.detail for phase in cluster.phases if phase.name == "workers"))
except DaskDataprocError as error:
    print(error.lines())
"""


@pytest.fixture
def kernel_with(tmp_path):
    """Makes a virtual environment that has what this one has, but for the packages given."""

    def make(*packages: str) -> Path:
        python = tmp_path / "kernel" / "bin" / "python"
        for command in (
            ["venv", "--python", sys.executable, tmp_path / "kernel"],
            ["pip", "install", "--python", python],
        ):
            more = packages if command[0] == "pip" else ()
            ran = subprocess.run([find_uv_bin(), *command, *more], capture_output=True, text=True)
            assert ran.returncode == 0, ran.stderr
        site = next((tmp_path / "kernel" / "lib").glob("python*")) / "site-packages"
        ours = sysconfig.get_path("purelib")
        (site / "ours.pth").write_text(f"import site; site.addsitedir({ours!r})\n")
        return python

    return make


def attach(laptop, python: Path, name: str) -> str:
    ran = subprocess.run(
        [python, "-c", ATTACH, name], env=os.environ | laptop.environment, capture_output=True, text=True, timeout=60
    )
    assert ran.returncode == 0, ran.stderr
    return ran.stdout.strip()


def test_a_kernel_with_another_cloudpickle_is_refused_and_the_cluster_lives_on(laptop, cluster, kernel_with):
    import cloudpickle

    said = attach(laptop, kernel_with("cloudpickle==3.1.0"), cluster.name)
    assert said == textwrap.dedent(f"""\
        VersionMismatch: {cluster.name}: the cluster runs cloudpickle {cloudpickle.__version__} (here 3.1.0)
          Try:  %dask_cluster emulator stop, and up again: it then runs this kernel's packages   \
or become as it is: uv pip install 'cloudpickle=={cloudpickle.__version__}', and restart the kernel""")
    assert laptop.clusters()[cluster.name].status == "RUNNING"


def test_a_kernel_with_another_toolz_is_told_and_attaches(laptop, cluster, kernel_with):
    import toolz

    said = attach(laptop, kernel_with("toolz==1.0.0"), cluster.name)
    assert said.endswith(f"other versions there: toolz {toolz.__version__} (here 1.0.0)")


def test_nothing_is_said_of_a_cluster_with_the_same_packages(laptop, cluster):
    assert attach(laptop, Path(sys.executable), cluster.name) == "0 to register"
