"""Every fault in every phase of a session: what comes of it, what a person reads, and that nothing is left.

A session brings a cluster up, computes, scales it and closes it. The fault is asked for at the moment a phase begins;
one that concerns a later call or operation waits for that. In the phases ``stage`` and ``connect`` nothing is asked of
Dataproc: what strikes there strikes in the next one.
"""

from __future__ import annotations

import re
import time
from collections.abc import Iterable
from contextlib import suppress

import dask
import pytest
from distributed.client import FutureCancelledError

from dask_dataproc import ClusterNotFound, DaskDataprocError, DataprocCluster
from dask_dataproc.clusters.fleet import delete_cluster

MAKING, COMING = ("service", "create"), ("boot", "workers", "ready")
PHASES = (*MAKING, *COMING, "scale", "down")
RUNNING = (*COMING, "scale")
FOREVER = 10_000
BOUNDS = {"call": "10s", "create": "40s", "scale": "20s", "delete": "20s"}
LONGEST = 100.0
"""Seconds that a session may take on a busy machine: the sum of its bounds, and some calls."""
FINE = "fine"
LEFT = "may be there still, until its lease ends"

FAULTS = {
    "quota": {"available": 0},
    "stockout": {"times": FOREVER, "zonesAvailable": ""},
    "init-action": {"output": "begins\nuv: no space left on device\n"},
    "missing-worker": {"seconds": 0.3},
    "slow-create": {"seconds": 0.5},
    "permission": {},
    "throttle": {},
    "lost-reply": {},
    "cut": {},
    "preempt": {},
    "vm-death": {},
    "clock-jump": {"seconds": 7200},
}


def each(phases: Iterable[str], said: str) -> dict[str, str]:
    return dict.fromkeys(phases, said)


NO_ZONE = r".*: The zone 'projects/local/zones/us-central1-b' does not have enough resources available .*"
SPACE = r"ClusterFailed: cluster NAME: begins / uv: no space left on device\n  Try:  the whole output: .*_output"
MISSING = r"ClusterFailed: cluster NAME: Operation timed out: Only 1 out of 2 minimum required node managers running.*"
DEAD = r"ClusterFailed: cluster NAME: NAME-w-0 ended with status -9.*|WaitTimeout: NAME: not up after 8 s.*"
DENIED = r"PermissionDenied: .*: Permission 'dataproc\.{}' denied .* ask for roles/dataproc.editor, which has .*"
SLOW = r"WaitTimeout: scale NAME to 3 workers: not all have registered after .*"
GONE = (
    r"ClusterFailed: .*: The operation was cancelled.*|ClusterFailed: NAME exists and is DELETING.*|"
    r"ClusterNotFound: .*NAME.*|ServiceError: .*auto_delete_time.*|ClusterFailed: NAME: the scheduler .*|Dask's own: .*"
)
EXPECTED = {
    "quota": {
        **each(MAKING, r"QuotaExceeded: create NAME: 12 CPUS asked, 0 left in the project's quota\n.*"),
        **each(RUNNING, r"QuotaExceeded: update NAME: 4 CPUS asked, 0 left in .*; NAME has 2 workers as before\n.*"),
    },
    "stockout": {
        **each(MAKING, rf"Stockout: cluster NAME{NO_ZONE}\n.*"),
        **each(RUNNING, rf"Stockout: scale NAME to 3 workers{NO_ZONE}; NAME has 2 workers as before\n.*"),
    },
    "init-action": each(MAKING, SPACE) | each(COMING, f"{FINE}|{SPACE}"),
    "missing-worker": each(MAKING, MISSING) | each(COMING, f"{FINE}|{MISSING}"),
    "permission": {
        "service": DENIED.format(r"clusters\.list"),
        "create": DENIED.format(r"clusters\.create"),
        **each(COMING, DENIED.format(r"(operations|clusters)\.get")),
        "scale": DENIED.format(r"clusters\.update"),
        "down": rf"PermissionDenied: delete NAME: Permission 'dataproc\.clusters\.delete' denied .*; NAME {LEFT}\n.*",
    },
    "vm-death": each(COMING, f"{FINE}|{DEAD}|{SLOW}") | {"scale": f"{FINE}|{SLOW}"},
    "clock-jump": each(COMING, GONE) | {"scale": GONE},
}
"""How a session ends, by fault and phase; the others end well, whatever struck them."""


@pytest.fixture(scope="module")
def shared_laptop(new_laptop):
    """One of this module's own, on which every staged file is a session's."""
    return new_laptop()


def outcome(name: str, strike, spot: int = 0, **bounds: str) -> str:
    """Return how a session with ``spot`` workers besides two others ended, as a person reads it."""
    timeouts = {f"dataproc.timeouts.{key}": value for key, value in (BOUNDS | bounds).items()}
    try:
        with (
            dask.config.set(timeouts),
            DataprocCluster(
                name=name, n_workers=2, secondary_workers=spot, secondary_type="spot", on_phase=strike
            ) as cluster,
            cluster.get_client() as client,
        ):
            assert cluster.created_here, "the second cluster of that name, and the first is nobody's"
            three = client.submit(sum, [1, 2])
            cluster.scale(3 + spot)
            assert three.result() == 3
    except DaskDataprocError as error:
        return error.lines()
    except (OSError, FutureCancelledError) as error:  # a client whose cluster has gone
        return f"Dask's own: {error}"
    return FINE


def struck_at(phase: str, faults, kind: str, **settings):
    """Return a listener that asks for a fault when ``phase`` begins for the first time."""
    struck = []

    def strike(now) -> None:
        if (now.name, now.seconds) == (phase, None) and not struck:
            struck.append(now)
            faults.ask(kind, **settings)

    return strike


def check(laptop, name: str, came: str, expected: str) -> None:
    """Assert how a session ended, and that nothing is left, or what is left can be deleted as the error says."""
    assert re.fullmatch(expected.replace("NAME", re.escape(name)), came, re.DOTALL), came
    if LEFT in came:
        assert came.endswith(f"Try:  %dask_cluster down {name}")
        with suppress(ClusterNotFound):  # it was never made, but nobody could be asked
            delete_cluster(name)
    assert name not in laptop.clusters()
    assert not laptop.machines(name)
    assert not laptop.staged()


@pytest.mark.parametrize("phase", PHASES)
@pytest.mark.parametrize("kind", FAULTS)
def test_a_fault_in_a_phase_ends_as_designed_and_leaves_nothing(laptop, faults, kind, phase):
    name, began = f"{kind}-{phase}", time.monotonic()
    bounds = {"create": "8s", "scale": "5s"} if kind == "vm-death" else {}
    came = outcome(name, struck_at(phase, faults, kind, **FAULTS[kind]), spot=int(kind == "preempt"), **bounds)
    assert time.monotonic() - began < LONGEST
    faults.clear()
    if kind == "clock-jump":
        faults.ask(kind, seconds=-7200)
    check(laptop, name, came, EXPECTED.get(kind, {}).get(phase, FINE))


@pytest.mark.parametrize("phase", ["create", "boot", "scale", "down"])
@pytest.mark.parametrize(
    ("kind", "said"),
    [
        ("throttle", "Throttled: .*NAME: Quota exceeded for quota metric .*, and so for 2 s"),
        ("cut", "ServiceError: .*NAME: Socket closed, and so for 2 s"),
    ],
)
def test_what_does_not_end_is_named_when_the_call_has_had_its_time(laptop, faults, kind, said, phase):
    name = f"endless-{kind}-{phase}"
    came = outcome(name, struck_at(phase, faults, kind, times=FOREVER), call="2s")
    faults.clear()
    check(laptop, name, came, rf"{said}; NAME {LEFT}\n.*")


@pytest.mark.parametrize(
    ("phase", "bounds", "said"),
    [
        ("create", {"create": "2s"}, "WaitTimeout: NAME: not up after 2 s; it has been deleted"),
        ("scale", {"scale": "1s"}, SLOW),
    ],
)
def test_machines_that_take_too_long_are_given_up(laptop, faults, phase, bounds, said):
    name = f"too-slow-{phase}"
    came = outcome(name, struck_at(phase, faults, "slow-create", seconds=3600), **bounds)
    check(laptop, name, came, said)
