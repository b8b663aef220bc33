"""One call of Google's API until it is answered: repeated, within a bound, if the answer is lost or Dataproc busy."""

from __future__ import annotations

import asyncio
import random
from collections.abc import Awaitable, Callable
from typing import Any, TypeVar

from .errors import ServiceError, Throttled, WaitTimeout
from .pauses import growing
from .service_errors import translate

GROWTH = 2.0
TRIES = 3
"""A call that hears nothing is made again after this share of its time: the answer may have been lost on its way."""
Answer = TypeVar("Answer")


async def answered(
    what: str,
    call: Callable[[float], Awaitable[Answer]],
    limit: float,
    pauses: tuple[float, float],
    wake: Callable[[], Awaitable[None]] | None = None,
) -> Answer:
    """Return what ``call`` answers.

    Every call of ours may be repeated: those that change something carry a request id, under which it is done once.

    Parameters
    ----------
    what : str
        What it is about, for the error's text.
    call : callable
        Makes the call once, given the seconds it may take.
    limit : float
        Seconds in all.
    pauses : tuple of float
        First and longest seconds between two tries; each is shortened by chance, so that many callers spread.
    wake : callable, optional
        Awaited before each try.

    Raises
    ------
    ServiceError
        Refused, or still out of reach or throttled when the time was up.
    WaitTimeout
        Nothing was heard at all.
    """
    waits = growing(*pauses, GROWTH)
    busy: ServiceError | None = None
    try:
        async with asyncio.timeout(limit):
            while True:
                if wake is not None:
                    await wake()
                busy, answer = await _tried(what, call, limit / TRIES)
                if busy is None:
                    return answer
                pause = next(waits)
                await asyncio.sleep(random.uniform(pause / 2, pause))
    except TimeoutError:
        raise _unanswered(what, busy, limit) from None


async def _tried(what: str, call: Callable[[float], Awaitable[Any]], seconds: float) -> tuple[ServiceError | None, Any]:
    """Return why the call has to be made again, if so, and what it answered."""
    from google.api_core import exceptions as google

    try:
        return None, await call(seconds)
    except google.GoogleAPICallError as error:
        ours = translate(error, what)
        passing = isinstance(error, (google.ServiceUnavailable, google.GatewayTimeout))
        if isinstance(ours, Throttled) or (passing and type(ours) is ServiceError):
            return ours, None
        raise ours from error


def _unanswered(what: str, busy: ServiceError | None, limit: float) -> ServiceError | WaitTimeout:
    if busy is None:
        return WaitTimeout(f"{what}: no answer after {limit:g} s", "%dask_cluster doctor")
    return type(busy)(f"{busy.message}, and so for {limit:g} s", busy.hint)
