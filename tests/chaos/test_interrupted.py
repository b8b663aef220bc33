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
