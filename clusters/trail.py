"""The audit trail in staging: an object for each event, put together to one for each day once the day is over.

``new/TIME-ID.json`` is written once by whoever did something, and never changed; ``days/2026-11-25.jsonl`` has a line
for each event of a day. Who reads puts together what is old: first the day's object has a line, then the event's own
goes, so an event may be found twice for a moment, and counts once, but is never lost.
"""

from __future__ import annotations

import logging
import os
import secrets
import sys
from collections.abc import Iterable
from dataclasses import replace
from functools import partial

from . import store
from .account import day_of
from .audit import Event, event_of, events_of, lines_of, over, together
from .bounded import within
from .config import setting
from .errors import DaskDataprocError
from .origin import origin
from .outbox import LAST_WORDS, NEW, OUTBOX, waiting_room
from .redaction import redacted
from .spec import DAY

DAYS = "days"
LONGEST = 14 * DAY
"""Seconds: how long before a time the cluster may have been made that has ended since."""
MOST = 2000
"""Events that one reader puts together; the next one goes on."""
SHORT = 600
"""Characters of a detail that are kept."""
log = logging.getLogger(__name__)


def trail_url(staging: str) -> str:
    """Return where the trail is of clusters that are staged at ``staging``: ``dataproc.audit``, else beside them."""
    return (setting("audit") or f"{staging.rstrip('/')}/audit").rstrip("/")


def note(trail: str, event: Event) -> None:
    """Have the trail at that URL say ``event``; returns at once, and whatever fails is logged and no more.

    Its id and its origin are those of this process, its detail is cut and has no secrets in it.
    """
    said = replace(
        event,
        id=secrets.token_hex(8),
        through=origin(os.environ, sys.argv),
        detail=" ".join(redacted(event.detail).split())[:SHORT],
    )
    try:
        OUTBOX.add(trail, said)
    except (OSError, DaskDataprocError) as error:
        log.warning("the audit trail was not told of %s %s: %s", event.act, event.cluster, error)


def read_trail(trail: str, since: float) -> list[Event]:
    """Return the events from ``since`` (unix seconds) on, and those of fourteen days before, in the order of time.

    Raises
    ------
    ConfigError, WaitTimeout
        The trail cannot be read.
    """
    OUTBOX.send(waiting_room())
    OUTBOX.drain(LAST_WORDS)
    first = day_of(max(0.0, since - LONGEST))
    lone = _lone(trail)  # first: what goes from there into a day's object meanwhile is then found in that
    days = [name for name in store.names(f"{trail}/{DAYS}") if first <= name.removesuffix(".jsonl")]
    found = store.at_once(store.read, [f"{trail}/{DAYS}/{name}" for name in days])
    settled = (events_of(data or b"") for data, _ in found)
    return [event for event in together(lone, *settled) if event.day >= first]


def put_together(trail: str, now: float, limit: float) -> int:
    """Put the events of days that are over into the days' objects, within ``limit`` seconds; return how many.

    Who may not, or is late, leaves that to the next one: nothing is lost at any point.
    """
    try:
        return within(limit, partial(_put_together, trail, now), "put the audit trail together")
    except DaskDataprocError as error:
        log.info("the audit trail is left as it is: %s", error.message)
        return 0


def _put_together(trail: str, now: float) -> int:
    old = over(_lone(trail)[:MOST], now)
    for day, events in old.items():
        store.update(f"{trail}/{DAYS}/{day}.jsonl", partial(_with, events))
        store.at_once(store.drop, [f"{trail}/{NEW}/{event.name}" for event in events])
    return sum(map(len, old.values()))


def _with(events: Iterable[Event], found: bytes | None) -> bytes:
    return lines_of(together(events_of(found or b""), events))


def _lone(trail: str) -> list[Event]:
    found = store.contents(f"{trail}/{NEW}")
    return [event for name in sorted(found) if (event := event_of(found[name])) is not None]
