"""A cluster that runs, in the panel: what it does, holds and costs, and the buttons that change or end it."""

from __future__ import annotations

import math
import time
from collections.abc import Callable
from typing import TYPE_CHECKING, Any

import ipywidgets

from ..clusters.errors import DaskDataprocError
from ..clusters.sizes import LEAST, adapts, machines_of
from . import panel_html as html
from .panel_logs import Logs
from .render import money, size, span

if TYPE_CHECKING:
    from ..clusters.cluster import DataprocCluster

SECOND_PRESS = 5.0
"""Seconds in which Down has to be pressed again."""
LOOK = 1.0
"""Seconds between two questions to the scheduler."""
DOWN = "Down"


class RunningView:
    """One running cluster after another.

    Parameters
    ----------
    act : callable
        Begins an act, given in words and as a function, in a thread of its own.
    down : callable
        Ends the cluster, or with ``keep`` lets go of it.
    logs : Logs
    """

    def __init__(
        self,
        act: Callable[[str, Callable[[], object]], object],
        down: Callable[..., object],
        logs: Logs,
    ):
        self._act, self._down = act, down
        self._cluster: DataprocCluster | None = None
        self._pressed, self._missed = 0.0, ""
        self.cost: float | None = None
        self._head, self._facts, self._line, self._links = (ipywidgets.HTML() for _ in range(4))
        self._line.add_class("message")
        self._make_controls()
        self.widget = ipywidgets.VBox([self._head, self._facts, *self._rows(logs.button), self._line, logs.box])
        self.say(html.Line())

    def begin(self, cluster: DataprocCluster) -> None:
        """Show ``cluster`` from now on."""
        self._cluster, self._pressed, self._missed, self.cost = cluster, 0.0, "", None
        self.workers.value = cluster.record.total_workers
        self.least.value = max(LEAST, cluster.spec.min_workers)
        self.most.value = cluster.spec.max_workers
        self._links.value = html.links(links_of(cluster))
        self._head.value = html.heading(cluster.name, f"{cluster.spec.project}/{cluster.spec.region}")
        self.say(html.Line())

    def say(self, line: html.Line) -> None:
        """Say what came of an act, or what is wrong."""
        self._line.value = html.spoken(line)

    def look(self) -> bool:
        """Ask the scheduler, and show what it says; return False once the cluster is not there any more."""
        cluster = self._cluster
        if cluster is None:
            return False
        if self._pressed and time.monotonic() - self._pressed > SECOND_PRESS:
            self._pressed, self.down.description = 0.0, DOWN
        try:
            self._facts.value = html.tiles(facts(cluster, cluster.overview()))
        except (DaskDataprocError, OSError) as error:
            return self._miss(cluster, error)
        self.cost = cluster.cost
        if self._missed:
            self._missed = ""
            self.say(html.Line("The scheduler answers again"))
        return True

    def _miss(self, cluster: DataprocCluster, error: Exception) -> bool:
        """Say that the scheduler does not answer; return whether Dataproc says that the cluster is there."""
        try:
            there = cluster.is_there()
        except DaskDataprocError as unknown:
            there, error = cluster.status.name == "running", unknown
        if there and str(error) != self._missed:
            self._missed = str(error)
            self.say(html.line_of(error))
        return there

    def _make_controls(self) -> None:
        self.workers, self.least, self.most = (
            ipywidgets.BoundedIntText(description=what, tooltip=help, min=0, max=1000, layout={"width": "auto"})
            for what, help in (
                ("Workers", "How many there shall be"),
                ("At least", "Fewest that adapting goes down to"),
                ("At most", "Most that adapting goes up to"),
            )
        )
        self.scale = _button("Scale", "Resize to so many workers", self._scale)
        self.adapt = _button("Adapt", "Resize between the two as the work asks", self._adapt)
        self.panes = _button("Dashboards beside", "Open the dashboards beside this notebook", self._open_panes)
        self.keep = _button("Keep", "Let go of it: it lives until its lease ends", self._keep)
        self.down = _button(DOWN, "Delete the cluster; press twice", self._end)
        self.down.add_class("twice")

    def _rows(self, logs: Any) -> list[Any]:
        scale = ipywidgets.HBox([self.workers, self.scale])
        adapt = ipywidgets.HBox([self.least, self.most, self.adapt])  # in a narrow notebook, below, but together
        sizes = ipywidgets.HBox([scale, adapt])
        for row in (scale, adapt, sizes):
            row.add_class("sizes")
        dashboards = ipywidgets.HBox([self.panes, self._links])
        dashboards.add_class("buttons")
        ends = ipywidgets.HBox([logs, self.keep, self.down])
        ends.add_class("buttons")
        return [sizes, dashboards, ends]

    @property
    def buttons(self) -> list[Any]:
        """What is out of use while something is being done."""
        return [self.scale, self.adapt, self.keep]

    def _scale(self) -> None:
        cluster, n = self._cluster, self.workers.value
        if cluster is not None:
            self._act(f"Scaling to {n} workers …", lambda: cluster.scale(n))

    def _adapt(self) -> None:
        cluster, low, high = self._cluster, self.least.value, self.most.value
        if cluster is not None:
            self._act(f"Adapting between {low} and {high} workers …", lambda: cluster.adapt(minimum=low, maximum=high))

    def _keep(self) -> None:
        self._act("Letting go of it …", lambda: self._down(keep=True))

    def _end(self) -> None:
        if not self._pressed:
            self._pressed, self.down.description = time.monotonic(), "Press again to delete"
            return
        self._pressed, self.down.description = 0.0, DOWN
        self._act("Deleting it …", lambda: self._down())

    def _open_panes(self) -> None:
        from ..kernel_ext.lab import open_panes

        if self._cluster is not None:
            open_panes(self._cluster.name)


def facts(cluster: DataprocCluster, now: dict[str, Any]) -> list[tuple[str, str, str]]:
    """Return what a person wants to know of ``cluster``; ``now`` is its `overview`."""
    registered, asked = len(machines_of(now["workers"])), cluster.record.total_workers
    tasks = f"{now['waiting']} waiting, {now['failed']} failed, {now['done']} done"
    left = cluster.lease.left
    return [
        (
            "Workers",
            f"{registered} of {asked}",
            _adapting(adapts(cluster.record.labels)) or f"{now['threads']} threads",
        ),
        ("Memory", size(now["memory"]), f"of {size(now['memory_limit'])}"),
        ("Tasks", f"{now['processing']} running", tasks),
        ("Cost so far", fine(cluster.cost), f"{money(cluster.price_per_hour)} per hour"),
        ("Lease left", span(left) if math.isfinite(left) else "no lease", "renewed while it is used"),
    ]


def _adapting(bounds: tuple[int, int] | None) -> str:
    return f"adapts, {bounds[0]} to {bounds[1]}" if bounds else ""


def links_of(cluster: DataprocCluster) -> list[tuple[str, str]]:
    """Return where the cluster's pages are."""
    pages = [(f"{page} at Component Gateway", address) for page, address in cluster.record.gateway.items()]
    return [("Dashboard in a new tab", cluster.dashboard_link), *pages]


def fine(usd: float | None) -> str:
    """Return what a cluster has cost, in parts of a cent: it ticks."""
    return money(usd) if usd is None or usd >= 100 else f"${usd:.4f}"


def _button(words: str, help: str, press: Callable[[], None]) -> Any:
    button = ipywidgets.Button(description=words, tooltip=help)
    button.on_click(lambda _: press())
    return button
