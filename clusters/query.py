"""What the audit trail is asked: events, ends that only the ledger knows, and what the asker may see."""

from __future__ import annotations

import asyncio
from collections.abc import Sequence
from typing import NamedTuple

from . import permissions
from .account import Account
from .audit import Event, moment, veiled, with_ends
from .clock import Clock
from .config import setting, staging_of, user
from .errors import DaskDataprocError
from .ledger import Ledger
from .standings import ledger_url
from .sync import run
from .trail import put_together, read_trail, trail_url

STILL = 0.0
"""The scale of a clock that stands: a question is asked of one moment."""


class Queried(NamedTuple):
    """What the trail says.

    Attributes
    ----------
    events : sequence of Event
        In the order of time; some are from before ``since``.
    since : float
        Unix seconds.
    notes : sequence of str
        What is worth knowing of it, one line each.
    """

    events: Sequence[Event]
    since: float
    notes: Sequence[str]


def queried(project: str, since: str, now: float) -> Queried:
    """Return the events of ``project`` since ``since``, a duration or a date; ``now`` is the service's unix seconds.

    Raises
    ------
    SpecError
        ``since`` is neither.
    ConfigError, WaitTimeout
        The trail cannot be read.
    """
    begin, staging = moment(since, now), staging_of(project)

    async def looked() -> tuple[list[Event], list[Account], list[str]]:
        reading = asyncio.to_thread(read_trail, trail_url(staging), begin)
        ledger = Ledger(ledger_url(staging), Clock(now, STILL))
        events, accounts = await asyncio.gather(reading, ledger.accounts(), return_exceptions=True)
        if isinstance(events, BaseException):
            raise events
        if isinstance(accounts, DaskDataprocError):
            return events, [], [f"Ends of leases are not known: {accounts.message}"]
        if isinstance(accounts, BaseException):
            raise accounts
        return events, accounts, []

    events, accounts, notes = run(looked())
    events = [event for event in with_ends(events, accounts) if event.place.partition("/")[0] == project]
    me = user()
    if not permissions.may(permissions.role_of(me, setting("quotas")), permissions.SPENDING):
        if any(event.usd is not None and event.owner != me for event in events):
            notes.append(f"What others' clusters have cost is for a {permissions.ADMIN} to see")
        events = veiled(events, me)
    return Queried(events, begin, notes)


def settle(project: str, now: float, patience: float) -> None:
    """Put the events of days that are over together, for ``patience`` seconds at most."""
    put_together(trail_url(staging_of(project)), now, patience)
