"""The labels that say whose a cluster is and what it is for, and a label's value made of any text. Pure."""

from __future__ import annotations

import re
import unicodedata

OWNER = "owner"
"""The label that says whose a cluster is."""
NOTEBOOK = "notebook"
"""The label that says which notebook a cluster was made in."""
ROOM = 63
"""Characters of a label's value."""


def label_value(text: str) -> str:
    """Return ``text`` as a label's value: without accents, in lower case, a hyphen for each run of other characters.

    Everything that names an owner goes through it, so that a person's notebooks and DAGs are of one owner.
    """
    plain = unicodedata.normalize("NFKD", text).encode("ascii", "ignore").decode().lower()
    return re.sub(r"[^a-z0-9]+", "-", plain)[:ROOM].strip("-")
