"""The worker in a YARN container: the program of a machine's service, of the container's name and size.

It ends when the scheduler has gone, for its application does; the next head asks for another.
"""

from __future__ import annotations

import asyncio
import os

from distributed import Nanny

from . import worker
from .metadata import read_metadata
from .shape import SYSTEM_CORES, SYSTEM_MEMORY


def in_container(metadata: dict[str, str]) -> dict[str, str]:
    """Return ``metadata`` as for a machine on which this container were the one worker."""
    vcores, mib = int(os.environ["SKEIN_RESOURCE_VCORES"]), int(os.environ["SKEIN_RESOURCE_MEMORY"])
    return metadata | {
        "name": os.environ["SKEIN_CONTAINER_ID"],
        "dask-vcpus": str(vcores + SYSTEM_CORES),
        "dask-memory": str((mib << 20) + SYSTEM_MEMORY),
        "dask-workload": "interactive",
        "dask-local-directory": os.getcwd(),
    }


if __name__ == "__main__":
    asyncio.run(worker.main(in_container(read_metadata()), Nanny))
