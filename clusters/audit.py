"""What is kept of what happens to clusters: one event a line, in the order of time. Pure: the time is given."""

from __future__ import annotations

import datetime
import json
from collections.abc import Iterable, Mapping
from dataclasses import asdict, dataclass, fields, replace
from typing import Any

from .account import Account, day_of
from .errors import SpecError
from .fields import seconds

CREATE, CREATED, REFUSED = "create", "created", "refused"
START, STARTED, ATTACH, EXTEND = "start", "started", "attach", "extend"
RESIZE, RESIZED, STOP, STOPPED = "resize", "resized", "stop", "stopped"
DELETE, DELETED, HANDED_BACK, ENDED = "delete", "deleted", "handed back", "ended"
FAILED = " failed"
"""Behind what was begun: ``create failed``. What is begun is written before the call, the rest after it."""
LAST = frozenset({DELETED, ENDED, CREATE + FAILED, START + FAILED})
"""After one of these there is no such cluster any more."""
LEASE = "its lease"
"""Through what a cluster ended that nobody ended."""
SETTLED = 86400.0
"""Seconds after a day's end in which late events of it are still expected: until then it is not put together."""
Days = Mapping[str, list["Event"]]


@dataclass(frozen=True, slots=True)
class Event:
    """Something that happened to a cluster, or was begun.

    Attributes
    ----------
    at : float
        Unix seconds of the service's clock.
    act : str
        One of the acts above, or one of them with `FAILED`.
    cluster, place : str
        Its name, and ``PROJECT/REGION``.
    owner : str
        Whose cluster it is.
    by, through : str
        Who did it, and with what: a notebook, a run of a DAG, a command.
    id : str
        Unique: the same event is never counted twice, wherever it is found.
    key, uuid : str
        The request that asked for the cluster, as the ledger has it; the cluster's uuid, where there is one by then.
    workers : int
        Workers there are, or are asked for.
    machine : str
        Their type.
    rate, usd : float or None
        List price in USD an hour at that size; what it has cost until then. None where that is not known.
    until : float or None
        When Dataproc deletes it by itself, as things stand.
    detail : str
        Why it failed, and what else is worth saying.
    """

    at: float
    act: str
    cluster: str
    place: str
    owner: str
    by: str
    through: str
    id: str
    key: str = ""
    uuid: str = ""
    workers: int = 0
    machine: str = ""
    rate: float | None = None
    usd: float | None = None
    until: float | None = None
    detail: str = ""

    @property
    def day(self) -> str:
        """Its day, ``2026-11-25`` in UTC."""
        return day_of(self.at)

    @property
    def name(self) -> str:
        """The name of its object: in the order of time, and of no other event."""
        return f"{self.at:017.3f}-{self.id}.json"

    @property
    def failed(self) -> bool:
        """Whether it says that something could not be done."""
        return self.act.endswith(FAILED)

    @property
    def reason(self) -> str:
        """The kind of error of what failed, ``Stockout``."""
        return self.detail.partition(":")[0] if self.failed or self.act == REFUSED else ""

    def to_dict(self) -> dict[str, Any]:
        """Return it as JSON has it: with its time as people read it, and without what is at its default."""
        when = datetime.datetime.fromtimestamp(self.at, datetime.UTC).isoformat(timespec="milliseconds")
        said = asdict(self)
        return {"when": when} | {each.name: said[each.name] for each in fields(self) if said[each.name] != each.default}

    def line(self) -> str:
        """Return it as one line of JSON."""
        return json.dumps(self.to_dict())


def event_of(line: str | bytes) -> Event | None:
    """Return the event that `Event.line` wrote; None for anything else, and without what a later version says more."""
    try:
        said = json.loads(line)
        return Event(**{each.name: said[each.name] for each in fields(Event) if each.name in said})
    except (ValueError, TypeError):
        return None


def events_of(lines: bytes) -> list[Event]:
    """Return the events of a day's object."""
    return [event for line in lines.splitlines() if (event := event_of(line)) is not None]


def together(*parts: Iterable[Event]) -> list[Event]:
    """Return the events of all ``parts``, each once, in the order of time."""
    found = {event.id: event for part in parts for event in part}
    return sorted(found.values(), key=lambda event: (event.at, event.id))


def lines_of(events: Iterable[Event]) -> bytes:
    """Return a day's object."""
    return "".join(f"{event.line()}\n" for event in events).encode()


def over(events: Iterable[Event], now: float) -> dict[str, list[Event]]:
    """Return those of ``events`` whose days are over and settled, by day."""
    days: dict[str, list[Event]] = {}
    for event in events:
        if event.day < day_of(max(0.0, now - SETTLED)):
            days.setdefault(event.day, []).append(event)
    return days


def with_ends(events: Iterable[Event], accounts: Iterable[Account]) -> list[Event]:
    """Return ``events`` with the ends that nobody wrote: those of clusters that went with their leases.

    When, and what the cluster had cost by then, is the ledger's word. Of one that somebody deleted and could not say so
    any more, the same is known and no more.
    """
    known = together(events)
    gone = {event.key for event in known if event.act in LAST}
    ended = {
        key: (when, each.costs.get(key))
        for each in accounts
        for key, when in each.ended.items()
        if key not in each.reservations  # one that was attached to again lives
    }
    last = {event.key: event for event in known if event.key and event.key in ended and event.key not in gone}
    ends = [
        replace(e, at=ended[k][0], act=ENDED, by="dataproc", through=LEASE, id=f"{k}-ended", usd=ended[k][1], detail="")
        for k, e in last.items()
    ]
    return together(known, ends)


def asked_for(
    events: Iterable[Event], *, since: float = 0.0, owner: str = "", cluster: str = "", place: str = ""
) -> list[Event]:
    """Return those of ``events`` that are of the owner, cluster and place named, from ``since`` on (unix seconds)."""
    wanted = {"owner": owner, "cluster": cluster, "place": place}
    named = {name: value for name, value in wanted.items() if value}
    return [e for e in events if e.at >= since and all(getattr(e, name) == value for name, value in named.items())]


def veiled(events: Iterable[Event], me: str) -> list[Event]:
    """Return ``events`` without what the clusters of others than ``me`` have cost."""
    return [event if event.owner == me else replace(event, usd=None) for event in events]


def total(events: Iterable[Event]) -> float:
    """Return what the clusters of ``events`` that have ended cost together, USD: each once, though two deleted it."""
    ended = (event for event in events if event.act in LAST and event.usd is not None)
    return sum({event.key or event.id: event.usd or 0.0 for event in ended}.values())


def moment(text: str, now: float) -> float:
    """Return the unix seconds that ``text`` means: a duration before ``now``, or a date, of UTC where it has no zone.

    Raises
    ------
    SpecError
        It is neither.
    """
    try:
        return now - seconds(text)
    except ValueError:
        pass
    try:
        said = datetime.datetime.fromisoformat(text)
    except ValueError:
        allowed = "a duration such as 36h or 7d, or a date such as 2026-11-25 or 2026-11-25T14:30"
        raise SpecError(f"since: {text!r} given, allowed is {allowed}", "--since 7d") from None
    return (said if said.tzinfo else said.replace(tzinfo=datetime.UTC)).timestamp()
