"""IPython in a terminal: plain lines, a client that works, and nothing left when one says exit."""

from __future__ import annotations

import os
import re
import sys

import pexpect
import pytest

from ..terminal import Terminal

WAIT = 60.0
COLOURS = re.compile(r"\x1b\[[0-9;?]*[A-Za-z]")


@pytest.fixture
def terminal(laptop, tmp_path):
    """IPython in a terminal of 100 columns on the laptop; its prompt is ``In``."""
    plain = {
        key: value for key, value in os.environ.items() if not key.startswith(("JPY_", "JUPYTER", "DASK_DATAPROC"))
    }
    child = Terminal(
        sys.executable,
        ["-m", "IPython", "--simple-prompt", "--no-banner", "--no-confirm-exit", "--colors=NoColor"],
        env=plain | laptop.environment | {"IPYTHONDIR": str(tmp_path), "TERM": "xterm"},
        cwd=tmp_path,
        encoding="utf-8",
        timeout=WAIT,
        dimensions=(40, 100),
    )
    child.expect(r"In \[1\]: ")
    yield child
    child.close(force=True)


def typed(terminal: Terminal, line: str) -> str:
    """Type a line and return what is shown until the next prompt."""
    terminal.sendline(line)
    terminal.expect_exact(line)
    terminal.expect(r"In \[\d+\]: ")
    return COLOURS.sub("", terminal.before or "")


def test_a_terminal_has_lines_and_a_client_and_its_exit_deletes_the_cluster(terminal, laptop, name):
    assert typed(terminal, "%load_ext dask_dataproc").strip() == ""
    said = typed(terminal, f"%dask_cluster up --name {name} --workers 2")
    assert f"{name} is up: 2 workers" in said
    assert "<table" not in said
    assert "Traceback" not in said
    assert "42" in typed(terminal, "client.submit(sum, (40, 2)).result()")
    assert name in typed(terminal, "%dask_cluster status")
    assert name in laptop.clusters()
    terminal.sendline("exit")
    terminal.expect(pexpect.EOF)
    assert "Traceback" not in (terminal.before or "")
    laptop.until(lambda: name not in laptop.clusters())
