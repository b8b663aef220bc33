"""The emulator's process: the services put together on a unix socket, ending itself when nobody needs it."""

from __future__ import annotations

import asyncio
import contextlib
import json
import logging
import os
import signal
import time
from collections.abc import AsyncIterator, Coroutine
from dataclasses import dataclass
from pathlib import Path

import grpc.aio

from ..clusters.clock import Clock
from .autoscaler import Autoscaler
from .calls import Calls
from .capacity import Limits
from .clusters import ClusterController
from .control import control
from .descriptors import Api, Proto, load
from .faults import Faults, JumpingClock
from .inventory import Entry, Inventory
from .jobs import JobController
from .lifecycle import Lifecycle
from .losses import Losses
from .misfortune import Misfortune
from .operations import Operations
from .policies import AutoscalingPolicies
from .rpc import Activity, handlers, methods
from .runs import Runs
from .schedule import due
from .state import Shelf, write
from .vms import Machines

SOCKET, ANNOUNCEMENT = "dataproc.sock", "emulator.json"
SWEEP = 0.2
"""Real seconds between two looks at schedules, masters and idleness."""
STOP_GRACE = 1.0
"""Real seconds that calls under way get when the server is told to end."""
MAX_MESSAGE = 64 << 20
log = logging.getLogger(__name__)


@dataclass(frozen=True, slots=True)
class Settings:
    """How the process was started.

    Attributes
    ----------
    runtime, state : Path
        Folders of what lives as long as the process, and of what outlives it.
    clock_scale : float
    idle : float
        Real seconds without clusters and calls after which the process ends.
    redirect : bool
        Whether unmodified clients are to be redirected here by their environment.
    limits : Limits
        Quotas, and zones with room.
    """

    runtime: Path
    state: Path
    clock_scale: float
    idle: float
    redirect: bool
    limits: Limits = Limits()


class Emulator:
    """The services and what they share.

    Parameters
    ----------
    api : Api
    machines : Machines
    clock : JumpingClock
    state : Path
        Folder of what outlives the process.
    limits : Limits
    """

    def __init__(self, api: Api, machines: Machines, clock: JumpingClock, state: Path, limits: Limits) -> None:
        self.activity = Activity()
        self.faults = Faults(methods(api))
        self.calls = Calls(self.faults)
        self._api = api
        self._clock = clock
        self._inventory = Inventory(api, Shelf(state / "clusters"), machines)
        self._operations = Operations(api, Shelf(state / "operations"), clock)
        self._runs = Runs(
            api, Shelf(state / "jobs"), self._inventory, self._operations, machines, clock, state / "drivers"
        )
        misfortune = Misfortune(self.faults, limits, self._inventory, clock)
        self._losses = Losses(self._inventory, machines, misfortune)
        self._lifecycle = Lifecycle(self._inventory, self._operations, clock, self._runs.abandon, misfortune)
        self.faults.events = {
            "preempt": self._losses.preempt,
            "vm-death": self._losses.die,
            "clock-jump": clock.jump,
        }
        self._policies = AutoscalingPolicies(api, Shelf(state / "policies"), self._inventory)
        self._autoscaler = Autoscaler(api, self._inventory, self._lifecycle, self._policies, machines, clock)

    def services(self, diagnostics: Path) -> dict[str, object]:
        """Return the objects that answer each service."""
        clusters = ClusterController(
            self._api, self._inventory, self._operations, self._lifecycle, self._policies, self._clock, diagnostics
        )
        return {
            "ClusterController": clusters,
            "JobController": JobController(self._api, self._runs, self._inventory, self._operations),
            "AutoscalingPolicyService": self._policies,
            "Operations": self._operations,
        }

    def recover(self) -> None:
        """Take up what an earlier server left: adopt what lives, end what does not."""
        self._runs.recover()
        self._lifecycle.recover()

    async def watch(self, idle: float) -> None:
        """Follow schedules, masters and policies; return after ``idle`` real seconds without clusters and calls."""
        scaling = asyncio.create_task(self._autoscaler.follow())
        try:
            await self._sweep(idle)
        finally:
            scaling.cancel()

    async def _sweep(self, idle: float) -> None:
        while len(self._inventory) or self.activity.quiet() < idle:
            for entry in self._inventory:
                self._lifecycle.check_head(entry)
                self._losses.replace(entry)
                if kind := due(entry.cluster, entry.life_from, self._clock.now()):
                    self._lifecycle.begin(kind, self._scheduled(entry), entry)
            await asyncio.sleep(SWEEP)

    def _scheduled(self, entry: Entry) -> Proto:
        place = {"project_id": entry.cluster.project_id, "region": entry.region}
        return self._api.DeleteClusterRequest(**place, cluster_name=entry.cluster.cluster_name)


async def serve(settings: Settings, machines: Machines) -> None:
    """Serve until told to end, or until nobody needs it. VMs live on."""
    state = settings.state / "emulator"
    kept = take_up_clock(state / "clock.json", settings.clock_scale)
    clock = JumpingClock(kept.origin, kept.scale)
    api = load(state)
    emulator = Emulator(api, machines, clock, state, settings.limits)
    emulator.recover()
    path = settings.runtime / SOCKET
    for name in (SOCKET, ANNOUNCEMENT):  # of a server that was killed
        (settings.runtime / name).unlink(missing_ok=True)
    options = [("grpc.max_receive_message_length", MAX_MESSAGE), ("grpc.so_reuseport", 0)]
    server = grpc.aio.server(options=options)
    server.add_generic_rpc_handlers(
        handlers(api, emulator.services(state / "diagnostics"), emulator.activity, emulator.calls)
    )
    server.add_insecure_port(f"unix:{path}")
    await server.start()
    path.chmod(0o600)
    async with control(settings.runtime, emulator.faults), _redirect(settings) as redirect:
        _announce(settings, clock, redirect, machines)
        await _until_told(emulator.watch(settings.idle))
        await server.stop(STOP_GRACE)
    for name in (SOCKET, ANNOUNCEMENT):
        (settings.runtime / name).unlink(missing_ok=True)


def take_up_clock(path: Path, scale: float) -> Clock:
    """Return the clock of ``scale``; the one of the server before, if it ran as fast, so that no time is lost."""
    with contextlib.suppress(FileNotFoundError):
        kept = json.loads(path.read_text())
        if kept["scale"] == scale:
            return Clock(**kept)
    clock = Clock(time.time(), scale)
    write(path, {"origin": clock.origin, "scale": clock.scale})
    return clock


async def _until_told(watching: Coroutine[None, None, None]) -> None:
    """Run ``watching`` to its end, or until SIGTERM or SIGINT."""
    task = asyncio.create_task(watching)
    loop = asyncio.get_running_loop()
    for number in (signal.SIGTERM, signal.SIGINT):
        loop.add_signal_handler(number, task.cancel)
    with contextlib.suppress(asyncio.CancelledError):
        await task


@contextlib.asynccontextmanager
async def _redirect(settings: Settings) -> AsyncIterator[dict[str, str] | None]:
    if not settings.redirect:
        yield None
        return
    from .redirect import Redirect

    async with Redirect(settings.runtime, settings.runtime / SOCKET) as redirect:
        yield redirect.environment()


def _announce(settings: Settings, clock: Clock, redirect: dict[str, str] | None, machines: Machines) -> None:
    announcement = {
        "pid": os.getpid(),
        "socket": str(settings.runtime / SOCKET),
        "started": time.time(),
        "clock": {"origin": clock.origin, "scale": clock.scale},
        "redirect": redirect,
        "nodes": machines.about(),
    }
    write(settings.runtime / ANNOUNCEMENT, announcement)
    log.info("listening on %s", announcement["socket"])
