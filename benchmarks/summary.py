"""Medians of measurements and a table of them; ratios are taken pair by pair, within a round, before their median."""

from __future__ import annotations

import statistics
from collections.abc import Iterable, Mapping, Sequence
from typing import NamedTuple


class Spread(NamedTuple):
    """A median with the least and the greatest it is the median of."""

    median: float
    least: float
    greatest: float

    def __str__(self) -> str:
        """Return the three in as many digits as such measurements bear."""
        digits = 2 if self.median < 10 else 0
        return f"{self.median:.{digits}f} [{self.least:.{digits}f}–{self.greatest:.{digits}f}]"


def spread(values: Iterable[float | None]) -> Spread | None:
    """Return the median, least and greatest of ``values``; None if one of them is."""
    given = list(values)
    known = [value for value in given if value is not None]
    if not known or len(known) < len(given):
        return None
    return Spread(statistics.median(known), min(known), max(known))


def ratio(ours: Sequence[float | None], theirs: Sequence[float | None]) -> Spread | None:
    """Return the spread of ``ours`` over ``theirs``, measured in the same rounds."""
    return spread(a / b if a is not None and b else None for a, b in zip(ours, theirs, strict=True))


def table(columns: Sequence[str], rows: Mapping[str, Sequence[object]]) -> str:
    """Return ``rows`` under ``columns`` as text, the first column being their names."""
    lines = [list(map(str, ["", *columns])), *([name, *map(str, cells)] for name, cells in rows.items())]
    widths = [max(map(len, column)) for column in zip(*lines, strict=True)]
    return "\n".join("  ".join(cell.ljust(w) for cell, w in zip(line, widths, strict=True)).rstrip() for line in lines)
