"""What the panel says, as HTML whose colours are the page's. Pure."""

from __future__ import annotations

import html
from collections.abc import Iterable, Sequence
from dataclasses import dataclass

from ..clusters.errors import DaskDataprocError

MARKS = {"done": "✓", "failed": "✗", "running": "…", "to come": "·"}
PLAIN, WARNS, FAILS = "", "warns", "fails"
"""Tones of a line."""


@dataclass(frozen=True, slots=True)
class Line:
    """One line for a person.

    Attributes
    ----------
    text : str
    hint : str
        What may be pasted.
    tone : str
        One of the tones above.
    """

    text: str = ""
    hint: str = ""
    tone: str = PLAIN


@dataclass(frozen=True, slots=True)
class Row:
    """A step of a way up.

    Attributes
    ----------
    state : str
        A key of `MARKS`.
    name, seconds, detail : str
    """

    state: str
    name: str
    seconds: str = ""
    detail: str = ""


def line_of(error: BaseException) -> Line:
    """Return a failure as one line: an expected one with its hint, another one with its type."""
    if isinstance(error, DaskDataprocError):
        return Line(error.message, error.hint, FAILS)
    return Line(f"{type(error).__name__}: {' '.join(str(error).split())}", tone=FAILS)


def spoken(line: Line) -> str:
    """Return a line that readers of screens say when it changes; a failure at once."""
    role = "alert" if line.tone == FAILS else "status"
    hint = f' <span class="hint">Try: <code>{html.escape(line.hint)}</code></span>' if line.hint else ""
    return f'<div role="{role}" class="line {line.tone}">{html.escape(line.text)}{hint}</div>'


def note(line: Line, role: str = "") -> str:
    """Return what stands under a control; with the role ``status`` readers of screens say it when it changes."""
    text, role = html.escape(line.text), f' role="{role}"' if role else ""
    return f'<div class="note {line.tone}"{role} title="{text}">{text}</div>'


def tiles(facts: Iterable[tuple[str, str, str]]) -> str:
    """Return facts side by side: what, its value, and what is worth saying of it."""
    each = "".join(
        f"<div><dt>{html.escape(what)}</dt><dd>{html.escape(value)}<small>{html.escape(more)}</small></dd></div>"
        for what, value, more in facts
    )
    return f'<dl class="tiles">{each}</dl>'


def steps(rows: Sequence[Row]) -> str:
    """Return the steps of a way up, one a row."""
    each = "".join(
        f'<li class="{row.state.replace(" ", "-")}"><span role="img" aria-label="{row.state}">{MARKS[row.state]}</span>'
        f'<span>{html.escape(row.name)}</span><span class="seconds">{html.escape(row.seconds)}</span>'
        f'<span class="detail" title="{html.escape(row.detail)}">{html.escape(row.detail)}</span></li>'
        for row in rows
    )
    return f'<ol class="steps">{each}</ol>'


def table(caption: str, names: Sequence[str], rows: Iterable[Sequence[str]]) -> str:
    """Return a table with a caption; texts that are long break."""
    head = "".join(f'<th scope="col">{html.escape(name)}</th>' for name in names)
    body = "".join(f"<tr>{''.join(f'<td>{html.escape(cell)}</td>' for cell in row)}</tr>" for row in rows)
    said = body or f'<tr><td colspan="{len(names)}">none</td></tr>'
    return (
        f'<table class="rows"><caption>{html.escape(caption)}</caption><thead><tr>{head}</tr></thead>'
        f"<tbody>{said}</tbody></table>"
    )


def bar(share: float | None, what: str) -> str:
    """Return how much is done, 0 to 1; None where nobody can say."""
    value = "" if share is None else f' value="{min(1.0, max(0.0, share)):.2f}"'
    return f'<progress aria-label="{html.escape(what)}"{value}></progress>'


def heading(title: str, beside: str) -> str:
    """Return the panel's head: what it is of, and where."""
    return f'<div class="head"><strong>{html.escape(title)}</strong><span>{html.escape(beside)}</span></div>'


def links(targets: Iterable[tuple[str, str]]) -> str:
    """Return links to other tabs: what, and its address."""
    each = (
        f'<a href="{html.escape(address)}" target="_blank" rel="noopener">{html.escape(what)}</a>'
        for what, address in targets
    )
    return f'<div class="links">{"".join(each)}</div>'


def logs(text: str) -> str:
    """Return logs in a box of a fixed height, which the keyboard scrolls too."""
    return f'<pre class="logs" tabindex="0" role="region" aria-label="Logs">{html.escape(text)}</pre>'
