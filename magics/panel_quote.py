"""What the cluster in the form would cost and whether it would be made: at once, and more when that was looked up."""

from __future__ import annotations

import threading
import time
from collections.abc import Callable, Mapping
from importlib import import_module
from typing import TYPE_CHECKING, Any, NamedTuple

import ipywidgets

from ..clusters.config import resolve, setting
from ..clusters.errors import DaskDataprocError
from ..clusters.fields import duration_text
from ..clusters.prices import HOURS, as_of
from ..clusters.quote import Quote, quote
from ..clusters.spec import LOCAL, ClusterSpec
from . import panel_html as html
from .reach import Place
from .render import money

if TYPE_CHECKING:
    from ..clusters.standings import Standings

FRESH = 30.0
"""Seconds for which is believed what was looked up."""


class Looked(NamedTuple):
    """What was looked up for a place and a workload.

    Attributes
    ----------
    stand : Standings or None
        None where it could not be read.
    usual : float or None
        Hours.
    error : str
        Why it could not be read.
    at : float
        When, monotonic seconds.
    """

    stand: Standings | None
    usual: float | None
    error: str
    at: float


class LookUp:
    """How a person stands in a place, and how long a workload takes there: read in a thread, every 30 s at most.

    Parameters
    ----------
    found : callable
        Called, in the thread, when there is something new.
    """

    def __init__(self, found: Callable[[], object]):
        self._found = found
        self._known: dict[tuple[str, str, str], Looked] = {}
        self._looking: set[tuple[str, str, str]] = set()

    def of(self, spec: ClusterSpec) -> Looked | None:
        """Return what is known, and have it looked up anew where that is nothing or old."""
        key = (spec.project, spec.region, spec.workload)
        known = self._known.get(key)
        if (known is None or time.monotonic() - known.at > FRESH) and key not in self._looking:
            self._looking.add(key)
            threading.Thread(target=self._look, args=(key,), name="dask-dataproc-look-up", daemon=True).start()
        return known

    def forget(self) -> None:
        """Believe nothing any more: a cluster has been made, or has ended."""
        self._known.clear()

    def _look(self, key: tuple[str, str, str]) -> None:
        try:
            self._known[key] = _looked(*key)
        finally:
            self._looking.discard(key)
        self._found()
        import_module("..clusters.cluster", __package__)  # and Dask, while a person reads the form


def _looked(project: str, region: str, workload: str) -> Looked:
    from ..clusters.runs import usual_hours
    from ..clusters.standings import standings
    from .size_verbs import read_history

    try:
        stand = standings(project, region)
        return Looked(stand, usual_hours(tuple(read_history(workload, Place(project, region)))), "", time.monotonic())
    except DaskDataprocError as error:
        return Looked(None, None, error.message, time.monotonic())
    except Exception as error:
        return Looked(None, None, f"{type(error).__name__}: {error}", time.monotonic())


class QuoteView:
    """Four figures side by side, and one line: what is worth knowing, or why it would be refused.

    Parameters
    ----------
    found : callable
        As of `LookUp`.
    """

    def __init__(self, found: Callable[[], object]):
        self.looks = LookUp(found)
        self._figures, self._line = ipywidgets.HTML(), ipywidgets.HTML()
        self._line.add_class("message")
        self.widget = ipywidgets.VBox([self._figures, self._line])
        self.widget.add_class("quote")
        self.show(Quote(), None)

    def of(self, fields: Mapping[str, Any]) -> Quote:
        """Show and return the quote for ``fields``; one that nobody can make anything of is a refusal too."""
        try:
            spec = resolve(fields)
            looked = self.looks.of(spec)
            stand, usual = (looked.stand, looked.usual) if looked else (None, None)
            found = quote(spec, stand, usual, quotas=setting("quotas"), budgets=setting("budgets"))
        except DaskDataprocError as error:
            found, spec, looked = Quote(refusal=error), None, None
        self.show(found, spec, looked)
        return found

    def refuse(self, error: DaskDataprocError) -> None:
        """Show that the fields make no cluster."""
        self.show(Quote(refusal=error), None)

    def show(self, found: Quote, spec: ClusterSpec | None, looked: Looked | None = None) -> None:
        """Show ``found``, the quote for ``spec``."""
        self._figures.value = html.tiles(_figures(found, spec, looked))
        if found.refusal is not None:
            self._line.value = html.spoken(html.line_of(found.refusal))
            return
        unread = [f"quota and budget are not known: {looked.error}"] if looked and looked.error else []
        said = "; ".join([*unread, *found.warnings])
        self._line.value = html.spoken(html.Line(said, tone=html.WARNS if said else html.PLAIN))


def _figures(found: Quote, spec: ClusterSpec | None, looked: Looked | None) -> list[tuple[str, str, str]]:
    if spec is None:
        return [(what, "–", "") for what in ("Price per hour", "For the job", "Quota left", "Budget left")]
    free = "nothing here, so in the cloud" if spec.project == LOCAL else f"list price of {as_of()}"
    return [
        ("Price per hour", money(found.price_per_hour), free),
        ("For the job", _sum(found), _hours(found, spec)),
        ("Quota left", *_left(found.quota, looked)),
        ("Budget left", *_left(found.budget, looked)),
    ]


def _left(parts: tuple[tuple[str, str], ...], looked: Looked | None) -> tuple[str, str]:
    """Return what is left of the first, large, and of the others, small."""
    if not parts:
        return ("looking …" if looked is None else "not known" if looked.stand is None else "no bound"), ""
    (left, of), *others = parts
    return left, "; ".join([of, *(f"{left} {of}" for left, of in others)])


def _sum(found: Quote) -> str:
    if found.cost is None:
        return money(None)
    return f"{'about' if found.usual else 'at most'} {money(found.cost)}"


def _hours(found: Quote, spec: ClusterSpec) -> str:
    took = duration_text(round(found.hours * HOURS))
    return f"if it takes {took}, as {spec.workload} did" if found.usual else f"in its lifetime, {took}"
