"""What a restarted kernel does when the extension is loaded: it looks whether its notebook has a cluster."""

from __future__ import annotations

import os
from typing import Any


def reattach(shell: Any) -> None:
    """Find the notebook's own cluster again, in a thread, if its last kernel left one."""
    from ..kernel_ext.notebook_record import NOTEBOOK, adopt, kernel_of

    if adopt(os.environ[NOTEBOOK], kernel_of(shell)):
        from ..kernel_ext.session import session_of

        session_of(shell).reattach(_say)


def _say(line: str) -> None:
    import click

    click.echo(line)
