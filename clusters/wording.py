"""Lists as a person reads them in one line."""

from __future__ import annotations

from collections.abc import Sequence

SHOWN = 3
"""So many of a kind are named."""


def some(texts: Sequence[str]) -> str:
    """Return the first few of ``texts``, and that there are more."""
    return ", ".join(texts[:SHOWN]) + (", …" if len(texts) > SHOWN else "")
