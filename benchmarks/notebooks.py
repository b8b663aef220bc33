"""What running a notebook costs: nbclient, papermill and `run_notebook`, whole processes, in turn, in one run.

    python benchmarks/notebooks.py [--reps 5] [--cells 10 110]

The cells are trivial, so what is seen is the runner's own: imports, the kernel's start and end, and saving.
"""

from __future__ import annotations

import argparse
import statistics
import subprocess
import sys
import tempfile
import time
from pathlib import Path

import nbformat

RUNNERS = {
    "nbclient": (
        "import sys, nbformat, nbclient\n"
        "nb = nbformat.read(sys.argv[1], as_version=4)\n"
        "nbclient.NotebookClient(nb).execute()\n"
        "nbformat.write(nb, sys.argv[2])"
    ),
    "papermill": "import sys, papermill\npapermill.execute_notebook(sys.argv[1], sys.argv[2], progress_bar=False)",
    "dask dataproc run": (
        "import sys\n"
        "from dask_dataproc.pipelines.run import run_notebook\n"
        "run_notebook(sys.argv[1], sys.argv[2], progress=False)"
    ),
}
BASE = "nbclient"


def main() -> None:
    """Print one table for each number of cells."""
    parser = argparse.ArgumentParser(description=__doc__, formatter_class=argparse.RawDescriptionHelpFormatter)
    parser.add_argument("--reps", type=int, default=5)
    parser.add_argument("--cells", type=int, nargs="+", default=[10, 110])
    given = parser.parse_args()
    with tempfile.TemporaryDirectory() as folder:
        for cells in given.cells:
            show(cells, measure(write(Path(folder), cells), given.reps))


def write(folder: Path, cells: int) -> Path:
    """Write a notebook of trivial cells."""
    path = folder / f"{cells}.ipynb"
    metadata = {"kernelspec": {"name": "python3", "display_name": "Python 3", "language": "python"}}
    code = [nbformat.v4.new_code_cell(f"x = {number}\nx") for number in range(cells)]
    nbformat.write(nbformat.v4.new_notebook(cells=code, metadata=metadata), path)
    return path


def measure(notebook: Path, reps: int) -> dict[str, list[float]]:
    """Return seconds by runner; they take turns, so that a busy minute of the machine falls on all of them."""
    times: dict[str, list[float]] = {name: [] for name in RUNNERS}
    for rep in range(-1, reps):  # the first round only warms the disk's cache
        for name, code in RUNNERS.items():
            output = notebook.with_name("out.ipynb")
            began = time.perf_counter()
            subprocess.run([sys.executable, "-c", code, notebook, output], check=True, stderr=subprocess.DEVNULL)
            if rep >= 0:
                times[name].append(time.perf_counter() - began)
    return times


def show(cells: int, times: dict[str, list[float]]) -> None:
    """Print medians, spread, and the ratio to nbclient."""
    base = statistics.median(times[BASE])
    print(f"\n{cells} trivial cells, n={len(times[BASE])}")
    print(f"{'':20} {'median s':>9} {'min':>6} {'max':>6} {'of ' + BASE:>12}")
    for name, taken in times.items():
        middle = statistics.median(taken)
        print(f"{name:20} {middle:9.2f} {min(taken):6.2f} {max(taken):6.2f} {middle / base:12.2f}")


if __name__ == "__main__":
    main()
