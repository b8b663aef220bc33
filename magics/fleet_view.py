"""The clusters of a project for people: a table, what has cost most first, and what it comes to together. Pure."""

from __future__ import annotations

import html
from collections.abc import Sequence
from dataclasses import dataclass

from ..clusters.fleet_rows import IDLE, FleetRow, totals
from .page import framed
from .panel_html import bar, heading, tiles
from .render import Table, money, span

SOON = 600.0
"""Seconds of a lease that are few."""
NAMES = ("name", "owner", "state", "workers", "age", "cost", "per hour", "used", "lease left")
FIGURES = frozenset({"workers", "age", "cost", "per hour", "lease left"})


@dataclass(frozen=True, slots=True)
class FleetView:
    """What `fleet` shows.

    Attributes
    ----------
    rows : sequence of FleetRow
    where : str
        ``PROJECT: REGION, REGION``.
    now : float
        When that was so, unix seconds.
    missing : sequence of str
        What could not be looked at.
    """

    rows: Sequence[FleetRow]
    where: str
    now: float
    missing: Sequence[str] = ()

    def text(self) -> str:
        """Return a table with a line of totals."""
        if not self.rows:
            return "\n".join([f"No clusters in {self.where}", *self.missing])
        lines = [tuple(self._cells(row).values()) for row in self.rows]
        return "\n".join([Table([*lines, self._total()], NAMES).text(), *self.missing])

    def html(self) -> str:
        """Return the same in the style of the panels."""
        sums = totals(self.rows)
        idle = sum((row.idle or 0.0) > IDLE for row in self.rows)
        facts = [
            ("clusters", str(sums.clusters), f"{sums.workers} workers"),
            ("cost so far", money(sums.cost), _priced(sums.priced, sums.clusters)),
            ("per hour", money(sums.rate), "at list prices"),
            ("idle", str(idle), f"no task for {span(IDLE)}"),
        ]
        body = heading("Fleet", self.where) + tiles(facts)
        body += self._table() if self.rows else f'<div class="line">No clusters in {html.escape(self.where)}</div>'
        return framed(body + "".join(f'<div class="line warns">{html.escape(line)}</div>' for line in self.missing))

    def bundle(self) -> dict[str, str]:
        """Return both as one mimebundle."""
        return {"text/plain": self.text(), "text/html": self.html()}

    def _table(self) -> str:
        head = "".join(f'<th scope="col"{_class(name)}>{name}</th>' for name in NAMES)
        body = "".join(self._row(row) for row in self.rows)
        total = "".join(f"<td{_class(n)}>{html.escape(t)}</td>" for n, t in zip(NAMES, self._total(), strict=True))
        return (
            f'<table class="rows"><caption>by cost so far</caption><thead><tr>{head}</tr></thead>'
            f"<tbody>{body}</tbody><tfoot><tr>{total}</tr></tfoot></table>"
        )

    def _row(self, row: FleetRow) -> str:
        cells = self._cells(row)
        marks = {"state": "fails" if row.state == "ERROR" else "", "used": _tone(row)}
        if row.lease_left is None or row.lease_left < SOON:
            marks["lease left"] = "warns"
        drawn = {name: html.escape(text) for name, text in cells.items()}
        if row.utilization is not None:
            drawn["used"] = bar(row.utilization, f"used, {row.name}") + drawn["used"]
        return "<tr>" + "".join(f"<td{_class(n, marks.get(n, ''))}>{text}</td>" for n, text in drawn.items()) + "</tr>"

    def _cells(self, row: FleetRow) -> dict[str, str]:
        left = "no lease" if row.lease_left is None else span(row.lease_left)
        said = (row.name, row.owner or "not known", row.state, str(row.workers), span(row.age))
        return dict(zip(NAMES, (*said, money(row.cost), money(row.rate), self._used(row), left), strict=True))

    def _used(self, row: FleetRow) -> str:
        if row.utilization is None:
            idle = f", idle for {span(row.idle)}" if row.idle else ""
            return f"not known: {row.unknown}" if row.unknown else f"no workers{idle}"
        seen = f", {span(self.now - row.seen)} ago" if row.seen is not None else ""
        idle = f", idle for {span(row.idle)}" if row.idle and row.idle >= 60 else ""
        return f"{row.utilization:.0%}{seen}{idle}"

    def _total(self) -> tuple[str, ...]:
        sums = totals(self.rows)
        many = f"{sums.clusters} cluster{'s' * (sums.clusters != 1)}"
        of = _priced(sums.priced, sums.clusters)
        return ("total", "", many, str(sums.workers), "", money(sums.cost), money(sums.rate), of, "")


def _priced(priced: int, clusters: int) -> str:
    return "" if priced == clusters else f"prices of {priced} of {clusters} are known"


def _tone(row: FleetRow) -> str:
    return "quiet" if row.utilization is None else "warns" if (row.idle or 0.0) > IDLE else ""


def _class(name: str, tone: str = "") -> str:
    kinds = " ".join(filter(None, ["figure" if name in FIGURES else "name" if name == "name" else "", tone]))
    return f' class="{kinds}"' if kinds else ""
