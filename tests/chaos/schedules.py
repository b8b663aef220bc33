"""Sessions in which things go wrong at random, as a seed has it: the same seed is the same session.

``schedules.py SEED…`` works through the sessions of those seeds, one after the other, and writes how each ended as a
line of JSON.
"""

from __future__ import annotations

import contextlib
import json
import multiprocessing
import os
import random
import signal
import sys
import time
from collections.abc import Callable, Iterator
from dataclasses import asdict, dataclass, field
from typing import Any

import dask
from distributed import Client
from distributed.client import FutureCancelledError

from dask_dataproc import DaskDataprocError, DataprocCluster
from dask_dataproc.clusters.faults import AT_ONCE, emulator_fault, emulator_faults_clear
from dask_dataproc.clusters.local import emulator_start
from dask_dataproc.clusters.phases import UP, Phase

MOMENTS = (*UP, "computing", "scale", "adapting", "down")
BOUNDS = {"call": "2s", "create": "15s", "scale": "6s", "delete": "10s"}
HOUR = 3600
LONGEST = 75.0
"""Seconds after which a session hangs: the sum of its bounds, with retries."""
KILL = "kernel-death"
FORK = multiprocessing.get_context("fork")


@dataclass(frozen=True)
class Fault:
    """What goes wrong, when a session comes to ``moment``."""

    moment: str
    kind: str
    times: int = 1
    settings: dict[str, Any] = field(default_factory=dict)


def schedule(seed: int) -> list[Fault]:
    """Return the faults of session ``seed``: one to five; the clock does not jump where nobody could put it right."""
    chance = random.Random(seed)
    faults = [_fault(chance) for _ in range(chance.randint(1, 5))]
    killed = any(fault.kind == KILL for fault in faults)
    return [fault for fault in faults if not (killed and fault.kind == "clock-jump")]


def _fault(chance: random.Random) -> Fault:
    settings: dict[str, dict[str, Any]] = {
        "quota": {"available": chance.choice([0, 4, 9, 13])},
        "stockout": chance.choice([{}, {"zonesAvailable": ""}, {"zonesAvailable": "us-central1-f"}]),
        "init-action": {},
        "missing-worker": {"seconds": chance.randint(0, 2) * HOUR},
        "slow-create": {"seconds": chance.randint(0, 2) * HOUR / 4},
        "permission": {},
        "throttle": {},
        "lost-reply": {},
        "cut": {},
        "preempt": {},
        "vm-death": {},
        "clock-jump": {"seconds": chance.choice([-HOUR, HOUR, 3 * HOUR])},
        KILL: {},
    }
    kind = chance.choice(list(settings))
    times = 1 if kind in AT_ONCE else chance.choice([1, 1, 2, 5, 100])
    return Fault(chance.choice(MOMENTS), kind, times, settings[kind])


@contextlib.contextmanager
def struck(seed: int) -> Iterator[Callable[[str], None]]:
    """Give what is to be told each moment, and lets the faults of ``seed`` happen at theirs."""
    waiting = schedule(seed)

    def at(moment: str) -> None:
        for fault in [fault for fault in waiting if fault.moment == moment]:
            waiting.remove(fault)
            if fault.kind == KILL:
                os.kill(os.getpid(), signal.SIGKILL)
            emulator_fault(fault.kind, fault.times, **fault.settings)

    try:
        yield at
    finally:
        emulator_faults_clear()
        ahead = sum(f.settings["seconds"] for f in schedule(seed) if f.kind == "clock-jump" and f not in waiting)
        emulator_fault("clock-jump", seconds=-ahead)


def session(seed: int) -> str:
    """Bring a cluster up, compute, scale, adapt, compute and close it; return how that ended."""
    with struck(seed) as at, dask.config.set({f"dataproc.timeouts.{name}": value for name, value in BOUNDS.items()}):

        def on_phase(phase: Phase) -> None:
            if phase.seconds is None:
                at(phase.name)

        spec = {"secondary_workers": seed % 2, "secondary_type": "spot", "fallbacks": "n2d-standard-4"}
        try:
            with DataprocCluster(
                name=f"seed-{seed}", n_workers=2, **spec, fit=bool(seed % 3), on_phase=on_phase
            ) as cluster:
                _work(cluster, at)
        except (DaskDataprocError, OSError, FutureCancelledError) as error:  # the last where the head has gone
            return f"{type(error).__name__}: {error}"
    return "fine"


def _work(cluster: DataprocCluster, at: Callable[[str], None]) -> None:
    with Client(cluster, timeout="5s") as client:
        at("computing")
        assert client.gather(client.map(lambda x: x * x, range(20))) == [x * x for x in range(20)]
        cluster.scale(3)
        at("adapting")
        cluster.adapt(minimum=2, maximum=4, interval="50ms", wait_count=1)
        slow = client.map(lambda x: time.sleep(0.05) or x, range(20), pure=False)
        assert client.submit(sum, slow).result(timeout="10s") == sum(range(20))


def in_a_kernel(seed: int) -> str:
    """Return how session ``seed`` ended, in a process of its own, which may be killed."""
    ours, theirs = FORK.Pipe()
    kernel = FORK.Process(target=lambda: theirs.send(session(seed)))
    kernel.start()
    theirs.close()
    kernel.join(LONGEST)
    if kernel.is_alive():
        kernel.kill()
        return "hung"
    emulator_faults_clear()
    try:
        return ours.recv()
    except EOFError:
        return "killed" if kernel.exitcode == -signal.SIGKILL else f"failed with status {kernel.exitcode}"


if __name__ == "__main__":
    emulator_start()
    for seed in map(int, sys.argv[1:]):
        began = time.monotonic()
        ended = in_a_kernel(seed)
        told = {"seed": seed, "seconds": time.monotonic() - began, "ended": ended}
        print(json.dumps(told | {"faults": [asdict(fault) for fault in schedule(seed)]}), flush=True)
