"""What is given as NAME=VALUE on a line of commands: taken apart in one way, and refused in one way. Pure."""

from __future__ import annotations

from collections.abc import Iterable

from .errors import SpecError


def taken_apart(assignments: Iterable[str], option: str) -> dict[str, str]:
    """Return the texts by name, in the order given.

    Parameters
    ----------
    assignments : iterable of str
        Each ``NAME=VALUE``; in the value ``=`` is a letter as any other.
    option : str
        What they were given with, as ``--set``: errors say it.

    Raises
    ------
    SpecError
        One is no ``NAME=VALUE``, or a name is given twice; ``-`` and ``_`` are the same in it.
    """
    found: dict[str, str] = {}
    seen: set[str] = set()
    for assignment in assignments:
        name, equals, value = assignment.partition("=")
        name = name.strip()
        if not (name and equals):
            said = f"{option}: {assignment!r} given, allowed is NAME=VALUE"
            raise SpecError(said, f"{option} {name or 'NAME'}=VALUE")
        if name.replace("-", "_") in seen:
            raise SpecError(f"{option}: {name} given twice, allowed is once")
        seen.add(name.replace("-", "_"))
        found[name] = value
    return found
