"""Amounts as bars: in a terminal of block characters, in a notebook as one small SVG. Pure."""

from __future__ import annotations

import html
from collections.abc import Sequence
from dataclasses import dataclass

from .render import Table

WIDE = 24
"""Characters of the longest bar in a terminal."""
EIGHTHS = " ▏▎▍▌▋▊▉█"
ROW, BAR, GAP = 22, 260, 8
"""Pixels: height of a row, length of the longest bar, distance to the texts."""
LETTER = 7.5
"""Pixels that a character of the names takes at 13 px."""


@dataclass(frozen=True, slots=True)
class Bars:
    """One amount a row.

    Attributes
    ----------
    rows : sequence of (str, float, str)
        A name, an amount of at least 0, and the amount in words.
    header : (str, str)
        What the names and the amounts are.
    empty : str
        What to say when there is no row.
    """

    rows: Sequence[tuple[str, float, str]]
    header: tuple[str, str]
    empty: str = ""

    def text(self) -> str:
        """Return a table whose last column has the bars."""
        rows = [(name, said, _blocks(share)) for (name, _, said), share in zip(self.rows, self._shares, strict=True)]
        return Table(rows, (*self.header, ""), self.empty).text()

    def html(self) -> str:
        """Return an SVG in the page's own colours; a reader of screens gets the texts."""
        if not self.rows:
            return f"<p>{html.escape(self.empty)}</p>"
        left = GAP + LETTER * max(len(name) for name, _, _ in self.rows)
        wide = left + BAR + 2 * GAP + LETTER * max(len(said) for _, _, said in self.rows)
        drawn = "".join(
            _bar(number, left, share * BAR, name, said)
            for number, ((name, _, said), share) in enumerate(zip(self.rows, self._shares, strict=True))
        )
        title = html.escape(f"{self.header[1]} by {self.header[0]}")
        return (
            f'<svg role="img" aria-label="{title}" width="{wide:.0f}" height="{ROW * len(self.rows)}" '
            f'font-size="13" fill="currentColor"><title>{title}</title>{drawn}</svg>'
        )

    def bundle(self) -> dict[str, str]:
        """Return both as one mimebundle."""
        return {"text/plain": self.text(), "text/html": self.html()}

    @property
    def _shares(self) -> list[float]:
        most = max((amount for _, amount, _ in self.rows), default=0.0)
        return [amount / most if most else 0.0 for _, amount, _ in self.rows]


def _blocks(share: float) -> str:
    whole, rest = divmod(round(share * WIDE * 8), 8)
    return (EIGHTHS[-1] * whole + (EIGHTHS[rest] if rest else "")).rstrip()


def _bar(number: int, left: float, length: float, name: str, said: str) -> str:
    middle = ROW * number + ROW / 2
    text = '<text x="{:.1f}" y="{:.1f}" dominant-baseline="central" text-anchor="{}">{}</text>'
    return (
        text.format(left - GAP, middle, "end", html.escape(name))
        + f'<rect x="{left:.1f}" y="{middle - 7:.1f}" width="{max(length, 1):.1f}" height="14" rx="2" fill="#4c78a8"/>'
        + text.format(left + max(length, 1) + GAP, middle, "start", html.escape(said))
    )
