"""Run a notebook as a job, here: its parameters typed and checked, Papermill executing, its output kept current."""

from __future__ import annotations

from collections.abc import Mapping
from pathlib import Path
from typing import Any

from jupyter_core.utils import run_sync

from ..clusters.errors import NotebookError
from .lean import import_papermill
from .notebook import Notebook, is_url, kernel_of, read_notebook
from .output import Output, output_at
from .parameters import RUN, check_values, declared_parameters

OUT = Path("out")
"""Where output goes that nobody chose, under the current folder."""

GRACE = 30.0
"""Seconds a kernel has for what it does at its exit."""


def run_notebook(
    notebook: str | Path,
    output: str | Path | None = None,
    parameters: Mapping[str, Any] | None = None,
    kernel_name: str | None = None,
    progress: bool = True,
) -> Path | str:
    """Execute ``notebook`` and return where the executed one is: a path, or the URL that was given.

    As in JupyterLab, a notebook that lies in a folder here finds its relative paths from there.

    Parameters
    ----------
    notebook : str or Path
        A path or any fsspec URL.
    output : str or Path, optional
        A path or any fsspec URL; ``out/NAME.ipynb`` by default. Folders are made. It is never half-written, and
        during the run a file is at most a few seconds old, an object half a minute.
    parameters : mapping, optional
        Typed values by name; texts of a command line are made such by `parameters.parse_assignments`. What a job is
        told of its run, `parameters.RUN`, no notebook has to declare.
    kernel_name : str, optional
        The notebook's own by default.
    progress : bool
        Show a bar on stderr, or as a widget in a notebook.

    Raises
    ------
    NotebookError
        Before a kernel starts: an unknown parameter or a value of another type. Later: no such kernel, a failing
        cell (the output has its traceback), a kernel that died, an output that cannot be written.
    """
    document = read_notebook(notebook)
    given = dict(parameters or {})
    told = {RUN: given.pop(RUN)} if RUN in given else {}
    values = check_values(given, declared_parameters(document)) | told
    target = output_at(_location(notebook, output))
    kernel = run_sync(_start_kernel)(kernel_name or kernel_of(document), _folder(notebook))
    try:
        _execute(str(notebook), document, target, values, kernel, progress)
    finally:
        run_sync(_stop_kernel)(kernel)
    return target.location if is_url(target.location) else Path(target.location)


def run_job(notebook: str, output: str, parameters: dict[str, Any]) -> str:
    """Execute ``notebook`` where this is called, in a kernel of the same environment, and return where the output is.

    A DAG whose runner is ``dataproc-job`` has the cluster's master call it.

    Raises
    ------
    NotebookError
        As `run_notebook` does.
    """
    return str(run_notebook(notebook, output, parameters, kernel_name="python3", progress=False))


def _location(notebook: str | Path, output: str | Path | None) -> str:
    if output is None:
        output = OUT / Path(str(notebook)).name
    if not is_url(str(output)) and Path(output).resolve() == Path(notebook).resolve():
        raise NotebookError(f"output {output} is the notebook itself", f"-o {OUT / Path(output).name}")
    return str(output)


def _folder(notebook: str | Path) -> str | None:
    return None if is_url(str(notebook)) else str(Path(notebook).resolve().parent)


async def _start_kernel(name: str, folder: str | None) -> Any:
    """Return the manager of a kernel that is starting in ``folder``: it comes up while Papermill is imported."""
    from jupyter_client.kernelspec import KernelSpecManager, NoSuchKernel
    from jupyter_client.manager import AsyncKernelManager

    kernel = AsyncKernelManager(kernel_name=name)
    # No history on disk (as nbclient has it), and none of ipykernel's warnings in the middle of the progress bar.
    quiet = ["--HistoryManager.hist_file=:memory:", "--log-level=40"]
    try:
        await kernel.start_kernel(extra_arguments=quiet if kernel.ipykernel else [], cwd=folder)
    except NoSuchKernel as error:
        known = ", ".join(sorted(KernelSpecManager().find_kernel_specs()))
        raise NotebookError(f"no kernel is named {name!r}; there are {known}", "jupyter kernelspec list") from error
    return kernel


async def _stop_kernel(kernel: Any) -> None:
    """Ask the kernel to end, and wait: what it does at its exit may be to delete a cluster.

    Jupyter's own shutdown interrupts the kernel first, at times in the middle of its ending.
    """
    client = kernel.client()
    client.start_channels(shell=False, iopub=False, stdin=False, hb=False)
    client.shutdown()
    await kernel.finish_shutdown(waittime=2 * GRACE, pollinterval=0.02)
    client.stop_channels()
    await kernel.cleanup_resources()


def _execute(
    source: str, document: Notebook, output: Output, values: dict[str, Any], kernel: Any, progress: bool
) -> None:
    papermill = import_papermill()
    from nbformat import from_dict

    from .engine import NAME

    try:
        papermill.execute_notebook(
            from_dict(document),
            None,  # the engine writes
            values,
            engine_name=NAME,
            language="python",
            kernel_name=kernel.kernel_name,
            progress_bar=progress,
            source=source,
            output=output,
            kernel=kernel,
        )
    except papermill.PapermillExecutionError as error:
        what = f"{error.ename}: {error.evalue}".splitlines()[0]
        raise NotebookError(f"cell {error.cell_index + 1} of {output.location} failed: {what}") from error
