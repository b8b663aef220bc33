"""The queries of a policy or dashboard, and the names of metrics in a query."""

from __future__ import annotations

import json
import re
from pathlib import Path

PUT_ASIDE = re.compile(r"\b(?:by|on|without) \([^)]*\)|\"[^\"]*\"|\$\{\w+\}|\[\w+\]")
NAMES = re.compile(r"[a-z_]+:?[a-z_]+(?=[\s{\[)<>=/]|$)(?!\s*\()")
OPERATORS = {"and", "or", "unless", "offset", "bool", "by"}
QUERIES = re.compile(r"\"(?:prometheusQuery|query)\": (\"(?:[^\"\\]|\\.)*\")")


def queries_of(file: Path) -> list[str]:
    """Every query in a file of JSON, wherever it stands."""
    return [json.loads(found) for found in QUERIES.findall(file.read_text())]


def names_in(query: str) -> set[str]:
    """The names of metrics in a query; labels, texts and durations are put aside."""
    return {name for name in NAMES.findall(re.sub(r"{[^}]*}", "", PUT_ASIDE.sub("", query))) if name not in OPERATORS}
