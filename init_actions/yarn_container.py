"""The program in a YARN container: a Dask worker or scheduler. It travels as this one file, beside any environment.

Imports nothing of ours, and ``skein`` only where the scheduler's address is not told in the environment.
``services worker`` and ``services scheduler`` are the commands that dask-yarn's own specifications call.
"""

from __future__ import annotations

import argparse
import asyncio
import contextlib
import json
import os
import signal
import sys
from pathlib import Path
from typing import Any

from distributed import Scheduler
from distributed.security import Security
from distributed.utils import import_term

ADDRESS = "DASK_SCHEDULER_ADDRESS"
"""Environment variable with the scheduler's address, where it was known before the application was submitted."""
KEYS = "dask-keys.json"
"""The file with the TLS keys, which YARN puts into the container's folder, readable for its user alone."""
SCHEDULER_KEY, DASHBOARD_KEY = "dask.scheduler", "dask.dashboard"
"""Where both addresses are in skein's key-value store."""
DEATH_TIMEOUT = 60.0
"""Seconds a worker looks for the scheduler before it gives its container back."""


def main(arguments: list[str]) -> None:
    """Run the service that ``arguments`` name until it is told to end; an orderly end is exit code 0."""
    parser = argparse.ArgumentParser(prog="dask-yarn")
    service = parser.add_subparsers(required=True).add_parser("services").add_subparsers(required=True)
    worker = service.add_parser("worker")
    worker.add_argument("--nthreads", type=int, default=int(os.environ.get("SKEIN_RESOURCE_VCORES", "1")))
    worker.add_argument("--memory-limit", "--memory_limit", default=_container_memory())
    worker.add_argument("--worker-class", "--worker_class", default="dask.distributed.Nanny")
    worker.add_argument("--worker-options", "--worker_options", type=json.loads, default={})
    worker.set_defaults(run=run_worker)
    scheduler = service.add_parser("scheduler")
    scheduler.add_argument("--scheduler-class", default="")
    scheduler.add_argument("--scheduler-options", type=json.loads, default={})
    scheduler.set_defaults(run=run_scheduler)
    parsed = vars(parser.parse_args(arguments))
    asyncio.run(parsed.pop("run")(**parsed))


async def run_worker(nthreads: int, memory_limit: str, worker_class: str, worker_options: dict[str, Any]) -> None:
    """Run one worker, or nanny, named by its container, until it or the container is to end."""
    options = {
        "name": os.environ.get("SKEIN_CONTAINER_ID"),
        "nthreads": nthreads,
        "memory_limit": memory_limit,
        "death_timeout": DEATH_TIMEOUT,
        "local_directory": str(Path.cwd()),
        "security": security(),
    }
    address = os.environ.get(ADDRESS) or await asyncio.to_thread(_wait_for_address)
    cls = import_term(worker_class)
    await _until_told(cls(address, **options | worker_options))


async def run_scheduler(scheduler_class: str, scheduler_options: dict[str, Any]) -> None:
    """Run the scheduler, and tell its address through skein's key-value store."""
    import skein

    cls = import_term(scheduler_class) if scheduler_class else Scheduler
    keys = security()
    protocol = "tls://" if keys.require_encryption else "tcp://"
    scheduler = cls(**{"protocol": protocol, "security": keys, "dashboard_address": ":0"} | scheduler_options)
    application = skein.ApplicationClient.from_current()
    publish(application.kv, await scheduler)
    await _until_told(scheduler)


def publish(store: Any, scheduler: Any) -> None:
    """Write where ``scheduler`` listens into ``store``; its address last, because that is waited for."""
    if "dashboard" in scheduler.services:
        store[DASHBOARD_KEY] = str(scheduler.services["dashboard"].port).encode()
    store[SCHEDULER_KEY] = (scheduler.contact_address or scheduler.address).encode()


def security() -> Security:
    """Return the TLS settings of the keys that came with the container; without keys, those of Dask's configuration."""
    file = Path(os.environ.get("PWD", "."), KEYS)
    return Security(**json.loads(file.read_text())) if file.exists() else Security()


async def _until_told(server: Any) -> None:
    """Run ``server`` until it closes, or YARN ends the container with SIGTERM."""
    closing: list[asyncio.Task[None]] = []
    asyncio.get_running_loop().add_signal_handler(
        signal.SIGTERM, lambda: closing.append(asyncio.ensure_future(server.close()))
    )
    async with server:
        await server.finished()
    for task in closing:
        with contextlib.suppress(asyncio.CancelledError):
            await task


def _wait_for_address() -> str:
    import skein

    store: Any = skein.ApplicationClient.from_current().kv
    return store.wait(SCHEDULER_KEY).decode()


def _container_memory() -> str:
    return f"{os.environ['SKEIN_RESOURCE_MEMORY']} MiB" if "SKEIN_RESOURCE_MEMORY" in os.environ else "auto"


if __name__ == "__main__":
    main(sys.argv[1:])
