"""The product's own notebook: it gives what is saved in it, and computes on other data with other parameters."""

from __future__ import annotations

import os
import subprocess
import sys
from pathlib import Path

import nbformat
import pandas as pd
import pytest

from dask_dataproc.pipelines.composer.begin import FILES

NOTEBOOKS = Path(__file__).parents[2] / "notebooks"
QUICKSTART = NOTEBOOKS / "quickstart.ipynb"


def run_on(laptop, *command: str) -> subprocess.CompletedProcess[str]:
    environment = os.environ | laptop.environment
    return subprocess.run(command, env=environment, capture_output=True, text=True, timeout=240, check=False)


@pytest.fixture(scope="session")
def orders(tmp_path_factory) -> Path:
    """TPC-H's orders, in three files."""
    folder = tmp_path_factory.mktemp("tpch")
    tpchgen = str(Path(sys.executable).with_name("tpchgen-cli"))
    options = ["--scale-factor", "0.01", "--tables", "orders", "--parts", "3", "--output-dir", str(folder)]
    subprocess.run([tpchgen, "parquet", *options], check=True, capture_output=True)
    return folder / "orders"


def test_every_notebook_gives_what_is_saved_in_it(shared_laptop):
    options = ["--nbval", "--nbval-sanitize-with", str(FILES / "sanitize.cfg"), "--nbval-cell-timeout", "120"]
    done = run_on(
        shared_laptop, sys.executable, "-m", "pytest", "-q", "-p", "no:cacheprovider", *options, str(NOTEBOOKS)
    )
    assert done.returncode == 0, done.stdout
    assert not shared_laptop.clusters()


def test_quickstart_computes_on_other_data_with_other_parameters(shared_laptop, orders, tmp_path):
    out = tmp_path / "done.ipynb"
    given = {"data": str(orders), "by": "o_orderpriority", "value": "o_totalprice", "workers": "3"}
    assignments = [word for name, value in given.items() for word in ("-p", f"{name}={value}")]
    dask = str(Path(sys.executable).with_name("dask"))
    done = run_on(shared_laptop, dask, "dataproc", "run", str(QUICKSTART), "-o", str(out), *assignments)
    assert done.returncode == 0, done.stderr
    said = "\n".join(
        output.get("text") or output["data"]["text/plain"]
        for cell in nbformat.read(out, as_version=4).cells
        for output in cell.get("outputs", [])
    )
    frame = pd.read_parquet(orders)
    totals = frame.o_totalprice.astype(float).groupby(frame.o_orderpriority).mean().round(2)
    assert f"{len(frame):,} rows in 3 partitions" in said
    assert all(f"{mean:.2f}" in said for mean in totals)
    assert "is up: 3 workers" in said
    (cost,) = nbformat.read(out, as_version=4).metadata.dask_dataproc_cost
    assert cost.cluster.startswith("dask-")
    assert 0 < cost.usd < cost.price_per_hour * 240 / 3600
    assert not shared_laptop.clusters()
