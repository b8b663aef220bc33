"""Events of the audit trail for people: one a row, the newest last. Pure."""

from __future__ import annotations

import datetime
from collections.abc import Sequence

from ..clusters.audit import REFUSED, Event
from .render import Table, money

NAMES = ("when (UTC)", "cluster", "what", "workers", "cost", "by", "through", "why")


def audit_table(events: Sequence[Event], empty: str) -> Table:
    """Return ``events`` as a table; who acted on a cluster of somebody else's is told whose it is."""
    return Table([_row(event) for event in events], NAMES, empty)


def _row(event: Event) -> tuple[str, ...]:
    when = datetime.datetime.fromtimestamp(event.at, datetime.UTC).strftime("%Y-%m-%d %H:%M:%S")
    by = event.by if event.by == event.owner else f"{event.by} (of {event.owner})"
    usd = money(event.usd) if event.usd is not None else ""
    why = event.detail if event.failed or event.act == REFUSED or event.detail.startswith("from ") else ""
    return (when, event.cluster, event.act, str(event.workers or ""), usd, by, event.through, why)
