"""The service of a machine whose workers are YARN's containers: as it goes, the head moves what they hold.

systemd stops it before the NodeManager, which may end its containers in whatever way its own unit says.
"""

from __future__ import annotations

import asyncio
import contextlib
import signal
from typing import Any

import dask.config
from distributed.core import rpc

from . import connection, notify, preemption, settings
from .metadata import read_metadata
from .worker import ANSWER_TIMEOUT, find_head


async def main(metadata: dict[str, str]) -> None:
    """Wait for SIGTERM, then have the head move the data of the workers on this machine."""
    dask.config.set(settings.DASK)
    stop = asyncio.Event()
    asyncio.get_running_loop().add_signal_handler(signal.SIGTERM, stop.set)
    notify.ready()
    finding = asyncio.ensure_future(find_head(connection.connection_url(metadata)))
    await stop.wait()
    if finding.done() and not finding.exception():
        await _leave(finding.result(), metadata["address"])


async def _leave(found: dict[str, str], host: str) -> None:
    """Have the machine's workers leave; it is this service that counts preempted machines, not their containers."""
    preempted = await asyncio.to_thread(preemption.is_preempted, preemption.metadata_server())
    seconds = preemption.NOTICE if preempted else preemption.ORDER
    arguments = connection.security(found).get_connection_args("worker")
    with contextlib.suppress(OSError, TimeoutError):
        async with asyncio.timeout(seconds), rpc(found["scheduler"], connection_args=arguments) as head:
            known: Any = await head.identity(n_workers=-1)
            here = [address for address, about in known["workers"].items() if about["host"] == host]
            await head.leave(workers=here, preempted=preempted, seconds=seconds - ANSWER_TIMEOUT)


if __name__ == "__main__":
    asyncio.run(main(read_metadata()))
