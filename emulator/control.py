"""The control service beside the API: faults are asked for, listed and cleared, in lines of JSON on a unix socket."""

from __future__ import annotations

import asyncio
import contextlib
import json
from collections.abc import AsyncIterator
from pathlib import Path
from typing import Any

from .faults import Faults

SOCKET = "control.sock"


@contextlib.asynccontextmanager
async def control(folder: Path, faults: Faults) -> AsyncIterator[None]:
    """Answer on ``folder``/control.sock, which only its owner may open: one line asks, one answers."""

    async def serve(reader: asyncio.StreamReader, writer: asyncio.StreamWriter) -> None:
        with contextlib.suppress(ConnectionError):
            while line := await reader.readline():
                writer.write(json.dumps(await _answer(faults, line)).encode() + b"\n")
                await writer.drain()
        writer.close()

    path = folder / SOCKET
    path.unlink(missing_ok=True)
    server = await asyncio.start_unix_server(serve, path)
    path.chmod(0o600)
    try:
        yield
    finally:
        server.close()
        path.unlink(missing_ok=True)


async def _answer(faults: Faults, line: bytes) -> dict[str, Any]:
    try:
        asked = json.loads(line)
        struck = []
        if asked["do"] == "ask":
            struck = await faults.ask(asked["kind"], asked.get("times", 1), asked.get("settings"))
        elif asked["do"] == "clear":
            faults.clear()
        elif asked["do"] != "list":
            raise ValueError(f"do: {asked['do']!r} given, allowed is ask, list or clear")
        return {"faults": faults.listed(), "struck": struck}
    except (AttributeError, KeyError, TypeError, ValueError) as error:
        return {"error": f"{error}" if type(error) is ValueError else f"no request: {error!r}"}
