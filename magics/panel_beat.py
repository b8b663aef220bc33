"""The panel's own thread: it looks and paints at most four times a second, whatever the kernel is busy with."""

from __future__ import annotations

import logging
import threading
import time
from collections.abc import Callable

PAUSE = 0.25
"""Seconds between two looks at least: what a person sees is updated four times a second at most."""
log = logging.getLogger(__name__)


class Beat:
    """Calls ``tick`` again and again in one thread, from `start` to `stop`.

    Parameters
    ----------
    tick : callable
        Looks and paints, and returns the seconds until it wants to be called again.

    Attributes
    ----------
    busy : float
        Seconds of a core that the thread has taken until its last look.
    """

    def __init__(self, tick: Callable[[], float]):
        self.busy = 0.0
        self._tick = tick
        self._woken, self._over = threading.Event(), threading.Event()
        self._thread: threading.Thread | None = None

    def start(self) -> None:
        """Begin, if it has not begun."""
        if self._thread is None:
            self._thread = threading.Thread(target=self._run, name="dask-dataproc-panel", daemon=True)
            self._thread.start()

    def wake(self) -> None:
        """Have it look as soon as it may."""
        self._woken.set()

    def stop(self) -> None:
        """End it, after the look that is under way."""
        self._over.set()
        self._woken.set()

    def _run(self) -> None:
        while not self._over.is_set():
            self._woken.clear()
            try:
                wait = self._tick()
            except Exception:
                log.exception("the panel could not be painted")
                wait = 1.0
            self.busy = time.thread_time()
            self._over.wait(PAUSE)
            self._woken.wait(max(0.0, wait - PAUSE))


class Acts:
    """What buttons begin: each in a thread of its own, one at a time; how it ends is told to ``ended``.

    Parameters
    ----------
    begun, ended : callable
        Called with what is done, in words, before; and with the error afterwards, or None.
    """

    def __init__(self, begun: Callable[[str], None], ended: Callable[[BaseException | None], None]):
        self._begun, self._ended = begun, ended
        self._free = threading.Lock()

    def begin(self, words: str, act: Callable[[], object]) -> bool:
        """Begin ``act``, unless another is under way; return whether it has begun."""
        if not self._free.acquire(blocking=False):
            return False
        self._begun(words)
        threading.Thread(target=self._do, args=(act,), name="dask-dataproc-act", daemon=True).start()
        return True

    def _do(self, act: Callable[[], object]) -> None:
        error: BaseException | None = None
        try:
            act()
        except Exception as raised:
            error = raised
        finally:
            self._free.release()
        self._ended(error)
