"""Preemption: the notice that Compute Engine gives a machine half a minute before, and how many got one of late."""

from __future__ import annotations

import contextlib
import os
import threading
import time
import urllib.error
import urllib.request
from collections import deque
from collections.abc import Callable

from .metadata import SERVER

HOUR = 3600.0
MOST_AN_HOUR = 10
"""Replacements an hour that ADR-002 takes for normal."""
NOTICE, ORDER = 25.0, 90.0
"""Seconds to leave in: after the notice, which comes 30 s before the power goes, and after SIGTERM."""
POLL = 60
"""Seconds until the metadata server answers though nothing has changed."""
RETRY = 5.0
ASK = 1.0
"""Seconds that are spared for the question whether there is a notice, when told to stop."""


class Replacements:
    """How many machines left because they were preempted, within the last hour.

    Parameters
    ----------
    clock : callable
        Seconds that only grow.

    Attributes
    ----------
    total : int
        Since the head began.
    """

    def __init__(self, clock: Callable[[], float] = time.monotonic):
        self._clock, self._times = clock, deque[float]()
        self.total = 0

    def note(self) -> int:
        """Count one more, and return the number within the last hour."""
        self._times.append(self._clock())
        self.total += 1
        return self.last_hour()

    def last_hour(self) -> int:
        """Return the number within the last hour."""
        while self._times and self._times[0] <= self._clock() - HOUR:
            self._times.popleft()
        return len(self._times)


def metadata_server() -> str:
    """Return where to ask: NODE_METADATA_SERVER, else Compute Engine's server, nothing on an emulated machine."""
    emulated = "NODE_METADATA" in os.environ
    return os.environ.get("NODE_METADATA_SERVER", "" if emulated else SERVER)


def watch(server: str, act: Callable[[], object]) -> threading.Thread:
    """Call ``act`` in a thread of its own once ``server`` says that this machine is preempted; forget it if it cannot.

    Parameters
    ----------
    server : str
        URL of the metadata server's ``instance``.
    act : callable
        What to do; it is called at most once.
    """

    def wait() -> None:
        if _preempted(server):
            act()

    thread = threading.Thread(target=wait, name="preemption", daemon=True)
    thread.start()
    return thread


def is_preempted(server: str) -> bool:
    """Return whether there is a notice by now: the power button may be pressed before `watch` has heard of it."""
    if not server:
        return False
    with contextlib.suppress(OSError):
        request = urllib.request.Request(f"{server}/preempted", headers={"Metadata-Flavor": "Google"})
        with urllib.request.urlopen(request, timeout=ASK) as answer:
            return answer.read().strip() == b"TRUE"
    return False


def _preempted(server: str) -> bool:
    """Return whether there came a notice: True as soon as it does, False where there is no such thing as a notice."""
    query = ""  # the first question is answered at once: the notice may have come before us
    while True:
        try:
            request = urllib.request.Request(f"{server}/preempted{query}", headers={"Metadata-Flavor": "Google"})
            with urllib.request.urlopen(request, timeout=POLL * 2) as answer:
                if answer.read().strip() == b"TRUE":
                    return True
                query = f"?wait_for_change=true&timeout_sec={POLL}&last_etag={answer.headers.get('ETag', '0')}"
        except urllib.error.HTTPError as error:
            if error.code == 404:
                return False
            time.sleep(RETRY)
        except OSError:
            time.sleep(RETRY)
