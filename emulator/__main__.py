"""``python -m dask_dataproc.emulator``: one server for each runtime folder; whoever comes second ends at once."""

from __future__ import annotations

import argparse
import asyncio
import fcntl
import logging
import os
import sys
from pathlib import Path

from .vms import Machines, MachinesError

UNABLE = 2
"""Exit status where the emulator cannot run as it was asked to; its last line says why."""
DESCRIPTION = (
    "Dataproc on one machine, for development and tests: the v1 API on a unix socket, VMs as processes or Debian nodes."
)


def main() -> None:
    """Start the server unless one has the lock."""
    given = _arguments()
    given.runtime, given.state = given.runtime.resolve(), given.state.resolve()
    try:
        _serve(given, _machines(given))
    except MachinesError as error:
        print(error, file=sys.stderr)  # noqa: T201  # the last line of the log
        sys.exit(UNABLE)


def _serve(given: argparse.Namespace, machines: Machines) -> None:
    given.runtime.mkdir(parents=True, exist_ok=True, mode=0o700)
    (given.state / "emulator").mkdir(parents=True, exist_ok=True, mode=0o700)
    lock = os.open(given.runtime / "emulator.lock", os.O_RDWR | os.O_CREAT | os.O_CLOEXEC, 0o600)
    try:
        fcntl.flock(lock, fcntl.LOCK_EX | fcntl.LOCK_NB)
    except BlockingIOError:
        return
    logging.basicConfig(level=logging.INFO, format="%(asctime)s %(levelname)s %(name)s: %(message)s")
    asyncio.run(_run(given, machines))


async def _run(given: argparse.Namespace, machines: Machines) -> None:
    await machines.start()
    # Only now: these imports run beside those of the zygote, which take longer.
    from .capacity import Limits
    from .server import Settings, serve

    limits = Limits(given.quotas, given.zones)
    await serve(Settings(given.runtime, given.state, given.clock_scale, given.idle, given.redirect, limits), machines)
    await machines.aclose()
    logging.shutdown()
    # Not sys.exit: asyncio would kill the drivers of running jobs on its way out.
    os._exit(0)


def _machines(given: argparse.Namespace) -> Machines:
    folder = given.state / "emulator" / "machines"
    if given.nodes == "processes":
        from .processes import ProcessMachines

        return ProcessMachines(given.runtime, folder, given.light)
    from .debian import DebianMachines

    return DebianMachines(given.runtime, folder, given.image, given.layers, given.internet)


def _arguments() -> argparse.Namespace:
    parser = argparse.ArgumentParser(prog="python -m dask_dataproc.emulator", description=DESCRIPTION)
    parser.add_argument("--runtime", type=Path, required=True, help="folder of the socket and the lock")
    parser.add_argument("--state", type=Path, required=True, help="folder of what outlives the server")
    parser.add_argument("--clock-scale", type=float, default=1.0, help="seconds of the service's time in a real one")
    parser.add_argument(
        "--idle", type=float, default=900.0, help="end after so many seconds without clusters and calls"
    )
    parser.add_argument(
        "--redirect", action="store_true", help="take unmodified clients in by a proxy and a certificate"
    )
    parser.add_argument("--nodes", choices=("processes", "debian"), default="processes", help="what a VM is")
    parser.add_argument("--light", action="store_true", help="processes: workers that take little")
    parser.add_argument("--image", type=_folder, help="Debian nodes: the root file system, made by image/base.sh")
    parser.add_argument("--layers", type=_folders, default=[], help="Debian nodes: folders laid over it, A:B")
    parser.add_argument("--internet", action="store_true", help="Debian nodes: they reach what this machine reaches")
    parser.add_argument("--quotas", type=_quotas, default={}, help="what a project may have in a region, CPUS=48,…")
    parser.add_argument("--zones", type=_counts, default={}, help="how many VMs zones have room for, us-central1-b=0,…")
    return parser.parse_args()


def _counts(given: str) -> dict[str, int]:
    pairs = (pair.partition("=") for pair in given.split(",") if pair)
    return {name.strip(): int(count) for name, _, count in pairs}


def _quotas(given: str) -> dict[str, int]:
    from .capacity import METRICS

    counts = _counts(given)
    if unknown := sorted(set(counts) - set(METRICS)):
        raise argparse.ArgumentTypeError(f"{unknown[0]!r} given, allowed is {', '.join(METRICS)}")
    return counts


def _folder(given: str) -> Path | None:
    return Path(given).resolve() if given else None


def _folders(given: str) -> list[Path]:
    return [Path(path).resolve() for path in given.split(":") if path]


if __name__ == "__main__":
    main()
