"""The client's own yarn-site.xml: where it is, and what it says of a property."""

from __future__ import annotations

import os
import xml.etree.ElementTree as ElementTree
from pathlib import Path

CONF = "/etc/hadoop/conf"
"""Where a Dataproc node has it."""


def read_site() -> ElementTree.Element | None:
    """Return the file's root element, or None where there is no such file."""
    path = Path(os.environ.get("HADOOP_CONF_DIR", CONF), "yarn-site.xml")
    return ElementTree.fromstring(path.read_text()) if path.is_file() else None


def properties(site: ElementTree.Element, name: str) -> list[ElementTree.Element]:
    """Return the elements that set property ``name``: the last one holds."""
    return [each for each in site.findall("property") if (each.findtext("name") or "").strip() == name]


def number(name: str) -> int | None:
    """Return the whole number that property ``name`` is set to, or None if it is not."""
    site = read_site()
    found = properties(site, name) if site is not None else []
    text = (found[-1].findtext("value") or "").strip() if found else ""
    return int(text) if text.isdigit() else None
