"""What a node knows of itself: Compute Engine's metadata server, or the file that stands for it on the emulator."""

from __future__ import annotations

import json
import os
import urllib.request
from pathlib import Path

SERVER = "http://metadata.google.internal/computeMetadata/v1/instance"
TIMEOUT = 10.0


def read_metadata() -> dict[str, str]:
    """Return the node's custom attributes and its ``name``.

    From the JSON file named by NODE_METADATA if that is set, else from the metadata server.

    Raises
    ------
    OSError
        Neither answers.
    """
    file = os.environ.get("NODE_METADATA", "")
    if file:
        return json.loads(Path(file).read_text())
    return json.loads(_ask("attributes/?recursive=true")) | {"name": _ask("name"), "address": _ask(ADDRESS)}


ADDRESS = "network-interfaces/0/ip"


def _ask(path: str) -> str:
    request = urllib.request.Request(f"{SERVER}/{path}", headers={"Metadata-Flavor": "Google"})
    with urllib.request.urlopen(request, timeout=TIMEOUT) as answer:
        return answer.read().decode()
