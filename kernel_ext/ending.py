"""How a kernel ends, and who is told: asked to shut down, asked to restart, or a plain end of its process."""

from __future__ import annotations

import atexit
from collections.abc import Callable
from typing import Any


class Ending:
    """Tells ``act`` once that this process ends, with whether it will be started again.

    A kernel is asked to end through its ``do_shutdown(restart)``, the method that Jupyter documents for kernels to
    override. It runs in the kernel's control thread, so it comes through while a cell is busy and while Jupyter's
    interrupt unwinds the main thread, and with Python's thread pools still alive: none of that holds for ``atexit``.
    A terminal's IPython is asked through its ``ask_exit``, by ``exit`` as by Ctrl-D. Only ``atexit`` is there for a
    process that is neither, as a script that IPython runs.

    Parameters
    ----------
    shell : InteractiveShell
    act : callable
        Called with True if a restart follows; it bounds its own time, since Jupyter kills a kernel that takes 5 s.
    """

    def __init__(self, shell: Any, act: Callable[[bool], None]):
        self._act: Callable[[bool], None] | None = act
        kernel = getattr(shell, "kernel", None)
        if kernel is not None:
            self._wrap(kernel)
        elif hasattr(shell, "ask_exit"):
            self._wrap_terminal(shell)
        atexit.register(self._once, False)

    def _wrap(self, kernel: Any) -> None:
        shutdown = kernel.do_shutdown

        def do_shutdown(restart: bool) -> Any:
            self._once(restart)
            return shutdown(restart)

        kernel.do_shutdown = do_shutdown

    def _wrap_terminal(self, shell: Any) -> None:
        ask_exit = shell.ask_exit

        def asked() -> None:
            self._once(False)
            ask_exit()

        shell.ask_exit = asked

    def _once(self, restart: bool) -> None:
        act, self._act = self._act, None
        if act is not None:
            act(restart)
