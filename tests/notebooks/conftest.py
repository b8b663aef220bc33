"""Real kernels, as Jupyter starts them for a notebook, and as nbclient does for a run."""

from __future__ import annotations

import os
import uuid
from collections.abc import Callable, Iterator
from dataclasses import dataclass

import nbformat
import pytest
from jupyter_client.manager import start_new_kernel
from nbclient import NotebookClient

WAIT = 120.0


@dataclass
class Ran:
    """What a cell came to: its text (streams, and displays as they were last updated), its HTML, its error as shown."""

    text: str = ""
    html: str = ""
    error: str = ""


class Kernel:
    """A kernel; with a notebook's path, one that Jupyter has started for that notebook."""

    def __init__(self, notebook: str = ""):
        self.said = ""  # on stdout since its start, by whichever thread
        environment = {key: value for key, value in os.environ.items() if key != "JPY_SESSION_NAME"}
        named = {"JPY_SESSION_NAME": notebook} if notebook else {}
        self.environment = environment | named
        self.manager, self.client = start_new_kernel(startup_timeout=WAIT, env=self.environment)

    def run(self, code: str) -> Ran:
        """Run a cell to its end."""
        asked, ran, displays = self.client.execute(code), Ran(), {}
        while True:
            message = self.client.get_iopub_msg(timeout=WAIT)
            content, kind = message["content"], message["msg_type"]
            if kind == "stream" and content["name"] == "stdout":
                self.said += content["text"]
            if message["parent_header"].get("msg_id") != asked:
                continue
            if kind == "status" and content["execution_state"] == "idle":
                ran.text += "".join(bundle["text/plain"] for bundle in displays.values())
                ran.html = "".join(bundle.get("text/html", "") for bundle in displays.values())
                return ran
            if kind == "stream":
                ran.text += content["text"]
            elif kind in ("display_data", "update_display_data", "execute_result"):
                key = content.get("transient", {}).get("display_id") or len(displays)
                displays[key] = content["data"]
            elif kind == "error":
                ran.error = "\n".join(content["traceback"])

    def hear(self, words: str) -> None:
        """Wait until it has said ``words``, in whichever cell's name."""
        while words not in self.said:
            message = self.client.get_iopub_msg(timeout=WAIT)
            if message["msg_type"] == "stream" and message["content"]["name"] == "stdout":
                self.said += message["content"]["text"]

    def interrupt(self, code: str, when: str) -> Ran:
        """Run a cell, and interrupt it as Jupyter's button does once it has shown ``when``."""
        asked, ran = self.client.execute(code), Ran()
        while True:
            message = self.client.get_iopub_msg(timeout=WAIT)
            content, kind = message["content"], message["msg_type"]
            if message["parent_header"].get("msg_id") != asked:
                continue
            if when and when in str(content.get("data", "")):
                when = ""
                self.manager.interrupt_kernel()
            elif kind == "error":
                ran.error = content["ename"]
            elif kind == "status" and content["execution_state"] == "idle":
                return ran

    def complete(self, line: str) -> list[str]:
        """Return what Tab offers at the end of ``line``."""
        asked = self.client.complete(line)
        while True:
            message = self.client.get_shell_msg(timeout=WAIT)
            if message["parent_header"]["msg_id"] == asked:
                return message["content"]["matches"]

    def restart(self) -> None:
        """Restart it as Jupyter's button does."""
        self.manager.restart_kernel()
        self.client.wait_for_ready(timeout=WAIT)
        self.said = ""

    def rename(self, notebook: str) -> None:
        """Rename its notebook and restart it, as Jupyter's server does: the new kernel hears the new path."""
        self.manager.restart_kernel(env=self.environment | {"JPY_SESSION_NAME": notebook})
        self.client.wait_for_ready(timeout=WAIT)
        self.said = ""

    def kill(self) -> None:
        """SIGKILL, and a new kernel for the same notebook."""
        self.manager.restart_kernel(now=True)
        self.client.wait_for_ready(timeout=WAIT)
        self.said = ""

    def shutdown(self) -> None:
        """Shut it down as Jupyter's button does."""
        if self.manager.has_kernel:
            self.client.stop_channels()
            self.manager.shutdown_kernel()


@pytest.fixture
def kernel(laptop) -> Iterator[Callable[..., Kernel]]:
    """Starts kernels on the laptop; at the end all of them are shut down."""
    started: list[Kernel] = []

    def start(notebook: str = "") -> Kernel:
        started.append(Kernel(notebook))
        return started[-1]

    yield start
    for each in started:
        each.shutdown()


@pytest.fixture
def notebook() -> str:
    """The path of a notebook that no other test has."""
    return f"/home/ana/{uuid.uuid4().hex[:8]}.ipynb"


@pytest.fixture
def name() -> str:
    """The name of a cluster that no other test has."""
    return f"t-{uuid.uuid4().hex[:8]}"


@pytest.fixture
def execute(laptop) -> Callable[..., nbformat.NotebookNode]:
    """Executes cells headless, as nbclient and papermill do, and returns the notebook with its outputs."""

    def run(*cells: str) -> nbformat.NotebookNode:
        document = nbformat.v4.new_notebook(cells=[nbformat.v4.new_code_cell(cell) for cell in cells])
        NotebookClient(document, timeout=WAIT, kernel_name="python3").execute()
        return document

    return run
