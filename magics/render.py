"""What verbs show: a table as text and as HTML, and numbers as a person reads them. Pure."""

from __future__ import annotations

import html
import re
from collections.abc import Sequence
from dataclasses import dataclass
from typing import Protocol

_UNITS = ("B", "kiB", "MiB", "GiB", "TiB")
_ADDRESS = re.compile(r"https?://|/(\S+/)?proxy/")
"""How the address of a page begins; one that a Jupyter server passes on has no host."""
_CELL = "text-align:left;padding:1px 14px 1px 0"


class Shown(Protocol):
    """What a verb may give to be shown: a table, a plot, a view."""

    def text(self) -> str:
        """Return it for a terminal."""
        ...

    def bundle(self) -> dict[str, str]:
        """Return it as one mimebundle, of text and HTML."""
        ...


@dataclass(frozen=True, slots=True)
class Table:
    """Rows of texts, with a header or with the first column as names.

    Attributes
    ----------
    rows : sequence of sequences of str
        All of the same length.
    header : sequence of str
        Names of the columns; empty for a table of names and values.
    empty : str
        What to say when there is no row.
    """

    rows: Sequence[Sequence[str]]
    header: Sequence[str] = ()
    empty: str = ""

    def text(self) -> str:
        """Return the table in columns that line up, with nothing behind the last one."""
        if not self.rows:
            return self.empty
        lines = [self.header, *self.rows] if self.header else list(self.rows)
        widths = [max(map(len, column)) for column in zip(*lines, strict=True)]
        return "\n".join("  ".join(map(str.ljust, line, widths)).rstrip() for line in lines)

    def html(self) -> str:
        """Return the table as HTML with no style of its own but alignment, so that it follows the page's theme."""
        if not self.rows:
            return f"<p>{html.escape(self.empty)}</p>"
        head = f"<thead>{_row(self.header, 'th')}</thead>" if self.header else ""
        body = "".join(_row(row, "td") for row in self.rows)
        return f"<table>{head}<tbody>{body}</tbody></table>"

    def bundle(self) -> dict[str, str]:
        """Return both as one mimebundle."""
        return {"text/plain": self.text(), "text/html": self.html()}


def _row(cells: Sequence[str], tag: str) -> str:
    return "<tr>" + "".join(f'<{tag} style="{_CELL}">{_cell(cell)}</{tag}>' for cell in cells) + "</tr>"


def _cell(text: str) -> str:
    said = html.escape(text)
    return f'<a href="{said}" target="_blank" rel="noopener">{said}</a>' if _ADDRESS.match(text) else said


def money(dollars: float | None) -> str:
    """Return a list price in USD; a text that says so when it is not known."""
    return "not known" if dollars is None else f"${dollars:.2f}"


def size(octets: float) -> str:
    """Return a number of bytes in the unit that leaves at most four digits before the point."""
    power = 0
    while octets >= 1024 and power < len(_UNITS) - 1:
        octets, power = octets / 1024, power + 1
    return f"{octets:.1f} {_UNITS[power]}" if power else f"{octets:.0f} B"


def span(seconds: float) -> str:
    """Return a stretch of time in its one or two largest units: ``45 s``, ``29 min``, ``7 h 59 min``, ``2 d 3 h``."""
    whole = max(0, round(seconds))
    if whole < 60:
        return f"{whole} s"
    minutes = round(seconds / 60)
    hours, days = minutes // 60, minutes // 1440
    if days:
        return f"{days} d {hours % 24} h"
    return f"{hours} h {minutes % 60} min" if hours else f"{minutes} min"
