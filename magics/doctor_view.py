"""What doctor found, for people: a table, and a report with what each finding was seen by and what mends it. Pure."""

from __future__ import annotations

import html
from collections.abc import Sequence
from dataclasses import dataclass

from .doctor import Finding
from .page import framed, page
from .panel_html import heading
from .render import Table

MARKS = {"ok": "ok", "warn": "WARN", "fail": "FAIL"}
TONES = {"ok": "ok", "warn": "warns", "fail": "fails"}


@dataclass(frozen=True, slots=True)
class DoctorView:
    """Findings under a title.

    Attributes
    ----------
    title, beside : str
        What was looked at, and where and when.
    findings : sequence of Finding
        With their cures as one types them here.
    """

    title: str
    beside: str
    findings: Sequence[Finding]

    def text(self) -> str:
        """Return a table, under each finding what it was seen by."""
        rows = [
            row
            for each in self.findings
            for row in (
                (MARKS[each.status], each.check, said(each)),
                *(("", "", f"  {line}") for line in each.evidence),
            )
        ]
        return Table(rows).text()

    def html(self) -> str:
        """Return the same in the style of the panels."""
        return framed(self._body())

    def page(self) -> str:
        """Return it as a page of its own."""
        return page(f"{self.title}: {self.beside}", self._body())

    def bundle(self) -> dict[str, str]:
        """Return text and HTML as one mimebundle."""
        return {"text/plain": self.text(), "text/html": self.html()}

    def _body(self) -> str:
        head = "".join(f'<th scope="col">{name}</th>' for name in ("result", "check", "found"))
        rows = "".join(map(_row, self.findings))
        table = f'<table class="rows"><thead><tr>{head}</tr></thead><tbody>{rows}</tbody></table>'
        return heading(self.title, self.beside) + table


def said(finding: Finding) -> str:
    """Return what was found, and what to do about it, in one line."""
    return f"{finding.text}  Try:  {finding.cure}" if finding.cure else finding.text


def _row(finding: Finding) -> str:
    lines = "".join(f'<div class="quiet">{html.escape(line)}</div>' for line in finding.evidence)
    cure = f'<div class="hint">Try: <code>{html.escape(finding.cure)}</code></div>' if finding.cure else ""
    mark = f'<td class="word {TONES[finding.status]}">{MARKS[finding.status]}</td>'
    what = f'<td class="name">{html.escape(finding.check)}</td>'
    return f"<tr>{mark}{what}<td>{html.escape(finding.text)}{lines}{cure}</td></tr>"
