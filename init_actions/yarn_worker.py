"""The worker in a YARN container: the program of a machine's service, of the container's name and size.

It ends when the scheduler has gone, for its application does; the next head asks for another.
"""

from __future__ import annotations

import asyncio
import os
import signal
import sys
from typing import Any

from distributed import Nanny

from . import settings, worker
from .metadata import read_metadata
from .shape import SYSTEM_CORES, SYSTEM_MEMORY

PRELOADS = "distributed.worker.preload"
LEFT = 128 + signal.SIGTERM
"""Exit code of a container that was told to go, not by its own cluster: YARN's master replaces what has failed."""


def main() -> int:
    """Run the container's worker until it ends; return the exit code."""
    settings.DASK[PRELOADS] = [*settings.DASK[PRELOADS], f"{__package__}.yarn_worker"]
    told_to_go = asyncio.run(worker.main(in_container(read_metadata()), Nanny))
    return LEFT if told_to_go else 0


def in_container(metadata: dict[str, str]) -> dict[str, str]:
    """Return ``metadata`` as for a machine on which this container were the one worker."""
    vcores, mib = int(os.environ["SKEIN_RESOURCE_VCORES"]), int(os.environ["SKEIN_RESOURCE_MEMORY"])
    return metadata | {
        "name": os.environ["SKEIN_CONTAINER_ID"],
        "dask-vcpus": str(vcores + SYSTEM_CORES),
        "dask-memory": str((mib << 20) + SYSTEM_MEMORY),
        "dask-shape": "interactive",  # one worker, whatever the workload
        "dask-local-directory": os.getcwd(),
        "dask-worker-port": "0",  # its machine may have another
    }


def dask_setup(_: Any) -> None:
    """Let the worker's process live on when YARN has SIGTERM sent to all that a container runs: it holds the data.

    The nanny moves that, and then ends its worker. No SIG_IGN: what tasks start would inherit it.
    """
    signal.signal(signal.SIGTERM, lambda *_: None)


if __name__ == "__main__":
    sys.exit(main())
