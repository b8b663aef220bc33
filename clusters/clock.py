"""The service's time: real in the cloud, scaled on the emulator, so that a test lives through four hours in seconds."""

from __future__ import annotations

import asyncio
import time
from dataclasses import dataclass


@dataclass(frozen=True, slots=True)
class Clock:
    """Unix time that runs ``scale`` times as fast as the wall's, from ``origin`` on.

    Attributes
    ----------
    origin : float
        Unix seconds at which both clocks showed the same.
    scale : float
        Seconds of this clock in one real second; 1 is real time.
    """

    origin: float = 0.0
    scale: float = 1.0

    def now(self) -> float:
        """Return this clock's unix seconds."""
        return self.origin + (time.time() - self.origin) * self.scale

    async def sleep(self, seconds: float) -> None:
        """Wait until this clock has gone on by ``seconds``."""
        await asyncio.sleep(max(0.0, seconds) / self.scale)


REAL = Clock()
