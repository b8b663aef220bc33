"""One entry of a notebook's metadata changed in the notebook's own text, every other byte of which stays. Pure.

Written anew by a JSON library, a notebook of another tool would change in thousands of places: indentation, escapes,
figures, the order of keys. So only the span of the entry is replaced.
"""

from __future__ import annotations

import json
import re
from collections.abc import Iterator
from typing import Any, NamedTuple

METADATA = "metadata"
_SPACE = re.compile(r"[ \t\r\n]*")
_DECODER = json.JSONDecoder()


class Member(NamedTuple):
    """One ``"key": value`` of an object.

    Attributes
    ----------
    key : str
    start, colon, value, end : int
        Where the key begins, where it ends, where the value begins and where that ends.
    """

    key: str
    start: int
    colon: int
    value: int
    end: int


class Layout(NamedTuple):
    """How a document is laid out, as its first member shows.

    Attributes
    ----------
    newline : str
        Empty where all stands on one line.
    unit : str
        White space of one level.
    colon : str
        Between a key and its value.
    comma : str
        Between two items on one line.
    """

    newline: str
    unit: str
    colon: str
    comma: str

    def gap(self, depth: int) -> str:
        """Return what stands before a member at ``depth``."""
        return self.newline + self.unit * depth

    def value(self, value: Any, depth: int) -> str:
        """Return ``value`` as it stands at ``depth``."""
        if not self.newline:
            return json.dumps(value, ensure_ascii=False, separators=(self.comma, self.colon))
        made = json.dumps(value, ensure_ascii=False, indent=self.unit, separators=(",", self.colon))
        return made.replace("\n", self.gap(depth))

    def pair(self, key: str, value: Any, depth: int) -> str:
        """Return a member as it stands at ``depth``."""
        return f"{json.dumps(key)}{self.colon}{self.value(value, depth)}"


def with_entry(text: str, key: str, value: Any) -> str:
    """Return the notebook ``text`` with ``metadata.key`` as ``value``, or without it where that is None.

    Parameters
    ----------
    text : str
        A JSON object; one without metadata gets it.
    key : str
    value : object
        As JSON has it.
    """
    top, layout = _after_space(text, 0), _layout(text)
    metadata = next((member for member in _members(text, top) if member.key == METADATA), None)
    if value is None:
        return text if metadata is None else _without(text, metadata.value, key)
    if metadata is None:
        return _put(text, top, METADATA, {key: value}, layout, 1)
    return _put(text, metadata.value, key, value, layout, 2)


def _put(text: str, opening: int, key: str, value: Any, layout: Layout, depth: int) -> str:
    """Return ``text`` with ``key`` in the object at ``opening``: in its place, or where an ordered object has it."""
    members = list(_members(text, opening))
    for member in members:
        if member.key == key:
            return text[: member.value] + layout.value(value, depth) + text[member.end :]
    pair, gap = layout.pair(key, value, depth), layout.gap(depth)
    after = next((member for member in members if member.key > key), None)
    if after is not None:
        return f"{text[: after.start]}{pair}{layout.comma if not gap else ',' + gap}{text[after.start :]}"
    if members:
        end = members[-1].end
        return f"{text[:end]}{layout.comma if not gap else ',' + gap}{pair}{text[end:]}"
    closing = _after_space(text, opening + 1)
    return f"{text[: opening + 1]}{gap}{pair}{layout.gap(depth - 1)}{text[closing:]}"


def _without(text: str, opening: int, key: str) -> str:
    members = list(_members(text, opening))
    at = next((at for at, member in enumerate(members) if member.key == key), None)
    if at is None:
        return text
    if at + 1 < len(members):
        return text[: members[at].start] + text[members[at + 1].start :]
    begin = members[at - 1].end if at else opening + 1
    return text[:begin] + text[members[at].end if at else _after_space(text, members[at].end) :]


def _layout(text: str) -> Layout:
    opening = _after_space(text, 0)
    first = next(_members(text, opening), None)
    if first is None:
        return Layout("", "", ": ", ", ")
    gap, colon = text[opening + 1 : first.start], text[first.colon : first.value]
    newline = "\r\n" if "\r\n" in gap else "\n" if "\n" in gap else ""
    return Layout(newline, gap.rpartition("\n")[2] if newline else "", colon, ", " if colon.endswith(" ") else ",")


def _members(text: str, opening: int) -> Iterator[Member]:
    """Yield the members of the object whose ``{`` is at ``opening``."""
    at = _after_space(text, opening + 1)
    while text[at] != "}":
        key, colon = _DECODER.raw_decode(text, at)
        value = _after_space(text, _after_space(text, colon) + 1)
        _, end = _DECODER.raw_decode(text, value)
        yield Member(key, at, colon, value, end)
        at = _after_space(text, end)
        if text[at] == ",":
            at = _after_space(text, at + 1)


def _after_space(text: str, at: int) -> int:
    found = _SPACE.match(text, at)
    return found.end() if found else at
