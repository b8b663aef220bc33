"""Our Papermill engine: Papermill's execution, saved by the clock and not at every cell.

Papermill writes its output twice a cell, which doubles a run of a hundred small cells, and not at all while a silent
cell runs. Here a write happens when `Output` says one is due, between cells and within one.

Importing this module imports Papermill, which takes longer than a kernel takes to start; `run` does both at once.
"""

from __future__ import annotations

import ast
import asyncio
import contextlib
import json
import logging
from typing import Any

import nbformat
from jupyter_client.client import KernelClient
from jupyter_core.utils import ensure_async, run_sync
from nbclient.exceptions import CellExecutionError, DeadKernelError
from nbformat import NotebookNode
from papermill.clientwrap import PapermillNotebookClient
from papermill.engines import Engine, NotebookExecutionManager, papermill_engines

from ..clusters.errors import NotebookError
from .notebook import COST
from .output import Output

NAME = "dask-dataproc"
TICK = 0.5  # seconds between looks at the clock while a cell runs
ANSWER = 5.0  # seconds that the kernel has to say what its clusters cost
COSTS = (
    "(lambda session: __import__('json').dumps(session.session_of(get_ipython()).costs() if session else []))"
    "(__import__('sys').modules.get('dask_dataproc.kernel_ext.session'))"
)
"""What a kernel is asked: it imports nothing of ours for that."""


class SparingManager(NotebookExecutionManager):
    """Papermill's record of a run, written to `Output` when that is due."""

    def __init__(self, nb: NotebookNode, output: Output, progress_bar: bool):
        super().__init__(nb, progress_bar=progress_bar)
        self.output = output

    def save(self, **_: Any) -> None:
        """Write if it is time."""
        self.output.refresh(self.text)

    def autosave_cell(self, **_: Any) -> None:
        """Do nothing at a message: the clock saves."""

    def text(self) -> str:
        """Return the notebook as it is now."""
        return nbformat.writes(self.nb)


class SparingClient(PapermillNotebookClient):
    """Papermill's client, which also saves while a cell runs and knows a failed cell from an interrupted run."""

    nb_man: SparingManager

    async def async_start_new_kernel_client(self) -> KernelClient:
        """Connect to the kernel, which may still be starting."""
        try:
            return await super().async_start_new_kernel_client()
        except RuntimeError as error:
            raise NotebookError(f"kernel {self.kernel_name!r} did not start: {error}") from error

    start_new_kernel_client = run_sync(async_start_new_kernel_client)

    async def async_execute_cell(self, cell: NotebookNode, cell_index: int, *args: Any, **kwargs: Any) -> NotebookNode:
        """Execute one cell while the clock saves."""
        saving = asyncio.create_task(self._save_meanwhile())
        try:
            return await super().async_execute_cell(cell, cell_index, *args, **kwargs)
        finally:
            saving.cancel()

    execute_cell = run_sync(async_execute_cell)

    def papermill_execute_cells(self) -> None:
        """Execute the cells up to the first that fails; cells after an interruption stay pending, not completed."""
        for index, cell in enumerate(self.nb.cells):
            self.nb_man.cell_start(cell, index)
            try:
                self.execute_cell(cell, index)
            except CellExecutionError:
                self.nb_man.cell_exception(cell, index)
                break
            except BaseException as error:
                self.nb_man.cell_exception(cell, index)
                if isinstance(error, DeadKernelError):
                    raise NotebookError(
                        f"the kernel died in cell {index + 1} of {self.nb_man.output.location}"
                    ) from error
                raise
            finally:
                self.nb_man.cell_complete(cell, index)

    async def async_costs(self) -> list[dict[str, Any]]:
        """Return what the clusters cost that the notebook used, as its kernel says; a dead one says nothing."""
        with contextlib.suppress(TimeoutError):
            async with asyncio.timeout(ANSWER):
                return await self._said_costs()
        return []

    async def _said_costs(self) -> list[dict[str, Any]]:
        if self.km is None or self.kc is None or not await ensure_async(self.km.is_alive()):
            return []
        message = self.kc.execute("", silent=True, user_expressions={"costs": COSTS})
        answer: Any = {"parent_header": {}}
        while answer["parent_header"].get("msg_id") != message:
            answer = await ensure_async(self.kc.shell_channel.get_msg())
        said = answer["content"].get("user_expressions", {}).get("costs", {}).get("data", {})
        return json.loads(ast.literal_eval(said.get("text/plain", "'[]'")))

    costs = run_sync(async_costs)

    def disconnect(self) -> None:
        """Let go of the kernel, which lives on."""
        if self.kc is not None:
            self.kc.stop_channels()

    async def _save_meanwhile(self) -> None:
        while True:
            await asyncio.sleep(TICK)
            self.nb_man.save()


class SparingEngine(Engine):
    """Executes on a kernel that `run` starts and ends."""

    @classmethod
    def execute_notebook(  # pyright: ignore[reportIncompatibleMethodOverride]  (ours needs what only `run` gives)
        cls,
        nb: NotebookNode,
        kernel_name: str,
        *,
        output: Output,
        kernel: Any,
        source: str,
        progress_bar: bool = True,
        start_timeout: float = 60,
        **_: Any,
    ) -> NotebookNode:
        """Execute ``nb``, whose cells carry their outputs, times and states afterwards."""
        nb.metadata.papermill.update(input_path=source, output_path=output.location)
        manager = SparingManager(nb, output, progress_bar)
        client = SparingClient(
            manager, km=kernel, kernel_name=kernel_name, startup_timeout=start_timeout, coalesce_streams=True
        )
        manager.notebook_start()
        try:
            client.execute()
        finally:
            if costs := client.costs():
                nb.metadata[COST] = costs
            client.disconnect()
            manager.cleanup_pbar()
            manager.notebook_complete()
            output.finish(manager.text)
        return manager.nb


papermill_engines.register(NAME, SparingEngine)
# What Papermill would warn of (unknown parameters, lines it cannot parse) `parameters` has refused or read better.
logging.getLogger("papermill").setLevel(logging.ERROR)
