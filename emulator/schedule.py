"""Scheduled deletion and stop: when a cluster is due, by its life or by how long it has been idle. Pure."""

from __future__ import annotations

from .descriptors import Proto
from .stamps import stamp, unix


def due(cluster: Proto, life_from: float, now: float) -> str:
    """Return ``DELETE`` or ``STOP`` if that is what ``cluster``'s schedule asks for by now, else ''.

    Parameters
    ----------
    cluster : Cluster
    life_from, now : float
        Unix seconds: the request that set the schedule, and this moment.
    """
    life, state = cluster.config.lifecycle_config, cluster.status.State.Name(cluster.status.state)
    if state != "DELETING" and _over(life, "delete", life_from, now):
        return "DELETE"
    if state == "RUNNING" and _over(life, "stop", life_from, now):
        return "STOP"
    return ""


def set_idle(cluster: Proto, since: float | None) -> None:
    """Note since when no job has run on ``cluster``; None while one does, or while the cluster does not run."""
    life = cluster.config.lifecycle_config
    if since is None:
        life.ClearField("idle_start_time")
    else:
        life.idle_start_time.CopyFrom(stamp(since))


def _over(life: Proto, what: str, life_from: float, now: float) -> bool:
    ends = []
    if life.HasField(f"auto_{what}_time"):
        ends.append(unix(getattr(life, f"auto_{what}_time")))
    if life.HasField(f"auto_{what}_ttl"):
        ends.append(life_from + _seconds(life, f"auto_{what}_ttl"))
    if life.HasField(f"idle_{what}_ttl") and life.HasField("idle_start_time"):
        ends.append(unix(life.idle_start_time) + _seconds(life, f"idle_{what}_ttl"))
    return bool(ends) and now >= min(ends)


def _seconds(life: Proto, field: str) -> float:
    return getattr(life, field).ToNanoseconds() / 1e9
