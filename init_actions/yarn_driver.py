"""Submitting to YARN and waiting for the start, through skein's driver: one Java process per Python process."""

from __future__ import annotations

import asyncio
import shutil
import threading
import time
import weakref
from collections.abc import Callable
from dataclasses import dataclass
from typing import Any

from .yarn_errors import ApplicationEnded, DriverFailed, QueueTimeout, UnknownQueue, YarnError, refusal, too_large
from .yarn_site import number
from .yarn_skein import skein

POLL = 0.1
"""Seconds between two looks at an application that has not started."""
UNNAMED = "default"
"""YARN's name for the queue of an application that names none."""
ENDED = ("FINISHED", "FAILED", "KILLED")
ANSWER = 10.0
"""Seconds in which an application's master has to answer; one on a machine without power never does."""
QUIET_JAVA = ["-XX:+UseSerialGC", "-XX:TieredStopAtLevel=1", "-Xshare:auto"]
"""A short-lived, small JVM is up sooner with them."""

_lock = threading.Lock()
_shared: Callable[[], Any] | None = None


def shared_client() -> Any:
    """Return the process's ``skein.Client``, which lives for as long as somebody holds it.

    Raises
    ------
    DriverFailed
        It cannot be started.
    """
    global _shared
    with _lock:
        client = _shared() if _shared else None
        if client is None:
            client = start_client()
            _shared = weakref.ref(client)
        return client


def start_client() -> Any:
    """Return a ``skein.Client`` with a driver of its own."""
    for command, package in (("yarn", "Hadoop's client, and put its `yarn` on PATH"), ("java", "a Java runtime")):
        if shutil.which(command) is None:
            raise DriverFailed(
                f"skein's driver needs the command `{command}`, which is not on PATH", f"Install {package}."
            )
    try:
        return skein.Client(log=False, java_options=QUIET_JAVA)
    except Exception as error:
        raise DriverFailed(
            f"skein's driver did not start: {error}", "See why:  python -c 'import skein; skein.Client()'"
        ) from error


@dataclass(frozen=True)
class Waiting:
    """Why an application has not started.

    Attributes
    ----------
    app_id, queue, state : str
        Of the application; the state is YARN's.
    position : int or None
        1 for the next one in its queue; None while it is not in a queue yet, or no more.
    reason : str
        What YARN says of it.
    seconds : float
        How long it has been waiting.
    """

    app_id: str
    queue: str
    state: str
    position: int | None
    reason: str
    seconds: float


async def submit(client: Any, spec: Any) -> str:
    """Submit ``spec`` and return the application's id.

    Raises
    ------
    SubmissionRefused
        YARN does not take it; the subclass says why.
    """
    await asyncio.to_thread(_check_sizes, client, spec)
    try:
        app_id = await asyncio.to_thread(client.submit, spec)
    except (skein.SkeinError, ValueError) as error:
        raise refusal(error, spec.queue, spec.user) from error
    await asyncio.to_thread(_check_placed, client, app_id, spec.queue)
    return app_id


def _check_sizes(client: Any, spec: Any) -> None:
    """Refuse what YARN would only refuse when the container is asked for, and then end the application."""
    nodes = [node.total_resources for node in client.get_nodes()]
    for kind, setting in (("memory", "mb"), ("vcores", "vcores")):
        said = number(f"yarn.scheduler.maximum-allocation-{setting}")
        largest = [max(getattr(node, kind) for node in nodes)] if nodes else []  # none yet: YARN has just begun
        limits = largest + [said] * (said is not None)
        for name, service in spec.services.items():
            asked = getattr(service.resources, kind)
            if limits and asked > min(limits):
                raise too_large(f"{name.removeprefix('dask.')}_{kind}", asked, min(limits))


def _check_placed(client: Any, app_id: str, asked: str) -> None:
    """Refuse what YARN does not: that an application for an unknown queue comes into the default one."""
    placed = client.application_report(app_id).queue
    if asked == UNNAMED or f".{asked.removeprefix('root.')}." in f".{placed}.":
        return
    there = sorted(queue.name.removeprefix("root.") for queue in client.get_all_queues())
    if asked.removeprefix("root.") not in there:
        client.kill_application(app_id)
        raise UnknownQueue(f"there is no queue {asked!r}", f"There are:  {' '.join(there)}")


async def started(client: Any, app_id: str, timeout: float, on_wait: Callable[[Waiting], Any] | None = None) -> Any:
    """Return the ``skein.ApplicationClient`` of an application as soon as it runs.

    Parameters
    ----------
    client : skein.Client
        Who submitted it.
    app_id : str
        The application.
    timeout : float
        Seconds in which it has to start.
    on_wait : callable
        Called with ``Waiting`` whenever state, position or reason have changed.

    Raises
    ------
    ApplicationEnded
        It ended instead.
    QueueTimeout
        It did not start in time, and was killed.
    """
    began, told = time.monotonic(), None
    while True:
        report = await asyncio.to_thread(client.application_report, app_id)
        state = str(report.state)
        if state == "RUNNING":
            return bounded(await asyncio.to_thread(client.connect, app_id, wait=False))
        if state in ENDED:
            raise ended(report)
        waited = time.monotonic() - began
        position = await asyncio.to_thread(_position, client, report) if on_wait or waited > timeout else None
        now = Waiting(app_id, report.queue, state, position, (report.diagnostics or "").strip(), waited)
        if waited > timeout:
            raise _too_long(now)
        if on_wait and (now.state, now.position, now.reason) != told:
            told = (now.state, now.position, now.reason)
            on_wait(now)
        await asyncio.sleep(POLL)


def bounded(application: Any) -> Any:
    """Return ``application``, a ``skein.ApplicationClient``, with a bound for each call that has none of its own."""
    ask = application._call

    def call(method: str, request: Any, timeout: float | None = None) -> Any:
        return ask(method, request, timeout=None if method == "Watch" else timeout or ANSWER)  # that one is a stream

    application._call = call
    return application


def ended(report: Any) -> YarnError:
    """Return what to say of an application that has ended by itself."""
    why = " ".join((report.diagnostics or "no diagnostics").split())
    if "InvalidResourceRequestException" in why:
        return refusal(RuntimeError(why[why.index("Invalid resource request") :]), report.queue, report.user)
    logs = f"Its logs:  yarn logs -applicationId {report.id}"
    return ApplicationEnded(f"application {report.id} ended, {report.final_status}: {why}", logs)


def _position(client: Any, report: Any) -> int | None:
    """Return the place of an accepted application among those that wait in its queue."""
    if str(report.state) != "ACCEPTED":
        return None
    waiting = client.get_applications(states=["ACCEPTED"], queue=report.queue)
    return 1 + sum((each.start_time, each.id) < (report.start_time, report.id) for each in waiting)


def _too_long(now: Waiting) -> QueueTimeout:
    place = f", number {now.position} of those that wait" if now.position else ""
    reason = f": {now.reason}" if now.reason else ""
    return QueueTimeout(
        f"{now.app_id} did not start within {now.seconds:.0f} s in queue {now.queue!r}{place}{reason}",
        "Wait longer:  dask.config.set({'yarn.queue-timeout': '2h'})",
    )
