"""Calls that fail because a fault was asked for: refused, throttled, cut, or carried out without an answer."""

from __future__ import annotations

import asyncio
import time
from collections.abc import Awaitable, Callable

from .descriptors import Proto
from .errors import denied, throttled, unavailable
from .faults import Faults

COLLECTIONS = {"autoscaling": "autoscalingPolicies", "cluster": "clusters", "job": "jobs", "operation": "operations"}
"""The collection that a permission names, by the word in a method's name that says what it is about."""
VERBS = {
    "submit_job": "create",
    "submit_job_as_operation": "create",
    "diagnose_cluster": "use",
    "wait_operation": "get",
}
"""The verb of a permission where it is not the method's own. Source: Dataproc's documentation of permissions."""
CLUSTER_OPERATIONS = ("create_cluster", "update_cluster", "delete_cluster", "start_cluster", "stop_cluster")
RESET, CLOSED = "Connection reset by peer", "Socket closed"

Method = Callable[[Proto], Awaitable[Proto]]


class Calls:
    """What calls go through on their way to the services.

    Parameters
    ----------
    faults : Faults
    """

    def __init__(self, faults: Faults) -> None:
        self._faults = faults
        self._cut_until = 0.0
        self._under_way: set[asyncio.Task[object]] = set()

    async def answer(self, method: Method, request: Proto) -> Proto:
        """Return what ``method`` answers to ``request``, unless a fault was asked for that is in the way.

        Raises
        ------
        ApiError
            The fault, or the method's own.
        """
        where = {"method": method.__name__, "cluster": _cluster_name(request)}
        self._check_line(where)
        if self._faults.take("permission", **where):
            raise denied(_permission(method.__name__), _resource(request))
        if self._faults.take("throttle", **where):
            kind = "Cluster operation" if method.__name__ in CLUSTER_OPERATIONS else "Default"
            raise throttled(kind, getattr(request, "project_id", ""))
        answer = await self._connected(_snapshot(method, request))
        if self._faults.take("lost-reply", **where):
            raise unavailable(RESET)
        return answer

    def _check_line(self, where: dict[str, str]) -> None:
        if cut := self._faults.take("cut", **where):
            self._cut_until = time.monotonic() + cut.settings["seconds"]
            for task in self._under_way:
                task.cancel()
            raise unavailable(CLOSED)
        if time.monotonic() < self._cut_until:
            raise unavailable(CLOSED)

    async def _connected(self, answering: Awaitable[Proto]) -> Proto:
        """Wait for an answer for as long as the line holds."""
        task = asyncio.ensure_future(answering)
        self._under_way.add(task)  # type: ignore[arg-type]
        try:
            return await task
        except asyncio.CancelledError:
            this = asyncio.current_task()
            if this and this.cancelling():  # the client has hung up
                raise
            raise unavailable(RESET) from None
        finally:
            self._under_way.discard(task)  # type: ignore[arg-type]


async def _snapshot(method: Method, request: Proto) -> Proto:
    """Return what ``method`` answers, as it is at that moment: clusters and jobs go on before it is sent."""
    answer = await method(request)
    now = type(answer)()
    now.CopyFrom(answer)
    return now


def _cluster_name(request: Proto) -> str:
    return getattr(request, "cluster_name", "") or getattr(getattr(request, "cluster", None), "cluster_name", "")


def _permission(method: str) -> str:
    verb, _, what = method.partition("_")
    collection = next(name for word, name in COLLECTIONS.items() if what.startswith(word))
    return f"dataproc.{collection}.{VERBS.get(method, verb)}"


def _resource(request: Proto) -> str:
    """Return the resource that a request is about, as far down as it names one."""
    named = getattr(request, "policy", request)
    if name := getattr(named, "name", "") or getattr(request, "parent", ""):
        return name
    place = f"projects/{request.project_id}/regions/{request.region}"
    if name := _cluster_name(request):
        return f"{place}/clusters/{name}"
    job = getattr(request, "job_id", "")
    return f"{place}/jobs/{job}" if job else place
