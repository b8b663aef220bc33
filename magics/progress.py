"""A cluster's phases as a person watches them: events from the loop's thread, painted at most four times a second."""

from __future__ import annotations

import contextvars
import html
import threading
import time
from collections.abc import Callable, Sequence
from dataclasses import dataclass
from typing import IO, TYPE_CHECKING, Any, Protocol

if TYPE_CHECKING:
    from ..clusters.cluster import Phase

PAUSE = 0.25
"""Seconds between two paintings."""
CLEAR_LINE = "\r\x1b[2K"
_MARKS = {"running": "…", "done": "✓", "failed": "✗"}


@dataclass(frozen=True, slots=True)
class Step:
    """A phase at the moment of painting.

    Attributes
    ----------
    name, detail : str
    state : str
        ``running``, ``done`` or ``failed``.
    seconds : float
        How long it took, or has taken so far.
    """

    name: str
    detail: str
    state: str
    seconds: float

    def text(self) -> str:
        """Return the step as one line."""
        said = f"failed: {self.detail}" if self.state == "failed" else self.detail
        return f"{self.name:<9} {self.seconds:6.2f} s  {said}".rstrip()


class Painter(Protocol):
    """Something that shows steps."""

    def paint(self, steps: Sequence[Step]) -> None:
        """Show ``steps``, all there are so far; called again and again, and once more at the end."""
        ...


class Progress:
    """A context manager that is called with each phase, from any thread, and paints from one of its own.

    The thread is started in the cell that shows the progress, so that its output belongs to that cell, and it goes
    on painting while the cell blocks.
    """

    def __init__(self, painter: Painter):
        self._painter = painter
        self._phases: dict[tuple[str, float], tuple[Phase, float]] = {}
        self._begun = time.monotonic()
        self._changed, self._over = threading.Event(), threading.Event()
        run = contextvars.copy_context().run
        self._thread = threading.Thread(target=run, args=(self._follow,), name="dask-dataproc-progress", daemon=True)

    def __call__(self, phase: Phase) -> None:
        """Take note of ``phase``, begun, changed or ended."""
        key = (phase.name, phase.started)  # after a stockout, a phase comes again
        _, begun = self._phases.get(key, (phase, time.monotonic()))
        self._phases[key] = (phase, begun)
        self._changed.set()

    def __enter__(self) -> Progress:
        self._thread.start()
        return self

    def __exit__(self, *_: object) -> None:
        self._over.set()
        self._changed.set()
        self._thread.join()
        self._painter.paint(self.steps() if self._phases else [])

    def steps(self) -> list[Step]:
        """Return the phases so far; before the first, while Dask is imported, that it starts."""
        now = time.monotonic()
        if not self._phases:
            return [Step("start", "", "running", now - self._begun)]
        return [_step(phase, now - begun) for phase, begun in list(self._phases.values())]

    def _follow(self) -> None:
        while not self._over.is_set():
            self._changed.wait(PAUSE)
            self._changed.clear()
            self._painter.paint(self.steps())
            self._over.wait(PAUSE)


class PlainLines:
    """One line a phase, when it is over: for logs and pipes."""

    def __init__(self, write: Callable[[str], Any]):
        self._write = write
        self._said: set[int] = set()

    def paint(self, steps: Sequence[Step]) -> None:
        """Write the lines of the phases that have ended since the last call."""
        for number, step in enumerate(steps):
            if step.state != "running" and number not in self._said:
                self._said.add(number)
                self._write(step.text())


class LiveLine:
    """The lines of the phases that are over and, under them, one that moves: for a terminal."""

    def __init__(self, terminal: IO[str]):
        self._terminal = terminal
        self._lines = PlainLines(lambda line: terminal.write(f"{CLEAR_LINE}{line}\n"))

    def paint(self, steps: Sequence[Step]) -> None:
        """Write what has ended and rewrite the line of what runs."""
        self._lines.paint(steps)
        running = [step for step in steps if step.state == "running"]
        self._terminal.write(CLEAR_LINE + (running[-1].text() if running else ""))
        self._terminal.flush()


class LiveDisplay:
    """One display of a notebook, updated in place; what it shows last stays in the saved notebook."""

    def __init__(self) -> None:
        self._handle: Any = None
        self._shown: dict[str, str] = {}

    def paint(self, steps: Sequence[Step]) -> None:
        """Show the steps as one mimebundle, unless nothing has changed; none at all when it never came to one."""
        from IPython.display import display

        bundle = steps_bundle(steps)
        if bundle == self._shown or not (steps or self._shown):
            return
        self._shown = bundle
        if self._handle is None:
            self._handle = display(bundle, raw=True, display_id=True)
        else:
            self._handle.update(bundle, raw=True)


def steps_bundle(steps: Sequence[Step]) -> dict[str, str]:
    """Return the steps as text and as HTML."""
    rows = "".join(
        f'<tr><td>{_MARKS[step.state]}</td><td style="text-align:left">{html.escape(step.name)}</td>'
        f'<td style="text-align:right;white-space:nowrap">{step.seconds:.2f} s</td>'
        f'<td style="text-align:left">{html.escape(step.detail)}</td></tr>'
        for step in steps
    )
    plain = "\n".join(step.text() for step in steps)
    return {"text/plain": plain, "text/html": f"<table><tbody>{rows}</tbody></table>"}


def _step(phase: Phase, so_far: float) -> Step:
    over = phase.seconds is not None
    state = "failed" if phase.failed else "done" if over else "running"
    return Step(phase.name, phase.detail, state, phase.seconds if phase.seconds is not None else so_far)
