"""The frame of ``doctor``: checks that run at once, each bounded, each saying what it found and what to do about it."""

from __future__ import annotations

from collections.abc import Callable, Iterable
from concurrent.futures import ThreadPoolExecutor
from dataclasses import dataclass
from functools import partial
from typing import Literal

from ..clusters.bounded import within
from ..clusters.errors import DaskDataprocError, WaitTimeout

PATIENCE = 15.0
"""Seconds that all the checks may take together."""
Status = Literal["ok", "warn", "fail"]


@dataclass(frozen=True, slots=True)
class Finding:
    """What a check found.

    Attributes
    ----------
    check : str
        What was looked at.
    status : str
        ``ok``; ``warn``: works, or was not checked; ``fail``: ``up`` will not work.
    text : str
        What was found.
    cure : str
        What to do, as something that can be pasted; empty when it is ok.
    evidence : tuple of str
        What that was seen by, one line each.
    """

    check: str
    status: Status
    text: str
    cure: str = ""
    evidence: tuple[str, ...] = ()


Check = Callable[[], Finding]


def examine(checks: Iterable[tuple[str, Check]]) -> list[Finding]:
    """Run ``checks`` at once and return their findings in order; one that is late, or breaks, is said to be."""
    named = list(checks)
    with ThreadPoolExecutor(max(1, len(named)), thread_name_prefix="dask-dataproc-doctor") as pool:
        return list(pool.map(lambda each: _in_time(*each), named))


def verdict(findings: Iterable[Finding]) -> DaskDataprocError | None:
    """Return the error that the failed checks amount to, with the first one's cure; None if none failed."""
    all_found = list(findings)
    failed = [finding for finding in all_found if finding.status == "fail"]
    if not failed:
        return None
    names = ", ".join(finding.check for finding in failed)
    return DaskDataprocError(f"{len(failed)} of {len(all_found)} checks failed: {names}", failed[0].cure)


def _in_time(name: str, check: Check) -> Finding:
    try:
        return within(PATIENCE, partial(_guarded, name, check), f"check {name}")
    except WaitTimeout:
        return Finding(name, "warn", f"not checked: no answer in {PATIENCE:.0f} s", "try again")


def _guarded(name: str, check: Check) -> Finding:
    try:
        return check()
    except DaskDataprocError as error:
        return Finding(name, "fail", error.message, error.hint)
    except Exception as error:  # the others' findings are worth more than this one's traceback
        return Finding(name, "warn", f"not checked: {type(error).__name__}: {' '.join(str(error).split())[:200]}")
