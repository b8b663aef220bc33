"""Lists as a person reads them in one line, and what a cluster costs as Dask's widget shows it."""

from __future__ import annotations

from collections.abc import Sequence

SHOWN = 3
"""So many of a kind are named."""


def some(texts: Sequence[str]) -> str:
    """Return the first few of ``texts``, and that there are more."""
    return ", ".join(texts[:SHOWN]) + (", …" if len(texts) > SHOWN else "")


def cost_row(price_per_hour: float | None, cost: float | None) -> str:
    """Return a row of HTML with two sums of USD, None where a price is not known."""
    cells = {"Price per hour": price_per_hour, "Cost so far": cost}
    said = {what: "not known" if usd is None else f"${usd:.2f}" for what, usd in cells.items()}
    return f"<tr>{''.join(f'<td><strong>{what}:</strong> {usd}</td>' for what, usd in said.items())}</tr>"
