"""Stands in for gcloud: says what `compute start-iap-tunnel` says, and really forwards a port of loopback."""

import asyncio
import json
import sys
from pathlib import Path


async def main() -> None:
    """Do what the file beside this program says: fail, keep silent, or forward to a port."""
    here = Path(sys.argv[0]).parent
    (here / "asked.json").write_text(json.dumps(sys.argv[1:]))
    does = json.loads((here / "does.json").read_text())
    if "fail" in does:
        sys.exit(does["fail"])

    async def join(reader: asyncio.StreamReader, writer: asyncio.StreamWriter) -> None:
        there, back = await asyncio.open_connection("127.0.0.1", does["port"])
        await asyncio.gather(carry(reader, back), carry(there, writer))

    async def carry(reader: asyncio.StreamReader, writer: asyncio.StreamWriter) -> None:
        while data := await reader.read(65536):
            writer.write(data)
            await writer.drain()
        writer.close()

    server = await asyncio.start_server(join, "127.0.0.1", 0)
    if does.get("says", True):
        port = server.sockets[0].getsockname()[1]
        print(f"Picking local unused port [{port}].\nTesting if tunnel connection works.", file=sys.stderr, flush=True)
        print(f"Listening on port [{port}].", flush=True)
    await server.serve_forever()


asyncio.run(main())
