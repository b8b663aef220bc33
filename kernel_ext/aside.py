"""A loop in a thread of its own, for work that must not hold up the loop of the Jupyter server."""

from __future__ import annotations

import asyncio
import threading
from collections.abc import Callable, Coroutine
from typing import Any, TypeVar

Result = TypeVar("Result")


class Aside:
    """Runs coroutines on a loop of its own, begun with the first of them."""

    def __init__(self) -> None:
        self._loop: asyncio.AbstractEventLoop | None = None
        self._lock = threading.Lock()

    async def do(self, work: Callable[[], Coroutine[Any, Any, Result]]) -> Result:
        """Return what the coroutine of ``work`` gives; a cancellation of ours cancels it.

        ``work`` is called over there as well: what it imports or opens before its first ``await`` is not felt here.
        """

        async def begun() -> Result:
            return await work()

        return await asyncio.wrap_future(asyncio.run_coroutine_threadsafe(begun(), self._turning()))

    def _turning(self) -> asyncio.AbstractEventLoop:
        with self._lock:
            if self._loop is None:
                self._loop = asyncio.new_event_loop()
                threading.Thread(target=self._loop.run_forever, name="dask-dataproc-aside", daemon=True).start()
            return self._loop
