"""What an initialization action said as it failed: Dataproc names a file in a bucket, a person wants its last lines."""

from __future__ import annotations

import asyncio
import contextlib
import re

from .errors import ClusterFailed

NAMED = re.compile(r"see output in: ((?:gs|file)://[^\s,;]*[^\s,;.])")
"""How the message of a failed operation names the output of an initialization action on one node."""
LINES = 3
TAIL = 16 << 10
"""Bytes of an output's end that are looked at."""
LIMIT = 20.0
"""Seconds that reading may take: the error is told all the same."""


async def told_by_node(error: ClusterFailed) -> ClusterFailed:
    """Return ``error`` with what the node's initialization action said last, if its output can be read."""
    outputs = list(dict.fromkeys(NAMED.findall(error.message)))
    with contextlib.suppress(Exception):  # each file system has its own errors, and the cluster's is the one to tell
        async with asyncio.timeout(LIMIT):
            for url in outputs:
                if said := await asyncio.to_thread(_last_lines, url):
                    what = error.message.partition(":")[0]
                    return ClusterFailed(f"{what}: {said}", f"the whole output: gcloud storage cat {url}")
    return error


def _last_lines(url: str) -> str:
    import fsspec

    filesystem, path = fsspec.core.url_to_fs(url)
    lines = filesystem.tail(path, TAIL).decode(errors="replace").splitlines()
    return " / ".join([line.strip() for line in lines if line.strip()][-LINES:])
