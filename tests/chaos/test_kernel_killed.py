"""A kernel killed at any moment leaves nothing once its lease has ended: Dataproc itself deletes the cluster."""

from __future__ import annotations

import signal
import time
from concurrent.futures import ThreadPoolExecutor
from dataclasses import dataclass
from pathlib import Path

import pytest

from dask_dataproc.clusters.phases import UP

KERNEL = Path(__file__).with_name("kernel.py")
SCALE, LEASE = 240, 1200
LATE = 3.0
"""Real seconds that the emulator may be late on a busy machine: it looks at its clusters five times a second."""
MOMENTS = [*((phase, "SIGKILL") for phase in (*UP, "running", "scale", "down")), ("running", "SIGTERM")]


@dataclass(frozen=True)
class Death:
    """How a kernel ended: its cluster's name, its exit status, when (unix seconds), and what there was right after."""

    name: str
    status: int
    moment: float
    left: frozenset[str]


@pytest.fixture(scope="module")
def laptop(new_laptop):
    """One on which a lease takes five seconds."""
    return new_laptop(emulator__clock_scale=str(SCALE), lease=f"{LEASE}s")


@pytest.fixture(scope="module")
def deaths(laptop) -> dict[tuple[str, str], Death]:
    """All the kernels of this module, killed; two at a time, so that their leases end beside each other."""

    def kill(moment: tuple[str, str]) -> Death:
        phase, signal_name = moment
        name = f"{phase}-{signal_name.lower()}"
        kernel = laptop.start(KERNEL, name, phase, signal_name)
        kernel.communicate(timeout=120)
        died = time.time()
        return Death(name, kernel.returncode, died, frozenset(laptop.clusters()))

    laptop.clusters()  # the emulator runs
    with laptop.here(), ThreadPoolExecutor(2) as pool:
        return dict(zip(MOMENTS, pool.map(kill, MOMENTS), strict=True))


@pytest.mark.parametrize("moment", MOMENTS, ids="-".join)
def test_a_killed_kernel_leaves_no_cluster_after_one_lease(laptop, deaths, moment):
    death = deaths[moment]
    assert death.status == -signal.Signals[moment[1]]
    lease_ends = death.moment + LEASE / SCALE + LATE
    laptop.until(lambda: death.name not in laptop.clusters(), timeout=max(0.1, lease_ends - time.time()))
    assert not laptop.machines(death.name)


def test_those_that_had_made_a_cluster_had_one_when_they_died(deaths):
    made = {moment for moment, death in deaths.items() if death.name in death.left}
    before = UP[: UP.index("create") + 1]
    assert made == {moment for moment in MOMENTS if moment[0] not in before}
