"""The last line of a job's output, which has what its function returned. Pure."""

from __future__ import annotations

import json
from typing import Any

RESULT = "dask-dataproc-result: "
"""How that line begins; JSON follows."""


def result_of(output: str) -> Any:
    """Return what the function of a job returned, None if its output does not say."""
    lines = output.rstrip("\n").splitlines()
    if not lines or not lines[-1].startswith(RESULT):
        return None
    return json.loads(lines[-1].removeprefix(RESULT))
