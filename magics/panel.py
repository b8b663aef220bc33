"""The panel: a form for a cluster with its price, then its way up, then the running cluster; one for each session."""

from __future__ import annotations

import contextlib
from collections.abc import Callable, Iterator
from typing import TYPE_CHECKING, Any, Protocol

import ipywidgets

from ..clusters.earlier_ups import earlier_ups
from ..clusters.errors import DaskDataprocError
from . import panel_html as html
from .panel_beat import PAUSE, Acts, Beat
from .panel_form import Form
from .panel_logs import Logs
from .panel_progress import ProgressView
from .panel_quote import QuoteView
from .panel_running import LOOK, RunningView, fine
from .panel_start import start_of
from .panel_style import MARK, styled
from .render import Table, money

if TYPE_CHECKING:
    from ..clusters.cluster import DataprocCluster
    from ..clusters.record import ClusterRecord
    from ..kernel_ext.coming_up import ComingUp

IDLE = 1.0
"""Seconds between two looks whether somebody has made a cluster in a cell."""
FORM, COMING, RUNNING = "form", "coming", "running"
ENDED = "has ended"


class Holder(Protocol):
    """Whose cluster the panel shows: a session, or a cluster by itself."""

    @property
    def cluster(self) -> DataprocCluster | None:
        """The running cluster."""
        ...

    @property
    def coming(self) -> ComingUp | None:
        """The cluster on its way up."""
        ...

    def down(self, *, keep: bool = False) -> str:
        """End the cluster, or with ``keep`` let go of it."""
        ...


class Panel:
    """The widgets of one session's cluster, and the thread that paints them.

    Parameters
    ----------
    holder : Holder
    begin : callable, optional
        Begins the way up of a spec, given the names for client and cluster; without it there is no form.
    """

    def __init__(self, holder: Holder, begin: Callable[..., ComingUp] | None = None):
        self._holder, self._begin_up = holder, begin
        self._view, self._dirty = "", True
        self._coming: ComingUp | None = None
        self._cluster: DataprocCluster | None = None
        self._pressed = self._cancelled = self._failed = self._unseen = self._going = False
        self._how = ENDED
        self.beat = Beat(self._tick)
        self._acts = Acts(self._act_begun, self._act_ended)
        self._measuring = Acts(lambda words: self.form.say_why(html.Line(words)), self._measured)
        self._make()
        self._show_view(FORM)

    # -- how it is shown

    def bundle(self) -> dict[str, Any]:
        """Return the panel for a notebook; a saved one without a kernel keeps the text and the table."""
        self._unseen = False
        self.beat.start()
        widget = {"version_major": 2, "version_minor": 0, "model_id": self.widget.model_id}
        return self.summary().bundle() | {"application/vnd.jupyter.widget-view+json": widget}

    def _repr_mimebundle_(self, **_: Any) -> tuple[dict[str, Any], dict[str, Any]]:
        return self.bundle(), {MARK: {"panel": True}}

    def summary(self) -> Table:
        """Return what there is, in a few words."""
        again = [("panel", "%dask_cluster shows it")]
        cluster = self._holder.cluster
        if cluster is None:
            return Table(again)
        return Table([*again, ("cluster", cluster.name), ("price per hour", money(cluster.price_per_hour))])

    def close(self) -> None:
        """End the thread and take all widgets away, where they are shown too; a cluster stays as it is."""
        self.beat.stop()
        for widget in _all_of(self.widget):
            widget.close()

    # -- what is pressed

    def _create(self) -> None:
        if self._pressed or self.create.disabled:
            return
        self._pressed, self._cancelled = True, False
        self.progress.begin([])
        self._show_view(COMING)
        self.progress.cancel.focus()
        if not self._acts.begin("", self._begin):
            self._pressed = False
            self._to_form(html.Line("What was begun is still under way: press again when it is over", tone=html.WARNS))

    def _begin(self) -> None:
        from ..clusters.config import resolve
        from ..kernel_ext.last_spec import remember
        from .notebook_front import configured_names

        if self._begin_up is None:
            return
        fields = self.form.fields()
        spec = resolve(fields)
        self.progress.know(earlier_ups(spec))
        remember(fields)
        self._coming = self._begin_up(spec, configured_names())
        self._pressed, self._failed = False, False
        self._coming.listen(lambda _: self.beat.wake())  # the first phase is seen when it begins
        if self._cancelled:
            self._coming.cancel()

    def _cancel(self) -> None:
        self._cancelled = True
        if self._coming is not None:
            self._coming.cancel()
        self.beat.wake()

    def _down(self, *, keep: bool = False) -> None:
        self._going = True
        self._how = "was let go of, and lives until its lease ends" if keep else "is deleted"
        self._holder.down(keep=keep)

    def _back(self) -> None:
        self._coming, self._failed = None, False
        self._to_form(html.Line())
        self.create.focus()

    def _measure(self) -> None:
        path = self.form.data.input.value.strip()
        if path:
            self._measuring.begin(f"Measuring {path} …", lambda: self._take(path))

    def _take(self, path: str) -> None:
        from .reach import Place
        from .size_verbs import fields_for

        given = {k: v for k, v in self.form.fields().items() if k in ("workload", "max_workers", "project", "region")}
        place = Place.of(given.get("project"), given.get("region"), False)
        fields, why = fields_for(path, place, given)
        self.form.take(fields)
        self.form.say_why(html.Line(f"Sized for {path}: {why}"))

    def _measured(self, error: BaseException | None) -> None:
        if error is not None:
            self.form.say_why(html.line_of(error))
        self._changed()

    def _changed(self) -> None:
        self._dirty = True
        self.beat.wake()

    def _act_begun(self, words: str) -> None:
        for button in self.running.buttons:
            button.disabled = True
        self.running.say(html.Line(words))

    def _act_ended(self, error: BaseException | None) -> None:
        for button in self.running.buttons:
            button.disabled = False
        line = html.Line() if error is None else html.line_of(error)
        self.running.say(line)
        if error is not None:
            self._how = ENDED
        if error is not None and (self._pressed or self._holder.cluster is None):  # there is nothing else to show
            self._pressed = False
            self._to_form(line)
        self._going = False
        if self._coming is None or error is not None:
            self.beat.wake()

    # -- what is seen

    def _seen(self, views: int) -> None:
        """Rest while no front end shows the panel any more: it was cleared away, or its cell was."""
        self._unseen = views == 0
        self.beat.wake()

    def _tick(self) -> float:
        if self._unseen or self._going:  # until that act has ended, what is said of it stays
            return IDLE
        begun, cluster = self._holder.coming, self._holder.cluster
        if begun is not None and begun is not self._coming:  # in a cell
            self._coming, self._failed, self._cancelled = begun, False, False
            self.progress.begin([])
        if self._pressed or (self._coming is not None and not self._failed):
            return self._follow(self._coming)
        if cluster is not None:
            return self._watch(cluster)
        if self._view == RUNNING:
            self._ended(self._how)
        if self._dirty and self._view == FORM:
            self._requote()
        return IDLE

    def _follow(self, coming: ComingUp | None) -> float:
        """Show a way up, whoever began it."""
        self._show_view(COMING)
        if coming is None or not coming.done:
            cancelled = self._cancelled or (coming is not None and coming.cancelled)
            self.progress.paint(coming.phases if coming else [], cancelled)
        elif coming.error is not None:
            self._failed = True
            self.progress.fail(coming)
            self.quote.looks.forget()
        else:
            self._coming = None
        return PAUSE

    def _watch(self, cluster: DataprocCluster) -> float:
        """Show a running cluster."""
        if cluster is not self._cluster or self._view != RUNNING:
            self._cluster, self._coming, self._failed, self._how = cluster, None, False, ENDED
            self.running.begin(cluster)
            self._show_view(RUNNING)
        if cluster.status.name != "running":
            self.running.say(html.Line("It goes down …"))
        elif not self.running.look() and cluster.status.name == "running":
            self._holder_lets_go()
            self._ended(_fate(cluster.record))
        return LOOK

    def _holder_lets_go(self) -> None:
        with contextlib.suppress(DaskDataprocError):  # there is nothing to be told any more
            self._holder.down(keep=True)

    def _ended(self, how: str) -> None:
        cluster, self._cluster = self._cluster, None
        name, cost = (cluster.name, self.running.cost) if cluster else ("The cluster", None)
        self.quote.looks.forget()
        self._to_form(html.Line(f"{name} {how}; it cost {fine(cost)} at list prices"))

    def _to_form(self, line: html.Line) -> None:
        self._line.value = html.spoken(line)
        self._dirty = True
        self._show_view(FORM)
        self.beat.wake()

    def _requote(self) -> None:
        self._dirty = False
        try:
            fields = self.form.fields()
        except DaskDataprocError as error:
            self.create.disabled = True
            self.quote.refuse(error)
            return
        refusal = self.quote.of(fields).refusal
        self.create.disabled = refusal is not None
        if refusal is not None:
            self.form.complain(refusal)

    def _show_view(self, view: str) -> None:
        if view != self._view:
            self._view = view
            for name, widget in self._views.items():
                widget.layout.display = None if name == view else "none"

    # -- how it is made

    def _make(self) -> None:
        self.form = Form(self._changed, self._measure)
        self.quote = QuoteView(self._changed)
        self.form.begin(*start_of())
        self.create = ipywidgets.Button(description="Create", button_style="primary", tooltip="Make this cluster")
        self.create.on_click(lambda _: self._create())
        self._line = ipywidgets.HTML(html.spoken(html.Line()))
        self.progress = ProgressView(self._cancel, self._back, Logs(lambda: self._coming and self._coming.cluster))
        self.running = RunningView(self._acts.begin, self._down, Logs(lambda: self._cluster))
        buttons = ipywidgets.HBox([self.create, self._line])
        buttons.add_class("buttons")
        form = ipywidgets.VBox([self.form.widget, self.quote.widget, buttons])
        if self._begin_up is None:
            form.children = [self._line]
        self._views = {FORM: form, COMING: self.progress.widget, RUNNING: self.running.widget}
        self.widget = styled(self._views.values())
        self.widget._view_count = 0  # ipywidgets counts the views from now on
        self.widget.observe(lambda change: self._seen(change["new"]), "_view_count")


def _fate(record: ClusterRecord) -> str:
    """Return what became of a cluster that runs no more: the last ``record`` of one that has gone says that it runs."""
    if record.alive or record.status == "DELETING":
        return "is gone: its lease has ended, or somebody has deleted it"
    return f"is {record.status}: it stays, and costs, until it is deleted or its lease ends"


def _all_of(widget: Any) -> Iterator[Any]:
    for child in getattr(widget, "children", ()):
        yield from _all_of(child)
    yield widget.layout
    yield widget
