"""The job that reads a Pub/Sub subscription, sums its messages up by windows of time on Dask, and goes on where it was.

``--job-module dask_dataproc.pipelines.streaming.consume --job-function consume``, or a function like any other. Each
window is a Parquet file under ``output``, written when the window is over and the same however often: what reads it
sees whole windows only. A message is acknowledged when it is on disk; one that comes twice counts once.
"""

from __future__ import annotations

import hashlib
import json
import math
import time
from collections.abc import Iterator
from contextlib import contextmanager
from dataclasses import dataclass, field
from datetime import UTC, datetime
from typing import TYPE_CHECKING, Any

from ...clusters.errors import ConfigError
from ...clusters.fields import seconds
from ..runner import dask_at_hand
from .store import ID, TIME, Store, put
from .windows import Windows

if TYPE_CHECKING:
    import pandas as pd

PULL = 10.0
"""Seconds that one call waits for messages."""
LATE = "late"
AHEAD = 86400.0
"""Seconds that a message's time may be later than its publication: one of another unit would end every window."""


@dataclass(frozen=True, slots=True)
class Question:
    """What is asked of each window: ``value`` summed up and counted, by ``by``; the time is field ``at``."""

    by: str
    value: str
    at: str


@dataclass
class Seen:
    """What a run has come to."""

    messages: int = 0
    late: int = 0
    unreadable: int = 0
    windows: list[str] = field(default_factory=list)


def consume(
    subscription: str,
    output: str,
    state: str,
    by: str,
    value: str,
    at: str = "",
    window: str = "1m",
    lateness: str = "30s",
    run_for: str = "55m",
    idle: str = "",
    batch: int = 1000,
) -> dict[str, Any]:
    """Read messages, JSON objects, and write what each window of them comes to.

    Parameters
    ----------
    subscription : str
        ``projects/P/subscriptions/S``.
    output, state : str
        Folders of the windows, and of what is kept from run to run; one job at a time.
    by, value : str
        Fields of a message: what it is grouped by, and the number that is counted, summed up and averaged.
    at : str
        Field with its time, ISO 8601 or unix seconds, from 1970 to a day after its publication; Pub/Sub's own time of
        publication if not given.
    window, lateness : str
        Durations: of a window, and how long after its end it is waited for.
    run_for, idle : str
        The run ends after so long; and when no message came for ``idle``, with all windows over, if that is given.
    batch : int
        Most messages of one call.

    Returns
    -------
    dict
        Numbers of ``messages``, of those that were ``late`` or ``unreadable`` (kept in ``output/late``), and the
        starts of the ``windows`` that were written.

    Raises
    ------
    ConfigError
        The state is of windows of another size.
    """
    store, seen = Store(state), Seen()
    windows = store.windows(seconds(window), seconds(lateness))
    question, until = Question(by, value, at), time.monotonic() + seconds(run_for)
    patience, last = seconds(idle) if idle else None, time.monotonic()
    with dask_at_hand(), _pulled(subscription, batch) as pulls:
        for messages, acknowledge in pulls:
            if messages:
                windows = _take(store, windows, messages, question, output, seen)
                acknowledge()
                last = time.monotonic()
            at_end = patience is not None and time.monotonic() - last >= patience
            windows = _write(store, windows, question, output, seen, at_end=at_end)
            if at_end or time.monotonic() > until:
                break
    return {
        "messages": seen.messages,
        "late": seen.late,
        "unreadable": seen.unreadable,
        "windows": [datetime.fromtimestamp(float(start), UTC).isoformat() for start in seen.windows],
    }


def _take(store: Store, windows: Windows, messages: list[Any], question: Question, output: str, seen: Seen) -> Windows:
    """Put ``messages`` into the store, those that came too late or cannot be read aside."""
    import pandas as pd

    rows, aside = [], []
    for received in messages:
        row = _row(received.message, question)
        kind = "unreadable" if row is None else LATE if windows.is_late(row[TIME]) else ""
        if kind:
            said = received.message.data.decode(errors="replace")
            aside.append({ID: received.message.message_id, "why": kind, "data": said})
        else:
            rows.append(row)
    if aside:
        put(f"{output.rstrip('/')}/{LATE}/{_key(aside)}.parquet", pd.DataFrame(aside).to_parquet(index=False))
    if rows:
        store.add(pd.DataFrame(rows))
    seen.messages += len(messages)
    seen.late += sum(each["why"] == LATE for each in aside)
    seen.unreadable += sum(each["why"] == "unreadable" for each in aside)
    return windows.seen(row[TIME] for row in rows)


def _key(aside: list[dict[str, Any]]) -> str:
    """Return what a file of ``aside`` is called: the same for these messages, and another for any others."""
    ids = "\n".join(sorted(each[ID] for each in aside))
    return hashlib.sha256(ids.encode()).hexdigest()[:32]


def _row(message: Any, question: Question) -> dict[str, Any] | None:
    """Return a message as a row, None if it is no object with the fields that are asked for, or they cannot be."""
    published = message.publish_time.timestamp()
    try:
        said = json.loads(message.data)
        when, value = _unix(said[question.at]) if question.at else published, float(said[question.value])
        by = str(said[question.by])
        by.encode()  # half a character cannot be written
    except (ValueError, TypeError, KeyError, OverflowError, RecursionError):
        return None
    if not (0 <= when <= published + AHEAD and math.isfinite(value)):
        return None
    return {ID: message.message_id, TIME: when, "by": by, "value": value}


def _unix(given: Any) -> float:
    if isinstance(given, int | float):
        return float(given)
    when = datetime.fromisoformat(given)
    return (when if when.tzinfo else when.replace(tzinfo=UTC)).timestamp()


def _write(store: Store, windows: Windows, question: Question, output: str, seen: Seen, *, at_end: bool) -> Windows:
    """Write the windows that are over now, note that they are, and drop what only they needed."""
    closed = windows.closed(at_end=at_end)
    if closed.over > windows.over:
        for start, table in _sums(store.batches(), windows, closed, question):
            day = datetime.fromtimestamp(start, UTC)
            put(f"{output.rstrip('/')}/{day:%Y-%m-%dT%H%M%S}.parquet", table.to_parquet(index=False))
            seen.windows.append(str(start))
    store.keep(closed)
    if closed.over > windows.over:
        store.drop(closed.over)
    return closed


def _sums(
    batches: list[str], windows: Windows, closed: Windows, question: Question
) -> Iterator[tuple[float, pd.DataFrame]]:
    """Compute, on Dask, what each window between the two times comes to."""
    import dask.dataframe as dd

    frame = dd.read_parquet(batches).drop_duplicates(subset=[ID])
    frame = frame[(frame[TIME] >= windows.over) & (frame[TIME] < closed.over)]
    frame = frame.assign(window=(frame[TIME] // windows.size) * windows.size)
    sums = frame.groupby(["window", "by"]).value.agg(["count", "sum"]).compute().reset_index()
    for start, table in sums.groupby("window"):
        table = table.assign(mean=table["sum"] / table["count"]).sort_values("by").reset_index(drop=True)
        yield float(start), table.drop(columns="window").rename(columns={"by": question.by})  # type: ignore[arg-type]


@contextmanager
def _pulled(subscription: str, batch: int) -> Iterator[Iterator[tuple[list[Any], Any]]]:
    """Give pairs of messages and what acknowledges them, without end; of a client that is closed afterwards."""
    from google.api_core import exceptions
    from google.cloud import pubsub_v1

    with pubsub_v1.SubscriberClient() as client:

        def pull() -> list[Any]:
            try:
                asked = {"subscription": subscription, "max_messages": batch}
                return list(client.pull(request=asked, timeout=PULL).received_messages)
            except exceptions.DeadlineExceeded:
                return []
            except exceptions.NotFound as error:
                raise ConfigError(f"subscription: {subscription} given, there is none of that name") from error

        def pulls() -> Iterator[tuple[list[Any], Any]]:
            while True:
                got = pull()
                ids = [each.ack_id for each in got]
                yield got, lambda ids=ids: client.acknowledge(request={"subscription": subscription, "ack_ids": ids})

        yield pulls()
