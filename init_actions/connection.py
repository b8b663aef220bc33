"""The cluster's connection file: where its scheduler listens and the keys to it, for whoever may read in staging.

``{staging}/clusters/{cluster uuid}/connection.json`` with ``scheduler``, ``dashboard``, ``certificate`` and ``key``.
Written by the head, whole or not at all; read by workers and, on the client's side, by ``clusters/connection.py``.
"""

from __future__ import annotations

import asyncio
import json
import os
import tempfile
import time
from collections.abc import Mapping
from pathlib import Path
from typing import Any

from distributed.security import Security

LOCAL_POLL, REMOTE_POLL = 0.005, 1.0


def connection_url(metadata: dict[str, str]) -> str:
    """Return the URL of the connection file of the cluster that ``metadata`` is a node of."""
    return f"{metadata['dask-staging'].rstrip('/')}/clusters/{metadata['dataproc-cluster-uuid']}/connection.json"


def security(found: dict[str, str]) -> Security:
    """Return the TLS settings that ``found``, a connection file, stands for."""
    pem = {"cert": found["certificate"], "key": found["key"]}
    roles = {f"tls_{role}_{part}": text for role in ("client", "scheduler", "worker") for part, text in pem.items()}
    return Security(tls_ca_file=found["certificate"], require_encryption=True, **roles)


def publish(url: str, content: Mapping[str, Any]) -> None:
    """Write ``content`` to ``url`` at once; on a file system for the owner alone."""
    path = _local(url)
    if path is None:
        import fsspec

        fs, target = fsspec.core.url_to_fs(url)
        fs.pipe_file(target, json.dumps(content).encode())
        return
    path.parent.mkdir(parents=True, exist_ok=True, mode=0o700)
    handle, name = tempfile.mkstemp(dir=path.parent)  # 0600 from the start
    with os.fdopen(handle, "w") as file:
        json.dump(content, file)
    os.replace(name, path)


def fetch(url: str) -> dict[str, str] | None:
    """Return what was published at ``url``, or None as long as nothing was."""
    path = _local(url)
    try:
        if path is not None:
            return json.loads(path.read_text())
        import fsspec

        fs, target = fsspec.core.url_to_fs(url)
        fs.invalidate_cache()
        return json.loads(fs.cat_file(target))
    except FileNotFoundError:
        return None


async def wait_for(url: str, timeout: float) -> dict[str, str]:
    """Return what is published at ``url``, as soon as it is.

    Raises
    ------
    TimeoutError
        Nothing was there after ``timeout`` seconds.
    """
    deadline = time.monotonic() + timeout
    local = _local(url) is not None
    while time.monotonic() < deadline:
        found = fetch(url) if local else await asyncio.to_thread(fetch, url)
        if found is not None:
            return found
        await asyncio.sleep(LOCAL_POLL if local else REMOTE_POLL)
    raise TimeoutError(f"no connection file at {url} after {timeout:.0f} s: the head did not come up")


def _local(url: str) -> Path | None:
    if url.startswith("file://"):
        return Path(url.removeprefix("file://"))
    return None if "://" in url else Path(url)
