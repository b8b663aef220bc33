"""A cluster on its way up, in the panel: its phases with times, what remains by the last ways up, and a way back."""

from __future__ import annotations

import time
from collections.abc import Callable, Sequence
from typing import TYPE_CHECKING

import ipywidgets

from ..clusters.phases import UP, Phase
from ..clusters.remaining import START, remaining, usual
from . import panel_html as html
from .panel_logs import Logs
from .render import span

if TYPE_CHECKING:
    from ..kernel_ext.coming_up import ComingUp

FIRST = "start"
"""What is shown before the first phase, while Dask is imported."""


class ProgressView:
    """The way up of one cluster after another.

    Parameters
    ----------
    cancel, back : callable
        Called when a person wants it given up; wants the form again after it has failed.
    logs : Logs
    """

    def __init__(self, cancel: Callable[[], object], back: Callable[[], object], logs: Logs):
        self._line, self._bar, self._steps = ipywidgets.HTML(), ipywidgets.HTML(), ipywidgets.HTML()
        self._left = ipywidgets.HTML()
        self.cancel = ipywidgets.Button(description="Cancel", tooltip="Give it up; what was made is deleted")
        self.back = ipywidgets.Button(description="Back to the form", disabled=True)
        self.cancel.on_click(lambda _: cancel())
        self.back.on_click(lambda _: back())
        said = ipywidgets.HBox([self._line, self._left])
        said.add_class("said")
        buttons = ipywidgets.HBox([self.cancel, self.back, logs.button])
        buttons.add_class("buttons")
        self.widget = ipywidgets.VBox([said, self._bar, self._steps, buttons, logs.box])
        self.begin([])

    def begin(self, earlier: Sequence[dict[str, float]]) -> None:
        """Show that a way up begins now; ``earlier`` are the seconds of the phases of those before."""
        self._begun, self._earlier = time.time(), earlier
        self.cancel.disabled, self.back.disabled = False, True
        self.paint([])

    def know(self, earlier: Sequence[dict[str, float]]) -> None:
        """Learn what earlier ways up took."""
        self._earlier = earlier

    def paint(self, phases: Sequence[Phase], cancelled: bool = False) -> None:
        """Show the ``phases`` there are so far."""
        now = time.time()
        running = FIRST if not phases else phases[-1].name
        left = None if cancelled else remaining(phases, self._earlier, now)
        self._line.value = html.spoken(html.Line("Giving it up …" if cancelled else f"Coming up: {running}"))
        self._left.value = f'<div class="left">{_left(left, now - self._begun)}</div>'
        share = None if left is None else (now - self._begun) / (now - self._begun + left or 1.0)
        self._bar.value = html.bar(share, "way up")
        self._steps.value = html.steps(rows(phases, usual(self._earlier), now, self._begun))

    def fail(self, coming: ComingUp) -> None:
        """Show what it came to instead of a cluster."""
        self.paint(coming.phases)
        gone = html.Line("Given up: nothing of it is left")
        line = gone if coming.cancelled or coming.error is None else html.line_of(coming.error)
        self._line.value, self._left.value, self._bar.value = html.spoken(line), "", ""
        self.cancel.disabled, self.back.disabled = True, False


def rows(phases: Sequence[Phase], usually: dict[str, float], now: float, begun: float) -> list[html.Row]:
    """Return the phases there were, and those to come with the seconds that they usually take."""
    begins = phases[0].started if phases else now
    first = html.Row("done" if phases else "running", FIRST, f"{max(0.0, begins - begun):.1f} s", "")
    seen = {"create" if phase.name == START else phase.name for phase in phases}
    come = [html.Row("to come", name, _about(usually.get(name))) for name in UP if name not in seen]
    return [first, *(_row(phase, now) for phase in phases), *come]


def _row(phase: Phase, now: float) -> html.Row:
    state = "failed" if phase.failed else "running" if phase.seconds is None else "done"
    took = now - phase.started if phase.seconds is None else phase.seconds
    return html.Row(state, phase.name, f"{max(0.0, took):.1f} s", phase.detail)


def _about(seconds: float | None) -> str:
    return "" if seconds is None or seconds < 0.1 else f"about {seconds:.1f} s"


def _left(left: float | None, passed: float) -> str:
    so_far = f"{span(passed)} so far"
    if left is None:
        return so_far
    return f"{so_far}, about {span(left)} left" if left >= 0.5 else f"{so_far}, longer than usual"
