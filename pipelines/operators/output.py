"""What a job's driver prints as lines of the task's log, each told once; the last of them, and the job's result."""

from __future__ import annotations

from collections import deque
from typing import Any

from ...clusters.job_output import DriverOutput
from ..result import RESULT, result_of

PRINTED = 20
"""Lines at the end that a failure repeats."""


class DriverLines:
    """The lines of one job's output.

    Parameters
    ----------
    output : DriverOutput
    """

    def __init__(self, output: DriverOutput):
        self._output, self._rest = output, ""
        self.last: deque[str] = deque(maxlen=PRINTED)
        self._result = ""

    def more(self, *, ended: bool) -> list[str]:
        """Return the lines that have come since the last time; with ``ended`` also one that has no end."""
        *found, self._rest = (self._rest + self._output.more()).split("\n")
        if ended and self._rest:
            found, self._rest = [*found, self._rest], ""
        self.last.extend(line for line in found if line.strip())
        self._result = next((line for line in reversed(found) if line.startswith(RESULT)), self._result)
        return found

    @property
    def result(self) -> Any:
        """What the job says it returned, None where it does not say."""
        try:
            return result_of(self._result)
        except ValueError:  # its line was printed by somebody else
            return None
