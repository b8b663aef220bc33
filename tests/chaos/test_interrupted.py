"""Ctrl-C at any moment leaves nothing at once, and is the exception one sees."""

from __future__ import annotations

import signal
from pathlib import Path

import pytest

from dask_dataproc.clusters.phases import UP

KERNEL = Path(__file__).with_name("kernel.py")


@pytest.mark.parametrize("phase", [*UP, "running", "scale", "down"])
def test_ctrl_c_leaves_nothing(laptop, phase):
    name = f"ctrl-c-{phase}"
    kernel = laptop.start(KERNEL, name, phase, "SIGINT")
    _, errors = kernel.communicate(timeout=60)
    assert name not in laptop.clusters()
    assert not laptop.machines(name)
    assert not laptop.staged()
    assert kernel.returncode == -signal.SIGINT, errors
    assert errors.splitlines()[-1] == "KeyboardInterrupt"
    assert "never awaited" not in errors
    assert "never retrieved" not in errors


@pytest.mark.parametrize(("phase", "fault"), [("retry", "stockout"), ("undo", "init-action")])
def test_ctrl_c_while_a_failed_attempt_is_undone_leaves_nothing(laptop, faults, phase, fault):
    faults.ask(fault)
    kernel = laptop.start(KERNEL, f"ctrl-c-{phase}", phase, "SIGINT")
    _, errors = kernel.communicate(timeout=60)
    assert f"ctrl-c-{phase}" not in laptop.clusters()
    assert not laptop.machines(f"ctrl-c-{phase}")
    assert not laptop.staged()
    assert kernel.returncode == -signal.SIGINT, errors
    assert errors.splitlines()[-1] == "KeyboardInterrupt"


def test_ctrl_c_in_a_slow_scale_keeps_the_cluster_and_its_results(laptop, faults):
    script = laptop.start("""
        import signal, threading
        from dask_dataproc import DataprocCluster
        from dask_dataproc.clusters.faults import emulator_fault

        def interrupt(phase):
            if phase.name == "scale" and phase.seconds is None and not struck:
                struck.append(phase)
                signal.pthread_kill(threading.main_thread().ident, signal.SIGINT)

        struck = []
        with DataprocCluster(name="ctrl-c-slow", n_workers=2, on_phase=interrupt) as cluster:
            client = cluster.get_client()
            kept = client.scatter(b"kept")
            emulator_fault("slow-create", seconds=1)
            try:
                cluster.scale(4)
            except KeyboardInterrupt:
                print(kept.result())
            cluster.scale(3)
            print(len(cluster.scheduler_info["workers"]))
    """)
    out, errors = script.communicate(timeout=60)
    assert out == "b'kept'\n3\n", errors
    assert not laptop.machines("ctrl-c-slow")


def test_ctrl_c_while_the_emulator_itself_starts_leaves_nothing(new_laptop):
    laptop = new_laptop()
    kernel = laptop.start(KERNEL, "cold", "service", "SIGINT")
    _, errors = kernel.communicate(timeout=60)
    assert kernel.returncode == -signal.SIGINT, errors
    assert laptop.clusters() == {}
    assert not laptop.machines()


def test_an_interrupt_after_the_last_phase_finds_a_cluster_to_close(laptop):
    script = laptop.start("""
        import os, signal, threading
        from dask_dataproc import DataprocCluster

        def interrupt(phase):
            if phase.name == "ready" and phase.seconds is not None:
                signal.pthread_kill(threading.main_thread().ident, signal.SIGINT)

        DataprocCluster(name="just-up", workers=0, on_phase=interrupt)
    """)
    _, errors = script.communicate(timeout=60)
    assert script.returncode == -signal.SIGINT, errors
    assert "just-up" not in laptop.clusters()
    assert not laptop.machines("just-up")
