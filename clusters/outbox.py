"""Events on their way to the audit trail: on this disk before anything else happens, sent from a thread of its own.

So nobody waits for a bucket, and a process that is killed loses nothing: whoever comes next on this machine sends what
is there. An event that is sent twice is there once, since its object's name is its own.
"""

from __future__ import annotations

import atexit
import json
import logging
import os
import queue
import threading
import time
from pathlib import Path

from . import store
from .audit import Event
from .errors import DaskDataprocError
from .paths import private, state_dir

LAST_WORDS = 3.0
"""Seconds that the end of a process waits for what is on its way; what is not sent then waits for the next one."""
log = logging.getLogger(__name__)
NEW = "new"
"""The folder of the trail where events lie one by one."""


class Outbox:
    """The events of this process, and those that earlier ones left on this machine."""

    def __init__(self) -> None:
        self._asked: queue.SimpleQueue[Path] = queue.SimpleQueue()
        self._idle = threading.Condition()
        self._left = 0
        self._thread: threading.Thread | None = None
        self._warned = False

    def add(self, trail: str, event: Event) -> None:
        """Have ``event`` go to the trail at that URL; it is on disk when this returns.

        Raises
        ------
        OSError
            It cannot be written here.
        """
        folder = waiting_room()
        text = json.dumps({"to": trail, "event": event.line()})
        fresh = folder / f".{event.name}.{os.getpid()}"
        fresh.write_text(text)
        fresh.replace(folder / event.name)
        self.send(folder)

    def send(self, folder: Path) -> None:
        """Have what waits in ``folder`` sent, and return at once."""
        with self._idle:
            self._left += 1
            if self._thread is None or not self._thread.is_alive():
                self._thread = threading.Thread(target=self._work, name="dask-dataproc-audit", daemon=True)
                self._thread.start()
        self._asked.put(folder)

    def drain(self, limit: float = LAST_WORDS) -> bool:
        """Wait until nothing is on its way any more, ``limit`` seconds at most, and return whether that is so."""
        with self._idle:
            return self._idle.wait_for(lambda: not self._left, limit)

    def _work(self) -> None:
        while True:
            folder = self._asked.get()
            try:
                self._deliver(folder)
            except Exception as error:  # the file systems' own errors, and of a process that ends: it goes on without
                self._warn(folder, str(error) or type(error).__name__)
            finally:
                with self._idle:
                    self._left -= 1
                    self._idle.notify_all()

    def _deliver(self, folder: Path) -> None:
        """Send what waits; a trail that is away keeps back its own events, not those of others."""
        away: set[str] = set()
        for file in sorted(folder.glob("[0-9]*.json")):
            try:
                kept = json.loads(file.read_text())
            except (FileNotFoundError, ValueError):  # another process has sent it; or somebody has written into it
                continue
            if kept["to"] in away:
                continue
            try:
                store.put(f"{kept['to']}/{NEW}/{file.name}", kept["event"].encode())
            except DaskDataprocError as error:
                away.add(kept["to"])
                self._warn(folder, error.message)
            else:
                file.unlink(missing_ok=True)

    def _warn(self, folder: Path, why: str) -> None:
        if not self._warned:
            self._warned = True
            log.warning("the audit trail could not be told, its events wait in %s to be sent later: %s", folder, why)


OUTBOX = Outbox()
atexit.register(OUTBOX.drain)
if hasattr(os, "register_at_fork"):  # the child has neither the thread nor what it was at
    os.register_at_fork(after_in_child=lambda: OUTBOX.__init__())


def waiting_room() -> Path:
    """Return the folder of this machine where events wait to be sent."""
    return private(state_dir() / "audit")


def waiting() -> list[float]:
    """Return since when (unix seconds) each event waits here that is not sent yet, the oldest first."""
    found = []
    for file in waiting_room().glob("[0-9]*.json"):
        try:
            found.append(file.stat().st_mtime)
        except FileNotFoundError:  # it has just been sent
            continue
    return sorted(min(each, time.time()) for each in found)
