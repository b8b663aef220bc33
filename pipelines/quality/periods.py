"""The periods from one date to another, as texts: what partitions are called. Pure, the standard library alone."""

from __future__ import annotations

from datetime import date, datetime, timedelta
from typing import Any

STEPS = {"hour": "%Y-%m-%dT%H", "day": "%Y-%m-%d", "month": "%Y-%m"}
"""How far it is from one period to the next, and how a period is written."""


def periods(first: Any, last: Any, every: str, most: int) -> list[str]:
    """Return the periods, or the whole numbers, from ``first`` to ``last``, both among them.

    Parameters
    ----------
    first, last : int or str
        Whole numbers, or dates or times as ISO 8601.
    every : str
        One of `STEPS`; of numbers each is meant.
    most : int
        How many there may be.

    Raises
    ------
    ValueError
        They are neither, are the wrong way round, or more than ``most``.

    Examples
    --------
    >>> periods("2026-02-27", "2026-03-01", "day", 10)
    ['2026-02-27', '2026-02-28', '2026-03-01']
    """
    if type(first) is int and type(last) is int:
        count = last - first + 1
        made = [str(first + step) for step in range(count)] if 0 < count <= most else []
    elif isinstance(first, str) and isinstance(last, str):
        made = _between(_read(first), _read(last), every, most)
    else:
        raise ValueError(f"from {first!r} to {last!r} given, allowed are two dates or two whole numbers, or values")
    if not made:
        raise ValueError(f"from {first} to {last} given, allowed are 1 to {most:,} in order")
    return made


def _read(text: str) -> datetime:
    try:
        return datetime.fromisoformat(text)
    except ValueError:
        raise ValueError(f"{text!r} given, allowed is a date such as 2026-03-01") from None


def _between(first: datetime, last: datetime, every: str, most: int) -> list[str]:
    if (first.tzinfo is None) != (last.tzinfo is None):
        raise ValueError("of from and to one has a time zone, allowed are both or none")
    made: list[str] = []
    while first <= last and len(made) <= most:
        made.append(first.strftime(STEPS[every]))
        first = _next(first, every)
    return made if len(made) <= most else []


def _next(moment: datetime, every: str) -> datetime:
    if every == "month":
        year, month = divmod(moment.year * 12 + moment.month, 12)
        return moment.replace(year=year, month=month + 1, day=1)
    return moment + timedelta(**{f"{every}s": 1})


def called(value: date | datetime, every: str) -> str:
    """Return what the period is called that ``value`` lies in."""
    return value.strftime(STEPS[every])
