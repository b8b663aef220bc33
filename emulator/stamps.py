"""Times and histories of states, as clusters, operations and jobs all keep them."""

from __future__ import annotations

from google.protobuf.timestamp_pb2 import Timestamp

from .descriptors import Proto


def stamp(seconds: float) -> Timestamp:
    """Return unix ``seconds`` as a Timestamp, exact to the microsecond."""
    return Timestamp(seconds=int(seconds), nanos=int(seconds % 1 * 1e6) * 1000)


def unix(time: Timestamp) -> float:
    """Return a Timestamp as unix seconds."""
    return time.seconds + time.nanos / 1e9


def enter(holder: Proto, state: int, now: float, **fields: str) -> None:
    """Give ``holder.status`` a new state from ``now`` on; the one before goes to its ``status_history``."""
    if holder.status.state:
        holder.status_history.append(holder.status)
    holder.status.Clear()
    holder.status.state = state
    holder.status.state_start_time.CopyFrom(stamp(now))
    for name, value in fields.items():
        setattr(holder.status, name, value)
